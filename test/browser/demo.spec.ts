// The page's own behaviour: first sight, comparing, sequences, saving, backends, keyboard, accessibility.

import { readFileSync } from 'node:fs';
import { expect, type Page, test } from '@playwright/test';
import { decode } from 'fast-png';
import { colour, colours, give, openDemo, pixels, shown, violations } from './page';

const steps = [0, 1, 2, 3, 4].map((step) => [step * 50, 255 - step * 40, 90]);

/** `name → bytes` of a ZIP whose files are stored, from its central directory. */
function unzip(bytes: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const end = bytes.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    const [size, nameLength, extra, comment] = [20, 28, 30, 32].map((offset) =>
      offset === 20 ? bytes.readUInt32LE(at + offset) : bytes.readUInt16LE(at + offset),
    ) as [number, number, number, number];
    const local = bytes.readUInt32LE(at + 42);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    files.set(bytes.toString('utf8', at + 46, at + 46 + nameLength), bytes.subarray(start, start + size));
    at += 46 + nameLength + extra + comment;
  }
  return files;
}

async function saved(page: Page, button: string): Promise<{ name: string; bytes: Buffer }> {
  const download = page.waitForEvent('download');
  await page.locator(button).click();
  const file = await download;
  return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
}

test('first load shows a sample beside its reference, with its credits', async ({ page }) => {
  await openDemo(page, { query: '' });
  await expect(page.locator('#metrics')).toHaveAttribute('data-state', 'measured');
  expect(Number.parseFloat(await page.locator('#psnr').innerText())).toBeGreaterThan(15);
  await expect(page.locator('#against')).toContainText('at 432×288');
  await expect(page.locator('#timing')).toHaveText(/ms · (CPU|WebGPU)$/);
  await expect(page.locator('.credits')).toContainText('encoded photos with the TAESD encoders');
  await expect(page.locator('.credits')).toContainText('NASA: Eileen Collins, 1999, public domain');
  const samples = page.locator('#samples-tiles .tile');
  await expect(samples).toHaveCount(11);
  for (const family of ['SD 1.x', 'SDXL', 'SD 3', 'FLUX.1', 'FLUX.2', 'noising'])
    await expect(samples.filter({ hasText: family }).first()).toBeVisible();
});

test('links open a sample and a backend; both backends draw the same picture', async ({ page }) => {
  await openDemo(page, { query: '?sample=sdxl-coffee&backend=webgpu&decoder=map' });
  await expect(page.locator('#entry-title')).toHaveText('Coffee, SDXL');
  await expect(page.locator('#timing')).toContainText('WebGPU');
  await page.locator('input[name=size][value=latent]').check({ force: true });
  await shown(page);
  const onGpu = await pixels(page);
  await page.locator('#backend').selectOption('cpu');
  await shown(page);
  await expect(page.locator('#timing')).toContainText('CPU');
  const onCpu = await pixels(page);
  // The fitted map's own size.
  expect([onCpu.width, onCpu.height]).toEqual([108, 72]);
  const worst = onCpu.data.reduce(
    (most, value, index) => Math.max(most, Math.abs(value - (onGpu.data[index] ?? -9))),
    0,
  );
  expect(worst).toBeLessThanOrEqual(1);
  expect(Object.fromEntries(new URL(page.url()).searchParams)).toEqual({
    sample: 'sdxl-coffee',
    backend: 'cpu',
    decoder: 'map',
  });
});

test('94 the page goes on after the GPU was lost', async ({ playwright, baseURL }, testInfo) => {
  // A browser of its own: a crash of the GPU's process would be felt by the tests that follow.
  const browser = await playwright.chromium.launch(testInfo.project.use.launchOptions);
  try {
    const page = await browser.newPage({ baseURL: baseURL ?? '' });
    await openDemo(page, { query: '?backend=webgpu&sample=sdxl-coffee' });
    await page.locator('input[name=size][value=latent]').check({ force: true });
    await shown(page);
    const before = await pixels(page);
    await (await browser.newBrowserCDPSession()).send('Browser.crashGpuProcess');
    await page.locator('#decoder').selectOption('sdxl/sdnext');
    await shown(page);
    await page.locator('#decoder').selectOption('sdxl');
    await shown(page);
    expect(await pixels(page)).toEqual(before);
    const reference = page.getByTestId('reference');
    const alpha = await reference.evaluate(
      (canvas: HTMLCanvasElement) => canvas.getContext('2d')?.getImageData(9, 9, 1, 1).data[3],
    );
    expect(alpha).toBe(255);
  } finally {
    await browser.close();
  }
});

