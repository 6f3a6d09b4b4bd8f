// `npm run bench:fidelity`: how near every method's picture comes to the photo that was encoded, and what noise in the
// latents does to it. Through the package's own CPU path, so what is measured is what users get. Writes FIDELITY.md.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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
const { decode, fidelity, meanOf } = await import('../scripts/fit-maps/measure.mjs');
const { families, isNet, methodsOf, multiplications, parameterCount } = await import('./fidelity/methods.mjs');
const { fidelityReport, readmeTable } = await import('./fidelity/report.mjs');

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    families: { type: 'string' },
    only: { type: 'string' },
  },
});
const chosen = families.filter(({ id }) => !options.families || options.families.split(',').includes(id));
const whole = chosen.length === families.length && !options.quick;
// Fractions of the latents' own scale.
const noiseLevels = [0.1, 0.3, 0.6];
const tested = photos.filter(({ use }) => use === 'test');

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

/** Root mean square of the difference of two pictures, in steps of 0..255. */
const rms = (a, b) => 255 * 10 ** (-compareImages(a, b).psnr / 20);

async function measure(method, pictures) {
  const previewer = await createPreviewer({ format: method.format, decoder: method.decoder, backend: 'cpu' });
  const { decoder, format } = previewer;
  const rows = [];
  for (const { photo, latents, noisy } of pictures) {
    const clean = await decode(previewer, packedFor(latents, format), photo);
    const noise = [];
    for (const level of noisy) {
      const one = await decode(previewer, packedFor(level, format), photo);
      const { thumbnail, full } = fidelity(one, photo);
      noise.push({ thumbnail, full, change: rms(one.thumbnail, clean.thumbnail) });
    }
    rows.push({ clean: fidelity(clean, photo), noise });
  }
  previewer.destroy();
  return {
    name: method.name,
    kind: method.kind,
    decoder: decoder.name,
    licence: method.kind === 'table' ? format.source.licence : undefined,
    parameters: parameterCount(decoder),
    multiplications: multiplications(decoder, format),
    ...meanOf(rows.map(({ clean }) => clean)),
    noise: noiseLevels.map((level, k) => ({ level, ...meanOf(rows.map(({ noise }) => noise[k])) })),
    photos: tested.map(({ name }, k) => ({ name, ...rows[k].clean })),
  };
}

encodePhotos(
  chosen.map(({ id }) => id),
  'test',
);
// With --only the rest is taken from the run before, as far as that had it.
const artifacts = join(root, 'artifacts', 'bench');
const record = join(artifacts, 'fidelity.json');
const before = options.only && existsSync(record) ? JSON.parse(readFileSync(record, 'utf8')).families : [];
const measured = (family, { name }) =>
  name.includes(options.only)
    ? undefined
    : before.find(({ id }) => id === family.id)?.methods.find((method) => method.name === name);
const results = [];
for (const family of chosen) {
  const pictures = [];
  for (const [k, { name }] of tested.entries()) {
    const photo = readPicture(`${name}-whole`);
    const { latents, scale } = await readLatents(family.id, `${name}-whole`);
    const noisy = noiseLevels.map((level) => withNoise(latents, level * scale, 100 * k + 10 * level));
    pictures.push({ photo, latents, noisy });
  }
  const methods = [];
  for (const method of await methodsOf(family)) {
    if (options.quick && isNet(method)) continue;
    const result = measured(family, method) ?? (await measure(method, pictures));
    methods.push(result);
    console.log(`${family.id}: ${result.name} ${result.thumbnail.toFixed(2)} dB, full ${result.full.toFixed(2)} dB`);
  }
  results.push({ id: family.id, title: family.title, methods });
}

const report = { date: new Date().toISOString().slice(0, 10), photos: tested, noiseLevels, families: results };
mkdirSync(artifacts, { recursive: true });
const markdown = fidelityReport(report);
writeFileSync(record, JSON.stringify(report, null, 1));
writeFileSync(join(artifacts, 'fidelity.md'), markdown);
if (whole) {
  writeFileSync(join(root, 'bench', 'FIDELITY.md'), markdown);
  // The README's table stands between two comments, so that no figure in it is copied by hand.
  const readme = join(root, 'README.md');
  const marked = /(<!-- fidelity: [^>]*-->\n)[\s\S]*?(<!-- \/fidelity -->)/;
  writeFileSync(
    readme,
    readFileSync(readme, 'utf8').replace(marked, (_, open, close) => open + readmeTable(report) + close),
  );
}
console.log(markdown);
