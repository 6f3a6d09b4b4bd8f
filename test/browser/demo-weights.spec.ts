// Decoders on the page: weights dropped with latents or alone become decoders, what takes long can be cancelled and gives
// way to what is newer, and the ladder puts every decoder of one latent side by side. The nets are the repo's own tiny
// ones; what they must draw is computed here in Node by the CPU reference.

import { readFileSync } from 'node:fs';
import { expect, type Page, test } from '@playwright/test';
import { encode } from 'fast-png';
import { createPreviewer, decoderFromWeights, latentsFromArray, loadWeights } from '../../src/index';
import { give, npy, openDemo, type Pixels, shown, type TestFile } from './page';

const fixture = (name: string): TestFile => ({
  name,
  bytes: readFileSync(new URL(`../fixtures/conv/${name}`, import.meta.url)),
});

/** Like latents: smooth, from about −2 to 2. */
const latents = (channels: number, height: number, width: number): number[] =>
  Array.from({ length: channels * height * width }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width) % height];
    return 2 * Math.sin(Math.floor(i / width / height) * 1.7 + x * 0.6 + y * 0.9);
  });

const latentFile = (name: string, channels: number, height: number, width = height): TestFile => ({
  name,
  bytes: npy([1, channels, height, width], latents(channels, height, width)),
});

async function expected(weights: TestFile, channels: number, height: number, width = height): Promise<Pixels> {
  const decoder = decoderFromWeights(await loadWeights(weights.bytes));
  const format = channels === 4 ? 'sd15' : 'flux';
  const previewer = await createPreviewer({ format, decoder, backend: 'cpu' });
  const values = Float32Array.from(latents(channels, height, width));
  const picture = await previewer.toImageData(latentsFromArray(values, { shape: [1, channels, height, width] }));
  return { width: picture.width, height: picture.height, data: [...picture.data] };
}

/** What is on the page's canvas; pictures of long decodes lie on a 2D canvas. */
const drawn = (page: Page): Promise<Pixels> =>
  page.getByTestId('preview').evaluate((element) => {
    const { width, height } = element as HTMLCanvasElement;
    const context = (element as HTMLCanvasElement).getContext('2d');
    return { width, height, data: [...(context?.getImageData(0, 0, width, height).data ?? [])] };
  });

function expectAlike(seen: Pixels, wanted: Pixels): void {
  expect([seen.width, seen.height]).toEqual([wanted.width, wanted.height]);
  const worst = seen.data.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted.data[i]!)), 0);
  expect(worst).toBeLessThanOrEqual(1);
}

/** A picture that is not of one colour alone, so that a blank canvas fails. */
function expectPicture({ data }: Pixels): void {
  expect(new Set(data).size).toBeGreaterThan(20);
}

for (const backend of ['cpu', 'webgpu'])
  test(`weights and latents in one drop are decoded as in Node: ${backend}`, async ({ page }) => {
    await openDemo(page, { query: `?backend=${backend}` });
    const weights = fixture('taesd.safetensors');
    await give(page, 'drop', [weights, latentFile('small.npy', 4, 5, 6)]);
    await shown(page, 'small.npy');
    await expect(page.locator('#decoder option:checked')).toHaveText('taesd.safetensors · taesd 4→3 ×8');
    const wanted = await expected(weights, 4, 5, 6);
    expectPicture(wanted);
    expectAlike(await drawn(page), wanted);
    await expect(page.locator('#timing')).toHaveText(backend === 'cpu' ? /\d m?s · CPU$/ : /\d m?s · WebGPU$/);
    await expect(page.getByTestId('preview')).toHaveAccessibleName(/decoded by taesd\.safetensors.*, 48×40/);
    await expect(page.locator('#snippet')).toContainText("decoderFromWeights(await loadWeights('taesd.safetensors'))");
  });