test('the slider moves by keyboard and by pointer', async ({ page }) => {
  await openDemo(page);
  const split = page.getByRole('slider', { name: /^Compare/ });
  const clip = () => page.locator('.pane-reference').evaluate((pane) => getComputedStyle(pane).clipPath);
  await split.focus();
  await split.press('Home');
  expect(await clip()).toBe('inset(0px 0px 0px 0%)');
  await split.press('ArrowRight');
  expect(await clip()).toBe('inset(0px 0px 0px 0.5%)');
  const box = await page.locator('#picture').boundingBox();
  await page.mouse.move((box?.x ?? 0) + 10, (box?.y ?? 0) + 20);
  await page.mouse.down();
  await page.mouse.move((box?.x ?? 0) + (box?.width ?? 0) / 4, (box?.y ?? 0) + 40);
  await page.mouse.up();
  await expect(split).toHaveValue('25');
});

test('keys choose the view, and the difference is what differs, brightened', async ({ page }) => {
  await openDemo(page);
  await give(page, 'drop', [{ name: 'same.npy', bytes: colours([[100, 100, 100]]) }]);
  await page.setInputFiles('#pick-reference', {
    name: 'other.png',
    mimeType: 'image/png',
    buffer: Buffer.from(await greyPng(107)),
  });
  await page.keyboard.press('3');
  await expect(page.locator('#stage')).toHaveAttribute('data-mode', 'difference');
  const first = () =>
    page
      .getByTestId('difference')
      .evaluate((canvas: HTMLCanvasElement) => [...(canvas.getContext('2d')?.getImageData(0, 0, 1, 1).data ?? [])]);
  await expect.poll(first).toEqual([28, 28, 28, 255]);
  await page.locator('#amplify').selectOption('10');
  await expect.poll(first).toEqual([70, 70, 70, 255]);
  for (const [key, mode] of [
    ['2', 'side'],
    ['4', 'preview'],
    ['1', 'slider'],
  ]) {
    await page.keyboard.press(key as string);
    await expect(page.locator('#stage')).toHaveAttribute('data-mode', mode as string);
  }
});

async function greyPng(value: number): Promise<Uint8Array> {
  const { encode } = await import('fast-png');
  return encode({ width: 9, height: 9, data: new Uint8Array(9 * 9 * 3).fill(value), channels: 3 });
}

test('a batch steps by keys, plays and pauses', async ({ page }) => {
  await openDemo(page);
  await give(page, 'drop', [{ name: 'batch.npy', bytes: colours(steps) }]);
  await shown(page, 'batch.npy');
  expect(await colour(page)).toEqual(steps[0]);
  await page.keyboard.press('End');
  await shown(page);
  expect(await colour(page)).toEqual(steps[4]);
  await page.keyboard.press('ArrowLeft');
  await shown(page);
  expect(await colour(page)).toEqual(steps[3]);
  await page.keyboard.press('Home');
  await shown(page);
  await page.locator('#fps').fill('30');
  await page.locator('#scrub').focus();
  await page.keyboard.press('Space');
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible();
  const count = () => page.locator('#stage').evaluate((stage) => Number(stage.dataset.count));
  const before = await count();
  await expect.poll(count).toBeGreaterThan(before + 5);
  await page.keyboard.press('Space');
  await expect(page.getByRole('button', { name: 'Play', exact: true })).toBeVisible();
});

test('the noising sequence plays by itself, but not where motion is unwanted', async ({ page }) => {
  await openDemo(page, { query: '?sample=sdxl-astronaut-noising', motion: true });
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible();
  await expect(page.locator('#about')).toContainText("not a sampler's run");
  await openDemo(page, { query: '?sample=sdxl-astronaut-noising' });
  await expect(page.getByRole('button', { name: 'Play', exact: true })).toBeVisible();
  await expect(page.locator('#step')).toHaveText('20 / 20 · clean');
});

