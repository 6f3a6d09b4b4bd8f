// Getting pictures onto a page, on the GPU and on the CPU: canvases, bitmaps, blobs, workers.

import { decode } from 'fast-png';
import { differingPictures } from '../tolerances';
import { expect, type Suite, test } from './suite';

for (const backend of ['webgpu', 'cpu'] as const) {
  test(`112 every way out shows the same picture, whatever size came before: ${backend}`, async ({ suite: page }) => {
    const wrong = await page.evaluate(async (backend) => {
      const { createPreviewer, latentsFromArray, noise } = (await import('/browser-suite.js' as string)) as Suite;
      const previewer = await createPreviewer({ format: 'sdxl', decoder: 'map', backend });
      if (previewer.backend !== backend) return [`backend is ${previewer.backend}`];
      const pixelsOf = (source: CanvasImageSource, width: number, height: number): Uint8ClampedArray => {
        const canvas = new OffscreenCanvas(width, height);
        const context = canvas.getContext('2d')!;
        context.drawImage(source, 0, 0);
        return context.getImageData(0, 0, width, height).data;
      };
      const problems: string[] = [];
      const same = (name: string, actual: Uint8ClampedArray, expected: Uint8ClampedArray): void => {
        const at = actual.findIndex((value, i) => value !== expected[i]);
        if (at >= 0 || actual.length !== expected.length)
          problems.push(`${name}: byte ${at} is ${actual[at]}, expected ${expected[at]}`);
      };
      const canvas = document.createElement('canvas');
      const offscreen = new OffscreenCanvas(7, 7);
      // Sizes change between frames, and come back.
      for (const [width, height] of [
        [9, 5],
        [4, 12],
        [9, 5],
      ] as const) {
        const latents = latentsFromArray(noise(4 * width * height, width), { shape: [1, 4, height, width] });
        for (const options of [{}, { size: 'image', resample: 'bicubic' }] as const) {
          const expected = await previewer.toImageData(latents, options);
          for (const [name, target] of [
            ['canvas', canvas],
            ['offscreen canvas', offscreen],
          ] as const) {
            // Read in the task that draws: a WebGPU canvas is cleared once it was shown.
            const drawn = previewer.toCanvas(latents, target, options);
            if (backend === 'cpu') await drawn;
            same(name, pixelsOf(target, target.width, target.height), expected.data);
            await drawn;
          }
          const bitmap = await previewer.toImageBitmap(latents, options);
          same('bitmap', pixelsOf(bitmap, bitmap.width, bitmap.height), expected.data);
          const blob = await previewer.toBlob(latents, options);
          if (blob.type !== 'image/png') problems.push(`blob is ${blob.type}`);
          const decoded = await createImageBitmap(blob);
          same('blob', pixelsOf(decoded, decoded.width, decoded.height), expected.data);
        }
      }
      // A canvas that already has a 2D context is drawn on all the same.
      const plain = document.createElement('canvas');
      plain.getContext('2d');
      const latents = latentsFromArray(noise(4 * 6, 6), { shape: [1, 4, 2, 3] });
      await previewer.toCanvas(latents, plain);
      same('2D canvas', pixelsOf(plain, plain.width, plain.height), (await previewer.toImageData(latents)).data);
      previewer.destroy();
      return problems;
    }, backend);
    expect(wrong).toEqual([]);
  });

  test(`what is seen on the screen is the picture: ${backend}`, async ({ suite: page }) => {
    const expected = await page.evaluate(async (backend) => {
      const { createPreviewer, latentsFromArray, noise } = (await import('/browser-suite.js' as string)) as Suite;
      const previewer = await createPreviewer({ format: 'sd15/sdcpp', backend });
      const canvas = document.body.appendChild(document.createElement('canvas'));
      const latents = latentsFromArray(noise(4 * 40 * 60, 3), { shape: [1, 4, 40, 60] });
      await previewer.toCanvas(latents, canvas);
      const cpu = await createPreviewer({ format: 'sd15/sdcpp', backend: 'cpu' });
      return [...(await cpu.toImageData(latents)).data];
    }, backend);
    const shot = decode(await page.locator('canvas').screenshot({ path: `artifacts/canvas-${backend}.png` }));
    const data = Array.from({ length: 60 * 40 * 4 }, (_, i) =>
      i % 4 === 3 ? 255 : shot.data[Math.floor(i / 4) * shot.channels + (i % 4)]!,
    );
    expect(
      differingPictures({ width: shot.width, height: shot.height, data }, { width: 60, height: 40, data: expected }),
    ).toBeUndefined();
  });
}

test('102 two previewers take turns on one canvas', async ({ suite: page }) => {
  const differing = await page.evaluate(async () => {
    const { createPreviewer, latentsFromArray, noise } = (await import('/browser-suite.js' as string)) as Suite;
    const canvas = document.createElement('canvas');
    const latents = latentsFromArray(noise(4 * 20, 3), { shape: [1, 4, 4, 5] });
    const previewers = await Promise.all(
      ['sd15/sdcpp', 'sdxl/invokeai', 'sd15/sdcpp'].map((format) =>
        createPreviewer({ format, decoder: 'map', backend: 'webgpu' }),
      ),
    );
    const seen: string[] = [];
    for (const previewer of previewers) {
      const drawn = previewer.toCanvas(latents, canvas);
      const copy = new OffscreenCanvas(5, 4).getContext('2d')!;
      copy.drawImage(canvas, 0, 0);
      await drawn;
      seen.push(copy.getImageData(0, 0, 5, 4).data.join());
    }
    return [seen[0] === seen[1], seen[0] === seen[2]];
  });
  expect(differing).toEqual([false, true]);
});

