// `npm run bench:fidelity`: how near every method's picture comes to the photo that was encoded, and what noise in the
// latents does to it. Through the package's own CPU path, so what is measured is what users get. Writes FIDELITY.md.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'vite';
import { installDependencies, requireNode, root } from '../scripts/setup.mjs';

requireNode();
installDependencies();
// What is measured are the sources as they are.
await build({ root, logLevel: 'error' });

const { compareImages, createPreviewer } = await import('../dist/index.js');
const { encodePhotos, photos, readLatents, readPicture, withNoise } = await import('../scripts/fit-maps/pictures.mjs');
const { families, isNet, methodsOf, multiplications, parameterCount } = await import('./fidelity/methods.mjs');
const { fidelityReport, readmeTable } = await import('./fidelity/report.mjs');

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, families: { type: 'string' } },
});
const chosen = families.filter(({ id }) => !options.families || options.families.split(',').includes(id));
const whole = chosen.length === families.length && !options.quick;
// Fractions of the latents' own scale.
const noiseLevels = [0.1, 0.3, 0.6];
const tested = photos.filter(({ use }) => use === 'test');

/** The picture averaged over factor × factor pixels. */
function averaged({ width, height, data }, factor) {
  const [w, h] = [Math.floor(width / factor), Math.floor(height / factor)];
  const small = new Uint8ClampedArray(w * h * 4).fill(255);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++)
      for (let k = 0; k < 3; k++) {
        let sum = 0;
        for (let dy = 0; dy < factor; dy++)
          for (let dx = 0; dx < factor; dx++) sum += data[((y * factor + dy) * width + x * factor + dx) * 4 + k];
        small[(y * w + x) * 4 + k] = Math.round(sum / factor ** 2);
      }
  return { width: w, height: h, data: small };
}

/** The latents as `format` takes them: FLUX.2's packed ones for tables over 128 channels. */
function packedFor({ tensor }, { channels, base, id }) {
  const [, found, height, width] = tensor.shape;
  if (found === channels) return { tensor, domain: 'model' };
  const patch = Math.sqrt(channels / found);
  const [rows, columns] = [Math.floor(height / patch), Math.floor(width / patch)];
  const data = new Float32Array(channels * rows * columns);
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++) {
        const inner = c % patch ** 2;
        const row = y * patch + Math.floor(inner / patch);
        const source = (Math.floor(c / patch ** 2) * height + row) * width + x * patch + (inner % patch);
        data[(c * rows + y) * columns + x] = tensor.data[source];
      }
  if (patch % 1 !== 0) throw new Error(`${id}: ${channels} channels of ${base} are no whole patches`);
  return { tensor: { dtype: 'float32', shape: [1, channels, rows, columns], data }, domain: 'model' };
}

/** Thumbnail (latent size) and full picture (the photo's size, enlarged bicubically) of one method. */
async function decode(previewer, latents, { width, height }) {
  const { format, decoder } = previewer;
  const given = packedFor(latents, format);
  const full = await previewer.toImageData(given, { size: { width, height }, resample: 'bicubic' });
  const [w, h] = [width / 8, height / 8];
  const own = (format.spatialDownscale / 8) * (1 / decoder.upscale);
  if (decoder.upscale === 8) return { full, thumbnail: averaged(full, 8) };
  if (own > 1) return { full, thumbnail: await previewer.toImageData(given, { size: { width: w, height: h }, resample: 'bicubic' }) };
  return { full, thumbnail: averaged(await previewer.toImageData(given), decoder.upscale) };
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Root mean square of the difference of two pictures, in steps of 0..255. */
const rms = (a, b) => 255 * 10 ** (-compareImages(a, b).psnr / 20);

async function measure(method, pictures) {
  const previewer = await createPreviewer({ format: method.format, decoder: method.decoder, backend: 'cpu' });
  const rows = [];
  for (const { photo, thumbnail, latents, noisy } of pictures) {
    const clean = await decode(previewer, latents, photo);
    const full = compareImages(clean.full, photo);
    const row = {
      thumbnail: compareImages(clean.thumbnail, thumbnail).psnr,
      full: full.psnr,
      ssim: full.ssim,
      deltaE: full.deltaE,
      noise: [],
    };
    for (const level of noisy) {
      const one = await decode(previewer, level, photo);
      row.noise.push({
        thumbnail: compareImages(one.thumbnail, thumbnail).psnr,
        full: compareImages(one.full, photo).psnr,
        change: rms(one.thumbnail, clean.thumbnail),
      });
    }
    rows.push(row);
  }
  const { decoder, format } = previewer;
  previewer.destroy();
  const over = (pick) => mean(rows.map(pick));
  return {
    name: method.name,
    kind: method.kind,
    decoder: decoder.name,
    licence: method.kind === 'table' ? format.source.licence : undefined,
    parameters: parameterCount(decoder),
    multiplications: multiplications(decoder, format),
    thumbnail: over((row) => row.thumbnail),
    full: over((row) => row.full),
    ssim: over((row) => row.ssim),
    deltaE: over((row) => row.deltaE),
    noise: noiseLevels.map((level, k) => ({
      level,
      thumbnail: over((row) => row.noise[k].thumbnail),
      full: over((row) => row.noise[k].full),
      change: over((row) => row.noise[k].change),
    })),
    photos: tested.map(({ name }, k) => ({ name, ...rows[k] })),
  };
}

encodePhotos(
  chosen.map(({ id }) => id),
  'test',
);
const results = [];
for (const family of chosen) {
  const pictures = [];
  for (const [k, { name }] of tested.entries()) {
    const photo = readPicture(`${name}-whole`);
    const { latents, scale } = await readLatents(family.id, `${name}-whole`);
    const noisy = noiseLevels.map((level) => withNoise(latents, level * scale, 100 * k + 10 * level));
    pictures.push({ photo, thumbnail: averaged(photo, 8), latents, noisy });
  }
  const methods = [];
  for (const method of await methodsOf(family)) {
    if (options.quick && isNet(method)) continue;
    const result = await measure(method, pictures);
    methods.push(result);
    console.log(`${family.id}: ${result.name} ${result.thumbnail.toFixed(2)} dB, full ${result.full.toFixed(2)} dB`);
  }
  results.push({ id: family.id, title: family.title, methods });
}

const report = { date: new Date().toISOString().slice(0, 10), photos: tested, noiseLevels, families: results };
const artifacts = join(root, 'artifacts', 'bench');
mkdirSync(artifacts, { recursive: true });
const markdown = fidelityReport(report);
writeFileSync(join(artifacts, 'fidelity.json'), JSON.stringify(report, null, 1));
writeFileSync(join(artifacts, 'fidelity.md'), markdown);
if (whole) {
  writeFileSync(join(root, 'bench', 'FIDELITY.md'), markdown);
  // The README's table stands between two comments, so that no figure in it is copied by hand.
  const readme = join(root, 'README.md');
  const marked = /(<!-- fidelity: [^>]*-->\n)[\s\S]*?(<!-- \/fidelity -->)/;
  writeFileSync(readme, readFileSync(readme, 'utf8').replace(marked, (_, open, close) => open + readmeTable(report) + close));
}
console.log(markdown);