test('several decoders of several sizes serve the latents that they fit', async ({ page }) => {
  await openDemo(page);
  const [four, half, sixteen] = ['taesd', 'vae-approx', 'taesd-16'].map((name) => fixture(`${name}.safetensors`));
  await give(page, 'drop', [sixteen!, latentFile('four.npy', 4, 4), half!, latentFile('sixteen.npy', 16, 4), four!]);
  await shown(page, 'four.npy');
  await expect(page.locator('#decoder option:checked')).toHaveText(/^taesd\.safetensors/);
  expectAlike(await drawn(page), await expected(four!, 4, 4));
  await expect(page.locator('#decoder optgroup[label=Yours] option')).toHaveCount(2);
  await page.locator('#decoder').selectOption({ label: 'vae-approx.safetensors · vae approx 4→3 ×2' });
  await shown(page);
  // At the size of the image that the VAE would make: enlarged.
  expect(await drawn(page)).toMatchObject({ width: 32, height: 32 });
  await page.locator('input[name=size][value=latent]').check({ force: true });
  await shown(page);
  expectAlike(await drawn(page), await expected(half!, 4, 4));
  await page.locator('#files-tiles .tile', { hasText: 'sixteen.npy' }).click();
  await shown(page, 'sixteen.npy');
  await expect(page.locator('#decoder option:checked')).toHaveText(/^taesd-16\.safetensors/);
  expectAlike(await drawn(page), await expected(sixteen!, 16, 4));
  await expect(page.getByRole('alert')).toHaveCount(0);
});

test('weights that do not fit say so, and wait for latents that they fit', async ({ page }) => {
  await openDemo(page);
  await give(page, 'drop', [latentFile('four.npy', 4, 4)]);
  await shown(page, 'four.npy');
  const before = await page.locator('#decoder').inputValue();
  const weights = fixture('taesd-16.safetensors');
  await give(page, 'drop', [weights]);
  const card = page.getByRole('alert').filter({ hasText: 'taesd-16.safetensors' });
  await expect(card).toContainText('takes 16 channels; this latent has 4');
  await expect(page.locator('#decoder')).toHaveValue(before);
  await give(page, 'drop', [latentFile('sixteen.npy', 16, 4)]);
  await shown(page, 'sixteen.npy');
  await expect(card).toHaveCount(0);
  expectAlike(await drawn(page), await expected(weights, 16, 4));
});

test('weights of another kind say what they are', async ({ page }) => {
  await openDemo(page);
  await give(page, 'drop', [fixture('encoder.safetensors')]);
  await expect(page.getByRole('alert')).toContainText('this is an encoder, from pictures to latents');
});

test('dropped alone, weights decode what is on show; dropped again, they take their own place', async ({ page }) => {
  await openDemo(page);
  await give(page, 'drop', [latentFile('four.npy', 4, 4)]);
  await shown(page, 'four.npy');
  const weights = fixture('taesd.safetensors');
  for (const _ of [1, 2]) {
    await give(page, 'drop', [weights]);
    await shown(page);
    expectAlike(await drawn(page), await expected(weights, 4, 4));
    await expect(page.locator('#decoder optgroup[label=Yours] option')).toHaveCount(1);
  }
});

/** Latents on show, and decodes by nets that do not go on until what is returned is called: their code does not arrive. */
async function holdLongDecodes(page: Page): Promise<() => void> {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(/\/assets\/wasm-[^/]*\.js$/, async (route) => {
    await held;
    await route.continue();
  });
  await openDemo(page);
  await give(page, 'drop', [latentFile('four.npy', 4, 4)]);
  await shown(page, 'four.npy');
  return release;
}

test('a long decode shows how far it is', async ({ page }) => {
  const release = await holdLongDecodes(page);
  await page.evaluate(() => {
    const seen: number[] = [];
    const bar = document.getElementById('decoding-progress') as HTMLProgressElement;
    new MutationObserver(() => seen.push(bar.position)).observe(bar, { attributeFilter: ['value'] });
    Object.assign(window, { seen });
  });
  const before = await drawn(page);
  await give(page, 'drop', [fixture('taesd.safetensors'), latentFile('large.npy', 4, 64)]);
  await expect(page.locator('#decoding')).toBeVisible();
  await expect(page.locator('#decoding-name')).toHaveText(/^taesd\.safetensors/);
  await expect(page.locator('#status')).toHaveText(/^decoding with taesd\.safetensors/);
  // The picture before stays, and nothing is claimed to be done.
  expect(await drawn(page)).toEqual(before);
  expect(await page.evaluate(() => Reflect.get(window, 'seen'))).not.toContain(1);
  release();
  await shown(page, 'large.npy');
  await expect(page.locator('#decoding')).toBeHidden();
  await expect(page.locator('#status')).toHaveText(/^decoded in \d/);
  const seen: number[] = await page.evaluate(() => Reflect.get(window, 'seen'));
  const parts = seen.filter((position) => position > 0);
  expect(parts.length).toBeGreaterThan(1);
  expect(parts).toEqual([...parts].sort((a, b) => a - b));
  expect(parts.at(-1)).toBe(1);
});

