// Other engines' tensors on their own devices, run for real: what is decoded, that it is not copied on the way, when it may
// be disposed of. And pictures of a UI's server beside latents, on one canvas.

import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { decode } from 'fast-png';
import { latentsFromArray } from '../../src/index';
import { encodeLatents } from '../../src/stream/index';
import { jpeg, serve } from '../adapters/pictures';
import { doublingModel } from './onnx-model';
import { expect, type Suite, test } from './suite';

const modules = new URL('../../node_modules/', import.meta.url);
const mimes: Readonly<Record<string, string>> = { mjs: 'text/javascript', wasm: 'application/wasm' };

interface Call {
  readonly name: string;
  readonly bytes: number;
}

/** Counts what moves bytes, on any device, from now on: `window.calls`. */
const watch = (page: Page) =>
  page.evaluate(() => {
    const calls: Call[] = [];
    const wrap = (prototype: object, name: string, bytes: (...args: never[]) => number) => {
      const methods = prototype as Record<string, (...args: never[]) => unknown>;
      const original = methods[name]!;
      methods[name] = function (this: unknown, ...args: never[]) {
        calls.push({ name, bytes: bytes.apply(this, args) });
        return original.apply(this, args);
      };
    };
    const sizeOf = (_: unknown, _offset: number, data: ArrayBufferView, offset = 0, size?: number) =>
      size ?? data.byteLength - offset;
    wrap(GPUQueue.prototype, 'writeBuffer', sizeOf as never);
    wrap(GPUBuffer.prototype, 'mapAsync', function (this: GPUBuffer) {
      return this.size;
    } as never);
    wrap(GPUBuffer.prototype, 'getMappedRange', function (this: GPUBuffer) {
      return this.size;
    } as never);
    wrap(GPUCommandEncoder.prototype, 'copyBufferToBuffer', ((...args: number[]) => args.at(-1)) as never);
    wrap(GPUCommandEncoder.prototype, 'copyBufferToTexture', (() => 0) as never);
    Object.assign(window, { calls });
  });

/** Uniforms are written too, into buffers that are mapped when they are made; latents would be larger, or copied, or read. */
const movesLatents = ({ name, bytes }: Call): boolean =>
  bytes >= 1024 || !['writeBuffer', 'getMappedRange'].includes(name);

/** The canvas as it is on the screen, RGB. A WebGPU canvas cannot be read once it was shown. */
async function seen(page: Page): Promise<{ width: number; height: number; rgb: number[] }> {
  const { width, height, channels, data } = decode(await page.locator('canvas').screenshot());
  const rgb = Array.from({ length: width * height * 3 }, (_, i) => data[Math.floor(i / 3) * channels + (i % 3)]!);
  return { width, height, rgb };
}

/** Pixel space, every channel a ramp that differs: what is decoded wrongly looks otherwise. */
const [channels, side] = [3, 40];
const ramp = Array.from({ length: channels * side * side }, (_, i) => ((i * 7) % 511) / 511 - 0.5);
/** Of twice these numbers. */
const expected = Array.from({ length: side * side * 3 }, (_, i) => {
  const [pixel, channel] = [Math.floor(i / 3), i % 3];
  return Math.round(((ramp[channel * side * side + pixel]! * 2 + 1) / 2) * 255);
});
const bytes = channels * side * side * 4;
const differs = (rgb: readonly number[]): number =>
  rgb.length === expected.length ? Math.max(...rgb.map((value, i) => Math.abs(value - expected[i]!))) : Number.NaN;

const addCanvas = (page: Page) =>
  page.evaluate(() => {
    const canvas = document.body.appendChild(document.createElement('canvas'));
    canvas.style.cssText = 'position: fixed; inset: 0';
  });

interface Ort {
  readonly env: { wasm: { wasmPaths: string; numThreads: number }; logLevel: string; webgpu: { device: unknown } };
  readonly InferenceSession: {
    create(model: Uint8Array, options: object): Promise<{ run(inputs: object): Promise<Record<string, OrtTensor>> }>;
  };
  readonly Tensor: new (type: string, data: Float32Array, shape: readonly number[]) => OrtTensor;
}
type OrtTensor = Parameters<Suite['latentsFromOrt']>[0] & { dispose(): void };

