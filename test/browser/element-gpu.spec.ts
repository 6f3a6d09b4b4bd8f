// The GPU objects of <latent-preview>: shared, given back, and made anew where the device is lost.

import type { Page } from '@playwright/test';
import { decode } from 'fast-png';
import { expect, loads, markup, on, reaches, serve, test, told } from './element';
import { colours } from './page';

declare global {
  interface Window {
    gpu: { devices: GPUDevice[]; destroyed: GPUDevice[]; live: Map<object, GPUDevice>; doomed: boolean };
  }
}

/** Counts devices, buffers and textures from here on. */
const count = (page: Page): Promise<void> =>
  page.evaluate(() => {
    const gpu: Window['gpu'] = { devices: [], destroyed: [], live: new Map(), doomed: false };
    window.gpu = gpu;
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (descriptor) {
      const device = await requestDevice.call(this, descriptor);
      gpu.devices.push(device);
      if (gpu.doomed) setTimeout(() => device.destroy());
      return device;
    };
    const { destroy } = GPUDevice.prototype;
    GPUDevice.prototype.destroy = function () {
      gpu.destroyed.push(this);
      // With the device goes what was made on it.
      for (const [made, device] of gpu.live) if (device === this) gpu.live.delete(made);
      return destroy.call(this);
    };
    for (const [create, type] of [
      ['createBuffer', GPUBuffer],
      ['createTexture', GPUTexture],
    ] as const) {
      const prototype = GPUDevice.prototype as unknown as Record<
        string,
        (this: unknown, ...given: unknown[]) => object
      >;
      const original = prototype[create]!;
      prototype[create] = function (...given) {
        const made = original.apply(this, given);
        gpu.live.set(made, this as unknown as GPUDevice);
        return made;
      };
      const end = type.prototype.destroy;
      type.prototype.destroy = function () {
        gpu.live.delete(this);
        return end.call(this);
      };
    }
  });

const counted = (page: Page) =>
  page.evaluate(() => {
    const { devices, destroyed, live } = window.gpu;
    return { devices: devices.length, destroyed: destroyed.length, live: live.size };
  });

/** What a person sees in the middle of an element. */
async function seen(page: Page, id: string): Promise<number[]> {
  const { width, height, channels, data } = decode(await page.locator(`#${id}`).screenshot());
  const middle = (Math.floor(height / 2) * width + Math.floor(width / 2)) * channels;
  return [...data.slice(middle, middle + 3)];
}

const [red, green, blue] = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
];

test.beforeEach(async ({ element: page }) => {
  for (const [name, colour] of Object.entries({ red, green, blue }))
    await serve(page, `/${name}.npy`, colours([colour!]));
  await count(page);
});

const gpuElement = (id: string, rest = 'src="/red.npy"') =>
  `<latent-preview id="${id}" format="pixel" backend="webgpu" style="width: 32px" ${rest}></latent-preview>`;

test('two hundred elements use the objects of one, which go with the last', async ({ element: page }) => {
  await markup(page, gpuElement('first'));
  await loads(page, 'first', 1);
  const one = await counted(page);
  expect(one).toMatchObject({ devices: 1, destroyed: 0 });
  expect(one.live).toBeGreaterThan(0);
  for (let round = 0; round < 10; round++) {
    const live = await page.evaluate(async () => {
      const names = ['red', 'green', 'blue'];
      const elements = Array.from({ length: 20 }, (_, k) =>
        Object.assign(document.createElement('latent-preview'), {
          format: 'pixel',
          backend: 'webgpu',
          src: `/${names[k % 3]}.npy`,
        }),
      );
      const shown = elements.map((element) => new Promise((resolve) => element.addEventListener('load', resolve)));
      document.body.append(...elements);
      await Promise.all(shown);
      for (const element of elements) element.remove();
      return window.gpu.live.size;
    });
    expect(live).toBe(one.live);
  }
  expect(await counted(page)).toMatchObject({ devices: 1, destroyed: 0, live: one.live });
  // Other formats and decoders have previewers of their own, on the same device.
  await page.evaluate(
    (html) => document.body.insertAdjacentHTML('beforeend', html),
    gpuElement('other', 'src="/sdxl.safetensors"'),
  );
  await on(page, 'other', (other) => Object.assign(other, { format: 'sdxl', decoder: 'linear' }));
  await loads(page, 'other', 1);
  const two = await counted(page);
  expect(two.devices).toBe(1);
  expect(two.live).toBeGreaterThan(one.live);
  // Gone for a moment, they are still there; gone for longer, nothing is.
  await markup(page, '');
  await page.waitForTimeout(300);
  expect(await counted(page)).toMatchObject({ destroyed: 0, live: two.live });
  await expect.poll(async () => (await counted(page)).live, { timeout: 8000 }).toBe(0);
  expect(await counted(page)).toMatchObject({ devices: 1, destroyed: 1 });
  await markup(page, gpuElement('again'));
  await loads(page, 'again', 1);
  expect(await seen(page, 'again')).toEqual(red);
  expect(await counted(page)).toMatchObject({ devices: 2, destroyed: 1, live: one.live });
});

