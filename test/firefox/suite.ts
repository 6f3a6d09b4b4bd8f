// The core in Firefox, whose WebGPU is wgpu: kernels and real weights as in op-suite.ts and golden-suite.ts, and what is the
// browser's own: canvases, bitmaps, files from a server, the element, a worker. Runs in a page that run.mjs serves.

import { defineLatentPreview } from '../../src/element/index';
import { createPreviewer, latentsFromArray, loadLatents } from '../../src/index';
import { toFloat32 } from '../../src/tensor';
import { type GoldenFamily, goldenCases } from '../golden-suite';
import { runCases, type SuiteResult, suiteCases } from '../op-suite';

const get = async (path: string): Promise<Response> => {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response;
};

/** 5 × 3 pixels of one colour, as latents of pixel space: their picture is known without the library. */
const colour = (...rgb: readonly [number, number, number]) =>
  latentsFromArray(
    Float32Array.from({ length: 45 }, (_, i) => (rgb[Math.floor(i / 15)]! / 255) * 2 - 1),
    { shape: [1, 3, 3, 5] },
  );

/** Size and colours of what a canvas or bitmap shows; one colour where all of it has it. */
function seen(picture: CanvasImageSource & { width: number; height: number }): string {
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext('2d')!;
  context.drawImage(picture, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, picture.width, picture.height);
  const colours = new Set(Array.from({ length: width * height }, (_, i) => data.slice(i * 4, i * 4 + 4).join(' ')));
  return `${width}×${height} ${[...colours].join(', ')}`;
}

function equal(actual: string, expected: string): void {
  if (actual !== expected) throw new Error(`${actual}, expected ${expected}`);
}

const addCanvas = (): HTMLCanvasElement => document.body.appendChild(document.createElement('canvas'));

/** Until what was drawn is on the screen. */
const nextFrames = (): Promise<unknown> =>
  new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 100))));

/** Numbers as the .json beside a fixture has them: `nan` and infinities are words. */
const same = (a: number, b: number | string): boolean => Object.is(a, Number(b));

/** Names, and what throws where something is wrong. */
const ofTheBrowser: Record<string, () => Promise<void>> = {};

for (const backend of ['webgpu', 'cpu'] as const) {
  ofTheBrowser[`pictures: ${backend}`] = async () => {
    const previewer = await createPreviewer({ format: 'pixel', backend });
    equal(previewer.backend, backend);
    const canvas = addCanvas();
    for (const size of [{ width: 7, height: 6 }, undefined]) {
      await previewer.toCanvas(colour(200, 100, 50), canvas, size ? { size } : {});
      // Firefox would end here where a canvas's format did not suit it.
      await nextFrames();
      equal(seen(canvas), `${size ? '7×6' : '5×3'} 200 100 50 255`);
    }
    equal(seen(await previewer.toImageBitmap(colour(1, 2, 3))), '5×3 1 2 3 255');
    const { data } = await previewer.toImageData(colour(4, 5, 6));
    equal(data.slice(0, 4).join(' '), '4 5 6 255');
    const blob = await previewer.toBlob(colour(7, 8, 9));
    equal(`${blob.type} ${seen(await createImageBitmap(blob))}`, 'image/png 5×3 7 8 9 255');
    previewer.destroy();
  };

  ofTheBrowser[`the element: ${backend}`] = async () => {
    defineLatentPreview();
    const element = document.createElement('latent-preview');
    Object.assign(element.style, { width: '50px', height: '30px' });
    Object.assign(element, { backend, format: 'pixel', latents: colour(20, 40, 60) });
    const said = new Promise<string>((resolve, reject) => {
      element.addEventListener('load', ({ detail }) => resolve(`${detail.backend} ${detail.format}`));
      element.addEventListener('error', ({ detail }) => reject(detail));
    });
    document.body.append(element);
    equal(await said, `${backend} pixel`);
    equal(element.state, 'shown');
    const canvas = element.shadowRoot?.querySelector('canvas');
    equal(seen(canvas!).replace(/^\d+×\d+ /, ''), '20 40 60 255');
    element.remove();
  };

  ofTheBrowser[`a worker: ${backend}`] = async () => {
    const built = '/dist/worker/index.js';
    const { createWorkerPreviewer } = (await import(
      /* @vite-ignore */ built
    )) as typeof import('../../src/worker/index');
    const previewer = await createWorkerPreviewer({ format: 'pixel', backend });
    equal(previewer.backend, backend);
    await previewer.toCanvas(colour(9, 9, 9), addCanvas());
    await nextFrames();
    const [plain, mine] = [addCanvas(), addCanvas()];
    plain.getContext('2d');
    mine.getContext('bitmaprenderer');
    for (const canvas of [plain, mine]) {
      await previewer.toCanvas(colour(30, 60, 90), canvas);
      equal(seen(canvas), '5×3 30 60 90 255');
    }
    const { data } = await previewer.toImageData(colour(4, 5, 6), { transfer: true });
    equal(data.slice(0, 4).join(' '), '4 5 6 255');
    previewer.destroy();
  };
}