for (const bundle of ['ort.webgpu.bundle.min.mjs', 'ort.bundle.min.mjs'])
  test(`onnxruntime-web: a tensor on its device is decoded in place, and may go once it was submitted: ${bundle}`, async ({
    suite: page,
  }) => {
    // 20 MB of WebAssembly: by a server, as what Playwright answers itself goes through its own pipe.
    const { server, address } = await serve(({ url = '/' }, response) => {
      const mime = mimes[url.split('.').at(-1)!];
      response.setHeader('content-type', mime ?? 'text/html');
      response.end(mime ? readFileSync(new URL(`onnxruntime-web/dist${url}`, modules)) : '<!doctype html>');
    });
    await page.goto(address);
    await addCanvas(page);
    await watch(page);
    const result = await page.evaluate(
      async ([bundle, model, ramp, side]) => {
        const { createPreviewer, LatentPreviewError, latentsFromOrt, showOrt } = (await import(
          '/browser-suite.js' as string
        )) as Suite;
        const ort = (await import(`/${bundle}` as string)) as Ort;
        Object.assign(ort.env.wasm, { wasmPaths: '/', numThreads: 1 });
        ort.env.logLevel = 'error';
        const session = await ort.InferenceSession.create(Uint8Array.from(model), {
          executionProviders: ['webgpu'],
          preferredOutputLocation: 'gpu-buffer',
        });
        const device = (await ort.env.webgpu.device) as GPUDevice;
        const canvas = document.querySelector('canvas')!;
        const previewer = await createPreviewer({ format: 'pixel', device });
        const run = async (data: readonly number[]) => {
          const { y } = await session.run({
            x: new ort.Tensor('float32', Float32Array.from(data), [1, 3, side, side]),
          });
          return y!;
        };
        const tensor = await run(ramp);
        const { calls } = window as unknown as { calls: Call[] };
        calls.length = 0;
        await showOrt(previewer, canvas, tensor);
        const ours = [...calls];
        const about = {
          location: tensor.location,
          size: (tensor.gpuBuffer as GPUBuffer).size,
          sameBuffer: (latentsFromOrt(tensor).tensor as { buffer: unknown }).buffer === tensor.gpuBuffer,
          sameDevice: previewer.device === device,
        };
        tensor.dispose();
        // Its buffer goes back to the runtime, which writes it again.
        (await run(ramp.map(() => 0))).dispose();
        const other = await createPreviewer({ format: 'pixel', backend: 'webgpu' });
        const kept = await run(ramp);
        const mismatch = await other.toImageData(latentsFromOrt(kept)).then(
          () => 'decoded',
          (error: unknown) => (error instanceof LatentPreviewError ? error.code : String(error)),
        );
        other.destroy();
        kept.dispose();
        return { ...about, ours, mismatch };
      },
      [bundle, [...doublingModel], ramp, side] as const,
    );
    expect(result).toMatchObject({ location: 'gpu-buffer', sameBuffer: true, sameDevice: true, mismatch: 'shader' });
    // The runtime's buffers come in sizes of its own.
    expect(result.size).toBeGreaterThan(bytes);
    expect(result.ours.filter(movesLatents)).toEqual([]);
    expect(differs((await seen(page)).rgb)).toBeLessThanOrEqual(1);
    server.close();
  });

interface TensorFlow {
  setBackend(name: string): Promise<boolean>;
  backend(): { device: GPUDevice };
  memory(): { numTensors: number };
  tensor(data: readonly number[], shape: readonly number[]): TfjsTensor;
  mul(a: TfjsTensor, b: number): TfjsTensor;
}
type TfjsTensor = Parameters<Suite['latentsFromTfjs']>[0] & { dispose(): void };

