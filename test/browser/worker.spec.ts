// Previewers in real workers, from the built package: both backends, canvases of each kind, a strict content security policy,
// files from another origin. Pictures are pixel space's, whose colours are known without the library.

import { existsSync, readFileSync } from 'node:fs';
import { expect, type Page, test } from '@playwright/test';
import { decode } from 'fast-png';

type Core = typeof import('../../src/index');
type Client = typeof import('../../src/worker/index');

declare global {
  interface Window {
    readonly core: Core;
    readonly client: Client;
    ownWorker?: () => Worker;
    /** One colour, 5 × 3 latent pixels of pixel space. */
    colour(red: number, green: number, blue: number): ReturnType<Core['latentsFromArray']>;
  }
}

const dist = new URL('../../dist/', import.meta.url);
const here = 'http://127.0.0.1:';
const elsewhere = 'https://cdn.example';

/** A blank page with the built package at hand, from its own origin or another. */
async function open(page: Page, headers: Record<string, string> = {}, from = ''): Promise<string[]> {
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  const script = { 'access-control-allow-origin': '*', 'content-type': 'text/javascript' };
  await page.context().route(/\/dist\//, (route) => {
    const file = new URL(new URL(route.request().url()).pathname.replace(/^.*\/dist\//, ''), dist);
    if (!existsSync(file)) return route.fulfill({ status: 404 });
    // A worker's policy is its own script's.
    return route.fulfill({ body: readFileSync(file), headers: { ...script, ...headers } });
  });
  const lines = [
    `import * as core from '${from}/dist/index.js';`,
    `import * as client from '${from}/dist/worker/index.js';`,
    `const colour = (...rgb) => core.latentsFromArray(`,
    `  Float32Array.from({ length: 45 }, (_, i) => (rgb[Math.floor(i / 15)] / 255) * 2 - 1), { shape: [1, 3, 3, 5] });`,
    `Object.assign(window, { core, client, colour });`,
  ];
  await page.context().route('**/page.js', (route) => route.fulfill({ body: lines.join('\n'), headers: script }));
  await page.context().route('**/page.html', (route) =>
    route.fulfill({
      body: '<!doctype html><title>worker</title><body><script type="module" src="page.js"></script>',
      headers: { ...headers, 'content-type': 'text/html' },
    }),
  );
  await page.goto('/page.html');
  await page.waitForFunction(() => 'colour' in window);
  return problems;
}

test.beforeAll(() => {
  if (!existsSync(new URL('worker/run.js', dist))) throw new Error('dist is missing: run `npm run build` first');
});

/** What is on the screen there: a canvas that went to a worker cannot be read. */
async function onScreen(page: Page, id: string): Promise<{ width: number; height: number; first: number[] }> {
  const { width, height, data } = decode(await page.locator(`#${id}`).screenshot());
  return { width, height, first: [...data.slice(0, 3)] };
}

for (const backend of ['cpu', 'webgpu'] as const)
  test(`draws on canvases from its worker, and sends pictures: ${backend}`, async ({ page }) => {
    const problems = await open(page);
    const result = await page.evaluate(async (backend) => {
      const { client, colour } = window;
      const add = (id: string): HTMLCanvasElement =>
        document.body.appendChild(Object.assign(document.createElement('canvas'), { id }));
      document.body.style.margin = '0';
      const previewer = await client.createWorkerPreviewer({ format: 'pixel', backend });
      const [handed, flat, bitmap] = ['handed', 'flat', 'bitmap'].map(add) as [
        HTMLCanvasElement,
        HTMLCanvasElement,
        HTMLCanvasElement,
      ];
      flat.getContext('2d');
      bitmap.getContext('bitmaprenderer');
      const size = { width: 40, height: 24 };
      // Twice: the second time it is there already.
      await previewer.toCanvas(colour(0, 0, 0), handed, { size });
      await previewer.toCanvas(colour(200, 100, 50), handed, { size, transfer: true });
      await previewer.toCanvas(colour(10, 20, 30), flat, { size });
      await previewer.toCanvas(colour(90, 80, 70), bitmap, { size });
      const offscreen = new OffscreenCanvas(1, 1);
      await previewer.toCanvas(colour(1, 2, 3), offscreen);
      const image = await previewer.toImageData(colour(4, 5, 6));
      const picture = await previewer.toImageBitmap(colour(7, 8, 9), { size });
      const blob = await previewer.toBlob(colour(7, 8, 9), { type: 'image/png' });
      const decoded = await createImageBitmap(blob);
      const other = await client.createWorkerPreviewer({ format: 'pixel', backend });
      const code = (error: { code: string }): string => error.code;
      return {
        backend: previewer.backend,
        flat: [...(flat.getContext('2d')?.getImageData(0, 0, 1, 1).data ?? [])],
        image: [image instanceof ImageData, image.width, image.height, ...image.data.slice(0, 4)],
        picture: [picture.width, picture.height],
        blob: [blob.type, decoded.width, decoded.height],
        // A canvas has one worker.
        taken: await other.toCanvas(colour(0, 0, 0), handed).catch(code),
      };
    }, backend);
    expect(result).toEqual({
      backend,
      flat: [10, 20, 30, 255],
      image: [true, 5, 3, 4, 5, 6, 255],
      picture: [40, 24],
      blob: ['image/png', 5, 3],
      taken: 'gpu-unavailable',
    });
    const seen = { width: 40, height: 24 };
    // Frames of a worker come with the next picture of the screen.
    await expect.poll(() => onScreen(page, 'handed')).toEqual({ ...seen, first: [200, 100, 50] });
    expect(await onScreen(page, 'bitmap')).toEqual({ ...seen, first: [90, 80, 70] });
    expect(problems).toEqual([]);
  });

test('stops a decode that is aborted, tells progress, and shows a stream', async ({ page }) => {
  await open(page);
  const result = await page.evaluate(async () => {
    const { client, core, colour } = window;
    const previewer = await client.createWorkerPreviewer({ format: 'sdxl', backend: 'cpu' });
    const latents = core.latentsFromArray(new Float32Array(4 * 256 * 256), { shape: [1, 4, 256, 256] });
    const heard: number[] = [];
    await previewer.toImageData(latents, { onProgress: (fraction) => heard.push(fraction) });
    const controller = new AbortController();
    const reason = await previewer
      .toImageBitmap(latents, { signal: controller.signal, onProgress: () => controller.abort('enough') })
      .catch((error: unknown) => error);
    previewer.destroy();
    const { createPreviewStream } = (await import(
      '/dist/stream/index.js' as string
    )) as typeof import('../../src/stream/index');
    const pixels = await client.createWorkerPreviewer({ format: 'pixel', backend: 'cpu' });
    const canvas = document.body.appendChild(Object.assign(document.createElement('canvas'), { id: 'stream' }));
    const stream = createPreviewStream(pixels, canvas, { drop: 'latest', size: { width: 20, height: 20 } });
    const shown = await Promise.all([1, 2, 3, 4].map((step) => stream.push(colour(step, 0, 250))));
    return { heard, reason, shown, statistics: stream.statistics };
  });
  expect(result.heard.length).toBeGreaterThan(1);
  expect(result.heard.at(-1)).toBe(1);
  expect(result.reason).toBe('enough');
  // The first is under way when the others come, and is given up for the newest.
  expect(result.shown.at(-1)).toBe(true);
  expect(result.statistics).toMatchObject({ pushed: 4, failed: 0 });
  await expect.poll(async () => (await onScreen(page, 'stream')).first).toEqual([4, 0, 250]);
});

test('starts its worker under a strict policy, and says so where it may not', async ({ page, context }) => {
  const policy = (...more: string[]) => ["default-src 'none'; script-src 'self'; base-uri 'none'", ...more].join('; ');
  const draw = async (): Promise<number[] | { code: string; message: string }> => {
    const { client, colour, ownWorker } = window;
    try {
      const options = { format: 'pixel', backend: 'cpu', ...(ownWorker ? { worker: ownWorker() } : {}) } as const;
      const previewer = await client.createWorkerPreviewer(options);
      return [...(await previewer.toImageData(colour(12, 34, 56))).data.slice(0, 3)];
    } catch (error) {
      const { code, message } = error as { code: string; message: string };
      return { code, message };
    }
  };
  const problems = await open(page, { 'content-security-policy': policy("worker-src 'self'") });
  const strict = await page.evaluate(draw);
  expect({ strict, problems }).toEqual({ strict: [12, 34, 56], problems: [] });

  const forbidden = await context.newPage();
  await context.unrouteAll();
  await open(forbidden, { 'content-security-policy': policy("worker-src 'none'") });
  expect(await forbidden.evaluate(draw)).toMatchObject({ code: 'worker', message: expect.stringMatching(/^worker: /) });

  // With Trusted Types a worker's address is the page's to vouch for.
  const trusted = await context.newPage();
  await context.unrouteAll();
  const types = ["worker-src 'self'", "require-trusted-types-for 'script'", 'trusted-types app'];
  await open(trusted, { 'content-security-policy': policy(...types) });
  expect(await trusted.evaluate(draw)).toMatchObject({
    ...{ code: 'worker', message: expect.stringMatching(/TrustedScriptURL.*pass it as `worker`/) },
  });
  await trusted.evaluate(() => {
    type Policy = { createScriptURL(url: string): string };
    const { trustedTypes } = window as unknown as {
      trustedTypes: { createPolicy(name: string, rules: Policy): Policy };
    };
    const app = trustedTypes.createPolicy('app', { createScriptURL: (url) => url });
    window.ownWorker = () => new Worker(app.createScriptURL('/dist/worker/run.js'), { type: 'module' });
  });
  expect(await trusted.evaluate(draw)).toEqual([12, 34, 56]);
});

test('from another origin: a worker of the page’s own, several previewers in it on one canvas', async ({ page }) => {
  await open(page, {}, elsewhere);
  expect(page.url()).toMatch(here);
  const result = await page.evaluate(async (elsewhere) => {
    const { client, colour } = window;
    const refused = await client
      .createWorkerPreviewer({ format: 'pixel', backend: 'cpu' })
      .catch(({ code, message }: { code: string; message: string }) => ({ code, message }));
    // README's recipe.
    const script = `import '${elsewhere}/dist/worker/run.js';`;
    const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
    const worker = new Worker(url, { type: 'module' });
    const canvas = document.body.appendChild(Object.assign(document.createElement('canvas'), { id: 'shared' }));
    const options = { format: 'pixel', backend: 'cpu', worker } as const;
    const [one, two] = [await client.createWorkerPreviewer(options), await client.createWorkerPreviewer(options)];
    const size = { width: 30, height: 20 };
    await one.toCanvas(colour(255, 0, 0), canvas, { size });
    one.destroy();
    await two.toCanvas(colour(0, 0, 255), canvas, { size });
    return refused;
  }, elsewhere);
  expect(result).toMatchObject({ code: 'worker', message: expect.stringMatching(/latent-preview\/worker\/run/) });
  await expect.poll(() => onScreen(page, 'shared')).toEqual({ width: 30, height: 20, first: [0, 0, 255] });
});