test('110 decodes in a worker, onto a transferred canvas', async ({ suite: page }) => {
  const pixels = await page.evaluate(async () => {
    const { createPreviewer, latentsFromArray, noise } = (await import('/browser-suite.js' as string)) as Suite;
    const source = `
      onmessage = async ({ data: { canvas, values, url } }) => {
        const { createPreviewer, latentsFromArray } = await import(url);
        const previewer = await createPreviewer({ format: 'sdxl/invokeai', backend: 'webgpu' });
        const latents = latentsFromArray(values, { shape: [1, 4, 6, 7] });
        await previewer.toCanvas(latents, canvas);
        postMessage((await previewer.toImageData(latents)).data);
      };`;
    const worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })), { type: 'module' });
    const canvas = document.createElement('canvas').transferControlToOffscreen();
    const values = noise(4 * 42, 8);
    const answer = new Promise<Uint8ClampedArray>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
    });
    worker.postMessage({ canvas, values, url: new URL('/browser-suite.js', location.href).href }, [canvas]);
    const cpu = await createPreviewer({ format: 'sdxl/invokeai', backend: 'cpu' });
    const expected = await cpu.toImageData(latentsFromArray(values, { shape: [1, 4, 6, 7] }));
    return { actual: [...(await answer)], expected: [...expected.data] };
  });
  const picture = (data: number[]) => ({ width: 7, height: 6, data });
  expect(differingPictures(picture(pixels.actual), picture(pixels.expected))).toBeUndefined();
});

test('94 a crashed GPU process: the next decode is right, on a canvas too, and the frame that it broke', async ({
  suite: page,
  browser,
}) => {
  await page.evaluate(async () => {
    const { createPreviewer, latentsFromArray, linear, noise } = (await import('/browser-suite.js' as string)) as Suite;
    const losses: object[] = [];
    const options = { format: 'sdxl', decoder: linear('sdxl') } as const;
    const onDeviceLost = (loss: object) => losses.push(loss);
    const previewer = await createPreviewer({ ...options, backend: 'webgpu', onDeviceLost });
    const cpu = await createPreviewer({ ...options, backend: 'cpu' });
    const device = (await (await navigator.gpu.requestAdapter())!.requestDevice())!;
    const yours = await createPreviewer({ ...options, device });
    const canvas = document.body.appendChild(document.createElement('canvas'));
    const latents = latentsFromArray(noise(4 * 40 * 60, 3), { shape: [1, 4, 40, 60] });
    await previewer.toCanvas(latents, canvas);
    await previewer.toImageBitmap(latents);
    await yours.toImageData(latents);
    const first = previewer.device;
    // Decodes without end, so that some are under way when it crashes.
    const pictures: ImageData[] = [];
    let last = false;
    const decoding = (async () => {
      while (!last) {
        last = losses.length > 0;
        pictures.push(await previewer.toImageData(latents));
      }
    })();
    Object.assign(window, {
      recovered: async () => {
        await decoding;
        await previewer.toCanvas(latents, canvas);
        const bitmap = await previewer.toImageBitmap(latents);
        const copy = new OffscreenCanvas(60, 40).getContext('2d')!;
        copy.drawImage(bitmap, 0, 0);
        const code = await yours.toImageData(latents).catch(({ code, message }) => `${code}: ${message}`);
        const { data: expected } = await cpu.toImageData(latents);
        const same = (picture: ImageData) => picture.data.every((byte, k) => Math.abs(byte - expected[k]!) < 2);
        return {
          losses,
          code,
          another: previewer.device !== first,
          wrong: [...pictures, copy.getImageData(0, 0, 60, 40)].filter((picture) => !same(picture)).length,
          expected: [...expected],
        };
      },
    });
  });
  const session = await browser.newBrowserCDPSession();
  await session.send('Browser.crashGpuProcess').catch(() => {});
  const { expected, ...told } = await page.evaluate(() =>
    (window as unknown as { recovered: () => Promise<{ expected: number[] }> }).recovered(),
  );
  expect(told).toEqual({
    losses: [{ reason: 'unknown', message: expect.any(String), recovering: true }],
    code: expect.stringMatching(/^gpu-lost: previewer: your device was lost .*create a previewer with a new one/),
    another: true,
    wrong: 0,
  });
  const shot = decode(await page.locator('canvas').screenshot());
  const data = Array.from({ length: 60 * 40 * 4 }, (_, i) =>
    i % 4 === 3 ? 255 : shot.data[Math.floor(i / 4) * shot.channels + (i % 4)]!,
  );
  const picture = { width: 60, height: 40, data };
  expect(differingPictures(picture, { ...picture, data: expected })).toBeUndefined();
});