test('TensorFlow.js: a tensor on its device is decoded from the one copy that it makes there', async ({
  suite: page,
}) => {
  for (const path of [
    'tfjs-core/dist/tf-core.min.js',
    'tfjs-backend-cpu/dist/tf-backend-cpu.min.js',
    'tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js',
  ])
    await page.addScriptTag({ path: new URL(`@tensorflow/${path}`, modules).pathname });
  await addCanvas(page);
  await watch(page);
  const result = await page.evaluate(
    async ([ramp, side]) => {
      const { createPreviewer, latentsFromTfjs } = (await import('/browser-suite.js' as string)) as Suite;
      const { tf } = window as unknown as { tf: TensorFlow };
      await tf.setBackend('webgpu');
      const { device } = tf.backend();
      const canvas = document.querySelector('canvas')!;
      const previewer = await createPreviewer({ format: 'pixel', device });
      const { calls } = window as unknown as { calls: Call[] };
      // Channels last, as its tensors are.
      const last = ramp.map((_, i) => ramp[(i % 3) * side * side + Math.floor(i / 3)]!);
      const tensor = tf.mul(tf.tensor(last, [1, side, side, 3]), 2);
      const before = tf.memory().numTensors;
      calls.length = 0;
      const { latents, release } = await latentsFromTfjs(tensor, { layout: 'NHWC' });
      const theirs = calls.splice(0);
      await previewer.toCanvas(latents, canvas);
      const ours = calls.splice(0);
      release();
      const after = tf.memory().numTensors;
      // Few numbers stay in CPU memory.
      const small = await latentsFromTfjs(tf.tensor([1, -1, 1], [1, 3, 1, 1]));
      const { data } = await previewer.toImageData(small.latents);
      const onGpu = [latents, small.latents].map(({ tensor }) => 'buffer' in tensor);
      return { theirs, ours, left: after - before, onGpu, small: [...data], same: previewer.device === device };
    },
    [ramp, side] as const,
  );
  expect(result).toMatchObject({ left: 0, onGpu: [true, false], small: [255, 0, 255, 255], same: true });
  // dataToGPU copies on the GPU; nothing is read back, and nothing is copied by this package.
  expect(result.theirs.filter(({ name }) => name === 'copyBufferToBuffer')).toEqual([
    { name: 'copyBufferToBuffer', bytes },
  ]);
  expect(result.theirs.filter(movesLatents)).toHaveLength(1);
  expect(result.ours.filter(movesLatents)).toEqual([]);
  expect(differs((await seen(page)).rgb)).toBeLessThanOrEqual(1);
});