test('94 goes on with a new device where its own is lost, at work or idle', async ({ element: page, browser }) => {
  await markup(page, gpuElement('a') + gpuElement('b', 'src="/blue.npy"'));
  for (const id of ['a', 'b']) await loads(page, id, 1);
  const session = await browser.newBrowserCDPSession();
  await session.send('Browser.crashGpuProcess').catch(() => {});
  for (const id of ['a', 'b']) await loads(page, id, 2);
  expect(await seen(page, 'a')).toEqual(red);
  expect(await seen(page, 'b')).toEqual(blue);
  const events = await told(page, 'devicelost');
  expect(events.map(({ id }) => id).sort()).toEqual(['a', 'b']);
  for (const { detail } of events) expect(detail).toMatchObject({ reason: 'unknown', recovering: true });
  expect((await counted(page)).devices).toBe(2);
  expect(await told(page, 'error')).toEqual([]);
  // On the CPU and back: a canvas can do one of the two.
  for (const [backend, number] of [
    ['cpu', 3],
    ['webgpu', 4],
  ] as const) {
    await page.locator('#a').evaluate((a, backend) => a.setAttribute('backend', backend), backend);
    expect((await loads(page, 'a', number)).detail.backend).toBe(backend);
    expect(await seen(page, 'a')).toEqual(red);
  }
});

test('95 gives up after three new devices, and tries again when it is told to', async ({ element: page }) => {
  await page.evaluate(() => {
    window.gpu.doomed = true;
  });
  await markup(page, gpuElement('a'));
  await reaches(page, 'a', 'error');
  const events = (await told(page, 'devicelost')).map(({ detail }) => detail.recovering);
  expect(events).toEqual([true, true, true, false]);
  const errors = await told(page, 'error');
  expect(errors).toHaveLength(1);
  expect(errors[0]!.detail.code).toBe('gpu-lost');
  expect(errors[0]!.detail.message).toMatch(/new devices did not help; reload the page, or set backend="cpu"/);
  expect((await counted(page)).devices).toBe(4);
  await page.evaluate(() => {
    window.gpu.doomed = false;
  });
  await page.locator('#a').getByRole('button').click();
  await loads(page, 'a', 1);
  expect(await seen(page, 'a')).toEqual(red);
});

test('96 reads buffers of the page’s device, and leaves that device to the page', async ({ element: page }) => {
  await markup(page, gpuElement('a', ''));
  const give = () =>
    on(page, 'a', async (a) => {
      const device = (await (await navigator.gpu.requestAdapter())!.requestDevice())!;
      const buffer = device.createBuffer({ size: 12, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
      device.queue.writeBuffer(buffer, 0, Float32Array.of(-1, 1, -1));
      a.device = device;
      a.latents = { buffer, shape: [1, 3, 1, 1] };
    });
  // Not without the device.
  await on(page, 'a', (a) => {
    a.latents = { buffer: { size: 12, usage: 0x80 } as GPUBuffer, shape: [1, 3, 1, 1] };
  });
  await reaches(page, 'a', 'error');
  expect((await told(page, 'error'))[0]!.detail.message).toMatch(/set `device` to that one/);
  await give();
  await loads(page, 'a', 1);
  expect(await seen(page, 'a')).toEqual(green);
  await page.evaluate(() => window.gpu.devices.at(-1)!.destroy());
  await reaches(page, 'a', 'error');
  const [lost] = await told(page, 'devicelost');
  expect(lost!.detail).toMatchObject({ reason: 'destroyed', recovering: false });
  expect((await told(page, 'error')).at(-1)!.detail.message).toMatch(
    /the page's device was lost .*; set `device` to a new one/,
  );
  await give();
  await loads(page, 'a', 2);
  expect(await seen(page, 'a')).toEqual(green);
  // Its pictures go; the device and the page's buffer stay.
  const left = () =>
    page.evaluate(() => {
      const { devices, destroyed, live } = window.gpu;
      const mine = devices.at(-1)!;
      const objects = [...live].filter(([, device]) => device === mine).map(([made]) => made);
      const textures = objects.filter((made) => made instanceof GPUTexture).length;
      return { destroyed: destroyed.includes(mine), textures, some: objects.length > 0 };
    });
  expect(await left()).toMatchObject({ textures: 1 });
  await markup(page, '');
  await expect.poll(left, { timeout: 8000 }).toEqual({ destroyed: false, textures: 0, some: true });
});

test('does without a GPU, unless one is demanded', async ({ element: page }) => {
  await page.evaluate(() => Object.defineProperty(navigator, 'gpu', { value: undefined }));
  await markup(page, gpuElement('a').replace('backend="webgpu"', '') + gpuElement('b'));
  expect((await loads(page, 'a', 1)).detail.backend).toBe('cpu');
  expect(await seen(page, 'a')).toEqual(red);
  await reaches(page, 'b', 'error');
  const { code, message } = (await told(page, 'error', 'b'))[0]!.detail;
  expect([code, message]).toEqual([
    'gpu-unavailable',
    expect.stringMatching(/no WebGPU .*; backend 'auto' or 'cpu' works/),
  ]);
});
