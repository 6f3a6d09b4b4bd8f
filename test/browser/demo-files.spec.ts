// Files on the page: drop, paste, pick; references; sequences; what cannot be opened. The pictures are single colours in
// pixel space, so that what must appear is known without the library.

import { expect, test } from '@playwright/test';
import { encode } from 'fast-png';
import {
  colour,
  colours,
  float32,
  fromByte,
  give,
  npy,
  openDemo,
  pixels,
  safetensors,
  shown,
  type TestFile,
} from './page';

const red = [200, 40, 30];
const blue = [20, 60, 220];

/** A picture of one colour. */
function png(name: string, one: readonly number[], side = 9): TestFile {
  const data = new Uint8Array(Array.from({ length: side * side }, () => one).flat());
  return { name, bytes: encode({ width: side, height: side, data, channels: 3 }), type: 'image/png' };
}

test.beforeEach(async ({ page }) => openDemo(page));

test('a dropped latent is shown, and its guesses say why', async ({ page }) => {
  await give(page, 'drop', [{ name: 'red.npy', bytes: colours([red]) }]);
  await shown(page, 'red.npy');
  expect(await pixels(page)).toMatchObject({ width: 9, height: 9 });
  expect(await colour(page)).toEqual(red);
  await expect(page.locator('.candidate').first()).toContainText(/likeliest.*Pixel space/);
  await expect(page.locator('#reason')).toContainText('3 channels of 9×9');
  await expect(page.getByTestId('preview')).toHaveAccessibleName(/Pixel space latents red\.npy, decoded by .*, 9×9/);
  await expect(page.locator('#files-tiles .tile')).toHaveCount(1);
});

test('pasted and picked files open too', async ({ page }) => {
  await give(page, 'paste', [{ name: 'pasted.npy', bytes: colours([blue]) }]);
  await shown(page, 'pasted.npy');
  expect(await colour(page)).toEqual(blue);
  await page.setInputFiles('#pick', [
    { name: 'picked.npy', mimeType: 'application/octet-stream', buffer: Buffer.from(colours([red])) },
  ]);
  await shown(page, 'picked.npy');
  expect(await colour(page)).toEqual(red);
});

test('references find their latents by name, whatever the order, and are measured', async ({ page }) => {
  const off = (one: readonly number[], by: number): number[] => one.map((byte) => byte + by);
  await give(page, 'drop', [
    png('b.png', off(blue, 10)),
    { name: 'a.x.npy', bytes: colours([red]) },
    png('a.png', off(red, 5)),
    { name: 'b.y.npy', bytes: colours([blue, red]) },
  ]);
  await shown(page, 'a.x.npy');
  await expect(page.locator('#against')).toHaveText('a.png, at 9×9');
  await expect(page.locator('#psnr')).toHaveText(`${(20 * Math.log10(255 / 5)).toFixed(2)} dB`);
  await page.getByRole('button', { name: /^b\.y\.npy/ }).click();
  await shown(page, 'b.y.npy');
  await expect(page.locator('#against')).toHaveText('b.png, at 9×9');
  await expect(page.locator('#psnr')).toHaveText(`${(20 * Math.log10(255 / 10)).toFixed(2)} dB`);
});

test('without common names references match in order', async ({ page }) => {
  await give(page, 'drop', [
    { name: 'one.npy', bytes: colours([red]) },
    { name: 'two.npy', bytes: colours([blue]) },
    png('first.png', red),
    png('second.png', red),
  ]);
  await shown(page, 'one.npy');
  await expect(page.locator('#against')).toHaveText('first.png, at 9×9');
  await expect(page.locator('#psnr')).toHaveText('∞ dB');
  await page.getByRole('button', { name: /^two\.npy/ }).click();
  await expect(page.locator('#against')).toHaveText('second.png, at 9×9');
});

test('a reference that comes first waits for its latents; one that comes later finds them', async ({ page }) => {
  await give(page, 'drop', [png('late.png', red)]);
  await expect(page.locator('#files-tiles')).toContainText('waits for its latents');
  await give(page, 'drop', [{ name: 'late.npy', bytes: colours([red]) }]);
  await shown(page, 'late.npy');
  await expect(page.locator('#against')).toHaveText('late.png, at 9×9');
  await expect(page.locator('#files-tiles')).not.toContainText('waits');
  await give(page, 'drop', [{ name: 'early.npy', bytes: colours([blue]) }]);
  await shown(page, 'early.npy');
  await expect(page.locator('#metrics')).toHaveAttribute('data-state', 'none');
  await give(page, 'drop', [png('early.png', blue)]);
  await expect(page.locator('#against')).toHaveText('early.png, at 9×9');
});