for (const backend of ['cpu', 'webgpu'] as const)
  test(`ComfyUI: its JPEGs and its node’s latents on one canvas, damaged ones told: ${backend}`, async ({
    suite: page,
  }) => {
    const frame = (event: number, ...parts: Uint8Array[]): Buffer => {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(event);
      return Buffer.concat([head, ...parts]);
    };
    const metadata = Buffer.from('{"node_id":"3","prompt_id":"p","image_type":"image/jpeg"}');
    const preview = (image: Uint8Array) => frame(4, frame(metadata.length), metadata, image);
    const white = latentsFromArray(new Float32Array(3 * 9 * 7).fill(1), { shape: [1, 3, 9, 7], format: 'pixel' });
    const packet = Buffer.from(await encodeLatents(white, { step: 2, steps: 3 }));
    const first: unknown[] = [];
    let send: (data: string | Buffer) => void = () => {};
    await page.routeWebSocket('**/ws?clientId=me', (socket) => {
      send = (data) => socket.send(data);
      socket.onMessage((data) => void first.push(data));
    });
    await addCanvas(page);
    await page.evaluate(async (backend) => {
      const { createPreviewer, createPreviewStream, readComfyuiSteps } = (await import(
        '/browser-suite.js' as string
      )) as Suite;
      const shown: string[] = [];
      Object.assign(window, { shown });
      const previewer = await createPreviewer({ format: 'pixel', backend });
      const stream = createPreviewStream(previewer, document.querySelector('canvas')!, {
        drop: 'never',
        onShown: ({ frame }) => void shown.push('image' in frame ? frame.image.type : 'latents'),
      });
      const steps = readComfyuiSteps(`${location.origin}/ws?clientId=me`, { job: 'p' });
      const saying = (error: Error & { code?: string }) => void shown.push(`${error.code}: ${error.message}`);
      void stream.pipe(steps).then(() => shown.push('end'), saying);
    }, backend);
    const shown = () => page.evaluate(() => (window as unknown as { shown: string[] }).shown);
    await expect.poll(() => first).toHaveLength(1);
    expect(JSON.parse(String(first[0]))).toMatchObject({ type: 'feature_flags' });
    const grey = async (): Promise<readonly number[]> => {
      const { width, height, rgb } = await seen(page);
      return [width, height, Math.min(...rgb), Math.max(...rgb)];
    };
    send(preview(jpeg(200)));
    await expect.poll(shown).toEqual(['image/jpeg']);
    expect(await grey()).toEqual([8, 6, 200, 200]);
    send(packet);
    await expect.poll(shown).toEqual(['image/jpeg', 'latents']);
    expect(await grey()).toEqual([7, 9, 255, 255]);
    send(preview(jpeg(90)));
    await expect.poll(shown).toHaveLength(3);
    expect(await grey()).toEqual([8, 6, 90, 90]);
    // Begins as a JPEG does, and then ends.
    send(preview(jpeg(90).subarray(0, 30)));
    await expect.poll(shown).toHaveLength(4);
    expect((await shown()).at(-1)).toBe(
      'file: stream: a picture of 30 bytes (image/jpeg) cannot be decoded; it may be cut short',
    );
  });

test('A1111 and InvokeAI: the recipe shows their pictures, a small one as large as the image', async ({
  suite: page,
}) => {
  const idle = { progress: 0, state: { job_count: 0 }, current_image: null };
  const working = { progress: 0.5, state: { job_count: 1 }, current_image: jpeg(70).toString('base64') };
  let asked = 0;
  await page.route('http://127.0.0.1:7860/sdapi/v1/progress*', (route) =>
    route.fulfill({ json: asked++ === 0 ? working : idle, headers: { 'access-control-allow-origin': '*' } }),
  );
  const heard: unknown[] = [];
  await page.routeWebSocket(/^ws:\/\/127.0.0.1:9090\/ws\/socket.io\/\?EIO=4&transport=websocket$/, (socket) => {
    socket.onMessage((message) => {
      heard.push(message);
      if (message === '40') socket.send('40{"sid":"s"}');
      else {
        const image = { width: 24, height: 18, dataURL: `data:image/jpeg;base64,${jpeg(180).toString('base64')}` };
        socket.send(`42${JSON.stringify(['invocation_progress', { queue_id: 'default', item_id: 1, image }])}`);
      }
    });
    socket.send('0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000}');
  });
  await addCanvas(page);
  await page.evaluate(async () => {
    const { createPreviewer, servers, showServer } = (await import('/browser-suite.js' as string)) as Suite;
    const previewer = await createPreviewer({ format: 'sdxl', decoder: 'map', backend: 'cpu' });
    const canvas = document.querySelector('canvas')!;
    await showServer(previewer, canvas, servers.a1111());
    Object.assign(window, { next: () => void showServer(previewer, canvas, servers.invokeai()) });
  });
  const { width, height, rgb } = await seen(page);
  expect([width, height, Math.min(...rgb), Math.max(...rgb)]).toEqual([8, 6, 70, 70]);
  await page.evaluate(() => (window as unknown as { next: () => void }).next());
  await expect.poll(() => page.evaluate(() => document.querySelector('canvas')!.width)).toBe(24);
  const larger = await seen(page);
  expect([larger.width, larger.height, Math.min(...larger.rgb), Math.max(...larger.rgb)]).toEqual([24, 18, 180, 180]);
  expect(heard).toEqual(['40', '42["subscribe_queue",{"queue_id":"default"}]']);
});
