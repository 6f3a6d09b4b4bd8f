// The README's docs/decoders.jpg: what the fitted map, our own small decoder and the tiny decoder make of the latents of
// photos that none of ours was fitted, trained or chosen on, beside these photos. From the weights that are shipped.
// Run: node scripts/contact-sheet.mjs    Needs what `npm run bench:fidelity` needs, and Chromium.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import { encode } from 'fast-png';
import { build } from 'vite';
import { findChromium, root } from './setup.mjs';

await build({ root, logLevel: 'error' });
const { createPreviewer, loadWeights, taesd } = await import('../dist/index.js');
const { encodePhotos, readLatents, readPicture } = await import('./fit-maps/pictures.mjs');
const { families } = await import('../bench/fidelity/methods.mjs');

// A photo of each family's, and where the cut of it begins.
const shown = {
  sd15: ['coffee', 150, 60],
  sdxl: ['kodak-23', 130, 60],
  sd3: ['astronaut', 130, 20],
  flux: ['kodak-15', 120, 40],
  flux2: ['chelsea', 120, 20],
};
const [width, height] = [256, 192];
const columns = ['Fitted map', 'Mini', 'Tiny decoder (TAESD)', 'Photo'];

/** The cut as a PNG in a data URL. */
function cut(picture, left, top) {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const from = ((top + Math.floor(i / width)) * picture.width + left + (i % width)) * 4;
    for (let k = 0; k < 3; k++) data[i * 3 + k] = picture.data[from + k];
  }
  const bytes = encode({ width, height, data, channels: 3 });
  return `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`;
}

encodePhotos(Object.keys(shown), 'test');
const rows = [];
for (const { id, title, taesd: tiny } of families) {
  const [name, left, top] = shown[id];
  const photo = readPicture(`${name}-whole`);
  const { latents } = await readLatents(id, `${name}-whole`);
  const file = join(root, '..', 'shared', 'fixtures', 'weights', `${tiny}_decoder.safetensors`);
  const cells = [];
  for (const decoder of ['map', 'mini', taesd(await loadWeights(readFileSync(file)))]) {
    const previewer = await createPreviewer({ format: id, decoder, backend: 'cpu' });
    const size = { width: photo.width, height: photo.height };
    cells.push(cut(await previewer.toImageData(latents, { size, resample: 'bicubic' }), left, top));
    previewer.destroy();
  }
  cells.push(cut(photo, left, top));
  rows.push(`<tr><th>${title}</th>${cells.map((url) => `<td><img src="${url}"></td>`).join('')}</tr>`);
}

const browser = await chromium.launch({
  executablePath: findChromium(),
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
const page = await browser.newPage();
await page.setContent(`<style>
  body { margin: 0; background: white; color: black; font: 16px sans-serif }
  table { border-spacing: 4px }
  th { padding: 2px 6px; font-weight: 600 }
  img { display: block }
</style><table><tr><td></td>${columns.map((column) => `<th>${column}</th>`).join('')}</tr>${rows.join('')}</table>`);
mkdirSync(join(root, 'docs'), { recursive: true });
await page.locator('table').screenshot({ path: join(root, 'docs', 'decoders.jpg'), type: 'jpeg', quality: 90 });
await browser.close();