test('saves the picture as PNG and all steps as a ZIP of PNGs', async ({ page }) => {
  await openDemo(page);
  await give(page, 'drop', [{ name: 'batch.npy', bytes: colours(steps) }]);
  await shown(page, 'batch.npy');
  const one = await saved(page, '#save-png');
  expect(one.name).toBe('batch.pixel.png');
  const picture = decode(one.bytes);
  expect([picture.width, picture.height, ...picture.data.slice(0, 3)]).toEqual([9, 9, ...(steps[0] ?? [])]);

  const all = await saved(page, '#save-zip');
  expect(all.name).toBe('batch.pixel.zip');
  const files = unzip(all.bytes);
  expect([...files.keys()]).toEqual([1, 2, 3, 4, 5].map((step) => `batch.pixel.${step}.png`));
  expect([...files.values()].map((bytes) => [...decode(bytes).data.slice(0, 3)])).toEqual(steps);
});

test('saving all steps can be cancelled', async ({ page }) => {
  await openDemo(page);
  await give(page, 'drop', [{ name: 'long.npy', bytes: colours(Array<number[]>(300).fill([9, 9, 9])) }]);
  await shown(page, 'long.npy');
  await page.evaluate(() => {
    (document.getElementById('save-zip') as HTMLButtonElement).click();
    (document.getElementById('saving-cancel') as HTMLButtonElement).click();
  });
  await expect(page.locator('#status')).toHaveText('saving was cancelled');
  await expect(page.locator('#saving')).toBeHidden();
  await expect(page.locator('#save-zip')).toBeEnabled();
});

test('a fitted map is taken unasked, and the published tables stay to be chosen', async ({ page }) => {
  await openDemo(page, { query: '?sample=sdxl-coffee' });
  await expect(page.locator('#decoder')).toHaveValue('sdxl');
  await expect(page.locator('#decoder optgroup').first()).toHaveAttribute('label', 'Fitted by this project');
  await expect(page.locator('#source')).toContainText('Fitted by this project, MIT: sdxl ');
  await expect(page.locator('#snippet')).toContainText("createPreviewer({ format: 'sdxl', decoder: 'map' })");
  const fitted = Number.parseFloat(await page.locator('#psnr').innerText());
  await page.locator('#decoder').selectOption('sdxl/invokeai');
  await shown(page);
  await expect(page.locator('#snippet')).toContainText("createPreviewer({ format: 'sdxl/invokeai' })");
  await expect.poll(async () => Number.parseFloat(await page.locator('#psnr').innerText())).toBeLessThan(fitted - 1);
});

test('the decoders of a family can be ranked and chosen', async ({ page }) => {
  await openDemo(page, { query: '?sample=sdxl-coffee' });
  await page.locator('#ladder summary').click();
  await expect(page.locator('#ladder')).toHaveAttribute('data-state', 'measured');
  await page.locator('input[name=order][value=best]').check({ force: true });
  const numbers = (await page.locator('#ladder .psnr').allInnerTexts()).map(Number);
  expect(numbers.length).toBeGreaterThanOrEqual(4);
  expect(numbers).toEqual([...numbers].sort((a, b) => b - a));
  await page.getByRole('button', { name: 'sdxl/sdnext' }).click();
  await shown(page);
  await expect(page.locator('#decoder')).toHaveValue('sdxl/sdnext');
  const rung = page.locator('#ladder .rung[aria-pressed=true]');
  await expect(page.locator('#psnr')).toHaveText(`${await rung.locator('.psnr').innerText()} dB`);
});

for (const scheme of ['light', 'dark'] as const)
  test(`126, 127 axe finds nothing in the ${scheme} scheme`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: scheme });
    await openDemo(page, { query: '?sample=sdxl-astronaut-noising' });
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(background).toBe(scheme === 'dark' ? 'rgb(22, 22, 22)' : 'rgb(244, 244, 244)');
    await page.locator('#ladder summary').click();
    await page.locator('#code summary').click();
    await give(page, 'drop', [{ name: 'noise.bin', bytes: new Uint8Array(4096).fill(7) }]);
    await expect(page.locator('#ladder')).toHaveAttribute('data-state', 'measured');
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('?');
    await expect(page.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
    expect(await violations(page)).toEqual([]);
  });

test('fits from 360 to 1920 pixels without sideways scrolling', async ({ page }) => {
  for (const width of [360, 768, 959, 960, 1920]) {
    await page.setViewportSize({ width, height: 800 });
    if (width === 360) await openDemo(page);
    const [scroll, client] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ]);
    expect(scroll, `at ${width}`).toBe(client);
  }
});
