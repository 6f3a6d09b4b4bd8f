// Real latents dropped onto the built page: what is seen on its canvas against the CPU reference computed here in Node,
// on the CPU and on the GPU of the browser. Screenshots stay in artifacts/.

import { existsSync, readFileSync } from 'node:fs';
import { expect, type Page, test } from '@playwright/test';
import { decode } from 'fast-png';
import { latentMap } from '../../src/decoders/latent-map';
import { createPreviewer, linear, loadLatents } from '../../src/index';
import { differingPictures } from '../tolerances';
import { give, openDemo, type Pixels, pixels, shown } from './page';

const shared = new URL('../../../shared/fixtures/', import.meta.url);
const present = existsSync(shared);
if (!present) console.log('skipped: real latents on the page – ../shared is not there');
const bytes = (path: string): Buffer => readFileSync(new URL(path, shared));

const weights = new URL('../../weights/', import.meta.url);

/** The CPU's picture of a file at the decoder's own size: of the fitted map where there is one, else of the table. */
async function reference(name: string, format: string, options = {}): Promise<Pixels> {
  const file = new URL(`${format}.json`, weights);
  const decoder = existsSync(file) ? latentMap(JSON.parse(readFileSync(file, 'utf8'))) : linear(format);
  const previewer = await createPreviewer({ format, decoder, backend: 'cpu' });
  const { width, height, data } = await previewer.toImageData(await loadLatents(bytes(`latents/${name}`)), options);
  return { width, height, data: [...data] };
}

/** What the preview canvas shows on the screen, pixel for pixel. */
async function seen(page: Page, file: string): Promise<Pixels> {
  const shot = decode(
    await page.getByTestId('preview').screenshot({
      path: `artifacts/dropped/${file}.png`,
      style: '.tag, .handle, #compare { visibility: hidden !important }',
    }),
  );
  const data = Array.from({ length: shot.width * shot.height * 4 }, (_, i) =>
    i % 4 === 3 ? 255 : shot.data[Math.floor(i / 4) * shot.channels + (i % 4)]!,
  );
  return { width: shot.width, height: shot.height, data };
}

const choose = (page: Page, name: string, value: string) =>
  page.locator(`input[name=${name}][value=${value}]`).check({ force: true });

async function showAlone(page: Page): Promise<void> {
  await choose(page, 'mode', 'preview');
  await choose(page, 'zoom', 'actual');
  await choose(page, 'size', 'latent');
  await shown(page);
}

const files = [
  ['astronaut.sd1.npy', 'sd15'],
  ['astronaut.sd1.latent', 'sd15'],
  ['coffee.sdxl.npy', 'sdxl'],
  ['coffee.sd3.npy', 'sd3'],
  ['chelsea.flux1.npy', 'flux'],
  ['chelsea.flux2.f16.safetensors', 'flux2'],
  ['astronaut.flux2.packed128.f16.npy', 'flux2'],
  ['real-wan21-cheesecake.bf16.safetensors', 'wan21'],
] as const;

for (const backend of ['cpu', 'webgpu'])
  test(`real latents are the CPU reference on the page's canvas: ${backend}`, async ({ page }) => {
    test.skip(!present, '../shared is not there');
    test.setTimeout(120_000);
    await openDemo(page, { query: `?backend=${backend}` });
    await showAlone(page);
    for (const [name, format] of files) {
      await give(page, 'drop', [{ name, bytes: bytes(`latents/${name}`) }]);
      await shown(page, name);
      // Dropped and nothing else done: the first guess is right.
      await expect(page.locator('#format')).toHaveValue(format);
      await expect(page.locator('#timing')).toContainText(backend === 'cpu' ? 'CPU' : 'WebGPU');
      const expected = await reference(name, format);
      expect(
        differingPictures(await seen(page, `${name}.${backend}`), expected),
        `${name} on the screen`,
      ).toBeUndefined();
      expect(differingPictures(await pixels(page), expected), `${name} decoded`).toBeUndefined();
    }
  });

test('the frames of the real Wan 2.1 clip equal the published reference sheet', async ({ page }) => {
  test.skip(!present, '../shared is not there');
  const sheet = decode(bytes('refs/real-wan21-cheesecake.linear-t0-5-10-15.png'));
  expect([sheet.width, sheet.height]).toEqual([128, 80]);
  /** Quarter `k` of the 2 × 2 sheet, opaque. */
  const quarter = (k: number): Pixels => {
    const [left, top] = [(k % 2) * 64, Math.floor(k / 2) * 40];
    const data = Array.from({ length: 64 * 40 * 4 }, (_, i) => {
      const [pixel, c] = [Math.floor(i / 4), i % 4];
      const place = (top + Math.floor(pixel / 64)) * 128 + left + (pixel % 64);
      return c === 3 ? 255 : sheet.data[place * sheet.channels + c]!;
    });
    return { width: 64, height: 40, data };
  };
  await openDemo(page);
  const name = 'real-wan21-cheesecake.f16.npy';
  await give(page, 'drop', [{ name, bytes: bytes(`latents/${name}`) }]);
  await shown(page, name);
  await showAlone(page);
  for (const [k, frame] of [0, 5, 10, 15].entries()) {
    await page.locator('#scrub').fill(String(frame));
    await shown(page);
    expect(differingPictures(await seen(page, `wan-frame-${frame}`), quarter(k)), `frame ${frame}`).toBeUndefined();
  }
});

test('the page shows a latent beside its reference and measures it', async ({ page }) => {
  test.skip(!present, '../shared is not there');
  await openDemo(page);
  // The reference first, then its latents: matched by base name.
  await give(page, 'drop', [
    { name: 'chelsea.sdxl.png', bytes: bytes('refs/chelsea.sdxl.png'), type: 'image/png' },
    { name: 'chelsea.sdxl.npy', bytes: bytes('latents/chelsea.sdxl.npy') },
  ]);
  await shown(page, 'chelsea.sdxl.npy');
  await expect(page.locator('#metrics')).toHaveAttribute('data-state', 'measured');
  await expect(page.locator('#against')).toContainText('chelsea.sdxl.png');
  expect(Number.parseFloat(await page.locator('#psnr').innerText())).toBeGreaterThan(19);
  await page.screenshot({ path: 'artifacts/dropped/beside.png' });
});