test('a long decode can be cancelled: the picture and the settings before it stay', async ({ page }) => {
  const release = await holdLongDecodes(page);
  const decoder = await page.locator('#decoder').inputValue();
  const before = await drawn(page);
  const weights = fixture('taesd.safetensors');
  await give(page, 'drop', [weights]);
  await page.locator('#decoding-cancel').click();
  await shown(page);
  await expect(page.locator('#decoding')).toBeHidden();
  await expect(page.locator('#decoder')).toHaveValue(decoder);
  expect(await drawn(page)).toEqual(before);
  release();
  await page.locator('#decoder').selectOption({ label: 'taesd.safetensors · taesd 4→3 ×8' });
  await shown(page);
  expectAlike(await drawn(page), await expected(weights, 4, 4));
});

test('what is chosen meanwhile takes over from a long decode', async ({ page }) => {
  const release = await holdLongDecodes(page);
  const before = await drawn(page);
  await give(page, 'drop', [fixture('taesd.safetensors')]);
  await expect(page.locator('#decoding')).toBeVisible();
  await page.locator('#decoder').selectOption({ index: 0 });
  await shown(page);
  await expect(page.locator('#decoding')).toBeHidden();
  expect(await drawn(page)).toEqual(before);
  release();
  await page.waitForTimeout(500);
  await shown(page);
  expect(await drawn(page)).toEqual(before);
});

test('the ladder puts every decoder beside the reference, and one click chooses', async ({ page }) => {
  await openDemo(page);
  const weights = fixture('taesd.safetensors');
  const wanted = await expected(weights, 4, 4);
  const opaque = Uint8Array.from(wanted.data);
  const png = encode({ width: wanted.width, height: wanted.height, data: opaque, channels: 4 });
  const half = fixture('vae-approx.safetensors');
  // The reference is the net's own picture: it must come out as the best.
  await give(page, 'drop', [
    weights,
    { name: 'four.png', bytes: png, type: 'image/png' },
    latentFile('four.npy', 4, 4),
    half,
  ]);
  await shown(page, 'four.npy');
  await page.locator('#decoder').selectOption({ index: 0 });
  await shown(page);
  await page.locator('#ladder summary').click();
  await expect(page.locator('#ladder')).toHaveAttribute('data-state', 'measured');
  const names = page.locator('#ladder .rung .rung-name, #ladder li.rung .rung-name');
  const inOrder = await names.allInnerTexts();
  expect(inOrder[0]).toBe('Reference');
  expect(inOrder.length).toBeGreaterThanOrEqual(4);
  expect(inOrder.slice(-2)).toEqual(['vae-approx.safetensors', 'taesd.safetensors']);
  const rung = page.locator('#ladder-rungs li', { hasText: 'taesd.safetensors' });
  expect(Number.parseFloat((await rung.locator('.psnr').innerText()).replace('∞', '99'))).toBeGreaterThan(45);
  expect(Number(await rung.locator('.ssim').innerText())).toBeGreaterThan(0.99);
  await expect(rung.locator('.time')).toHaveText(/\d m?s/);
  await page.locator('input[name=order][value=best]').check({ force: true });
  expect((await names.allInnerTexts())[1]).toBe('taesd.safetensors');
  await rung.getByRole('button').click();
  await shown(page);
  await expect(rung.getByRole('button')).toHaveAttribute('aria-pressed', 'true');
  expectAlike(await drawn(page), wanted);
});

test('the ladder can be cancelled and goes on', async ({ page }) => {
  const release = await holdLongDecodes(page);
  await give(page, 'drop', [fixture('taesd.safetensors')]);
  await page.locator('#decoder').selectOption({ index: 0 });
  await shown(page);
  await page.locator('#ladder summary').click();
  const rung = page.locator('#ladder-rungs li', { hasText: 'taesd.safetensors' });
  await expect(rung).toHaveAttribute('data-state', 'decoding');
  await page.locator('#ladder-cancel').click();
  await expect(rung).toHaveAttribute('data-state', 'left');
  await page.locator('#ladder-cancel', { hasText: 'Go on' }).click();
  await expect(rung).toHaveAttribute('data-state', 'decoding');
  // Choosing it there makes way for the stage; both end.
  await rung.getByRole('button').click();
  release();
  await shown(page);
  await expect(page.locator('#ladder')).toHaveAttribute('data-state', 'measured');
  await expect(rung).toHaveAttribute('data-state', 'shown');
});