for (const file of ['float32.npy', 'float16-big-endian.npy', 'npz-deflated.npz', 'bfloat16.npy', 'comfyui.latent'])
  ofTheBrowser[`file ${file}`] = async () => {
    const expected = await (await get(`/files/${file.replace(/\.\w+$/, '.json')}`)).json();
    const [key, wanted] = Object.entries<{ shape: number[]; values: (number | string)[] }>(
      expected.tensors ?? { '': expected },
    )[0]!;
    const { tensor } = await loadLatents(`/files/${file}`, key ? { key } : {});
    if ('buffer' in tensor) throw new Error('is on a GPU');
    equal(tensor.shape.join(), wanted.shape.join());
    const values = toFloat32(tensor);
    const wrong = wanted.values.findIndex((value, i) => !same(values[i]!, value));
    if (wrong >= 0 || values.length !== wanted.values.length)
      throw new Error(`value ${wrong}: ${values[wrong]}, expected ${wanted.values[wrong]}`);
  };

const goldens: readonly GoldenFamily[] = ['taesd', 'vaeApprox sdxl'];

/**
 * @param shared whether the server has ../shared/fixtures
 * @param say is told each part that is done
 */
export async function runSuite(shared: boolean, say: (part: string) => unknown): Promise<SuiteResult[]> {
  const adapter = await navigator.gpu?.requestAdapter();
  const device = await adapter?.requestDevice();
  if (!device) return [{ name: 'WebGPU device', ok: false, message: 'Firefox gave none' }];
  const uncaptured: string[] = [];
  device.addEventListener('uncapturederror', ({ error }) => uncaptured.push(error.message));

  // One of three: Deno runs all of them on the same compiler.
  const results = await runCases(
    device,
    suiteCases(device).filter((_, index) => index % 3 === 0),
  );
  await say('kernels');
  if (shared) {
    const read = async (path: string): Promise<Uint8Array> =>
      new Uint8Array(await (await get(`/shared/${path}`)).arrayBuffer());
    const wanted = goldens.map((family) => `real weights = PyTorch: ${family}`);
    results.push(
      ...(await runCases(
        device,
        goldenCases(read, []).filter(({ name }) => wanted.includes(name)),
      )),
    );
  }
  for (const [name, run] of Object.entries(ofTheBrowser)) {
    const message = await run().then(
      () => undefined,
      (error: unknown) => `${error}`,
    );
    results.push(message === undefined ? { name, ok: true } : { name, ok: false, message });
    await say(name);
  }
  await device.queue.onSubmittedWorkDone();
  results.push({ name: 'no uncaptured GPU error', ok: uncaptured.length === 0, message: uncaptured.join('\n') });
  return results;
}