test('numbered files of one shape are one sequence in natural order', async ({ page }) => {
  const files = [10, 2, 1].map((step) => ({ name: `step_${step}.npy`, bytes: colours([[step, 100, 50]]) }));
  await give(page, 'drop', files);
  await shown(page, 'step_1.npy … step_10.npy');
  expect(await colour(page)).toEqual([1, 100, 50]);
  await page.keyboard.press('ArrowRight');
  await shown(page);
  expect(await colour(page)).toEqual([2, 100, 50]);
  await page.keyboard.press('End');
  await shown(page);
  expect(await colour(page)).toEqual([10, 100, 50]);
  await expect(page.locator('#step')).toHaveText('3 / 3 · step_10.npy');
  await page.getByRole('button', { name: 'Separate these files' }).click();
  await expect(page.locator('#files-tiles .tile')).toHaveCount(3);
  await page.getByRole('button', { name: 'Play 3 files of this shape as a sequence' }).click();
  await expect(page.locator('#files-tiles .tile')).toHaveCount(1);
});

test('what cannot be opened says so beside what can, and nothing else is lost', async ({ page }) => {
  await give(page, 'drop', [
    { name: 'page.npy', bytes: Buffer.from('<!doctype html><title>404 Not Found</title>') },
    { name: 'red.npy', bytes: colours([red]) },
    { name: 'cut.npy', bytes: colours([red]).slice(0, 300) },
    { name: 'broken.png', bytes: png('', red).bytes.slice(0, 40), type: 'image/png' },
  ]);
  await shown(page, 'red.npy');
  const cards = page.getByRole('alert');
  await expect(cards).toHaveCount(3);
  await expect(cards.filter({ hasText: 'page.npy' })).toContainText('404 Not Found');
  await expect(cards.filter({ hasText: 'cut.npy' })).toContainText('bytes');
  await expect(cards.filter({ hasText: 'broken.png' })).toContainText('cannot decode');
  await page.getByRole('button', { name: 'Dismiss page.npy' }).click();
  await expect(cards).toHaveCount(2);
});

test('raw numbers open once shape and dtype are given', async ({ page }) => {
  const values = red.flatMap((byte) => Array<number>(6 * 10).fill(fromByte(byte)));
  await give(page, 'drop', [{ name: 'raw.bin', bytes: float32(values) }]);
  const card = page.getByRole('alert');
  await card.getByLabel('Shape').fill('1, 3, 6, 11');
  await card.getByRole('button', { name: 'Open as raw numbers' }).click();
  await expect(card).toContainText('needs 792 bytes, got 720');
  await card.getByLabel('Shape').fill('1x3x6x10');
  await card.getByRole('button', { name: 'Open as raw numbers' }).click();
  await shown(page, 'raw.bin');
  await expect(card).toHaveCount(0);
  expect(await pixels(page)).toMatchObject({ width: 10, height: 6 });
  expect(await colour(page)).toEqual(red);
});

test('of several tensors one is chosen, and can be changed', async ({ page }) => {
  const tensor = (one: readonly number[]) => ({
    shape: [1, 3, 5, 5],
    values: one.flatMap((byte) => Array<number>(25).fill(fromByte(byte))),
  });
  const bytes = safetensors({ first: tensor(red), second: tensor(blue) });
  await give(page, 'drop', [{ name: 'two.safetensors', bytes }]);
  const card = page.getByRole('alert');
  await card.getByRole('combobox', { name: 'Tensor' }).selectOption('second');
  await card.getByRole('button', { name: 'Open this one' }).click();
  await shown(page, 'two.safetensors');
  expect(await colour(page)).toEqual(blue);
  await page.locator('#tensor').selectOption('first');
  await shown(page);
  await expect.poll(() => colour(page)).toEqual(red);
});

test('a dropped decoder decodes what is shown', async ({ page }) => {
  await give(page, 'drop', [{ name: 'red.npy', bytes: colours([red]) }]);
  await shown(page, 'red.npy');
  // For each of R, G, B: constant, then the three channels; this one turns the picture into its negative.
  const coefficients = [0, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1];
  const json = JSON.stringify({ channels: 3, degree: 1, coefficients });
  await give(page, 'drop', [{ name: 'negative.json', bytes: Buffer.from(json) }]);
  await shown(page);
  expect(await colour(page)).toEqual(red.map((byte) => 255 - byte));
  await expect(page.locator('#decoder option:checked')).toContainText('negative.json');
});

test('a family without a permissive table offers the others with their licence', async ({ page }) => {
  const values = Array.from({ length: 16 * 3 * 4 * 4 }, (_, index) => Math.sin(index));
  await give(page, 'drop', [{ name: 'clip.npy', bytes: npy([1, 16, 3, 4, 4], values) }]);
  await shown(page, 'clip.npy');
  await page.locator('#format').selectOption('hunyuanvideo');
  await expect(page.locator('#notice')).toContainText('HunyuanVideo');
  await expect(page.locator('#stage')).toHaveAttribute('data-state', 'error');
  await page.getByRole('button', { name: 'Use hunyuanvideo/comfyui (GPL-3.0)' }).click();
  await shown(page);
  await expect(page.locator('#notice')).toBeHidden();
  await expect(page.locator('#snippet')).toContainText("copyleftFormats['hunyuanvideo/comfyui']");
});
