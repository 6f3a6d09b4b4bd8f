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
const { reportText } = await import('../scripts/fit-maps/report.mjs');
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
// Noise is the same everywhere, so a few photos tell: bright and dark, pale and of deep colours.
const noisePhotos = ['kodak-03', 'kodak-17', 'coffee', 'dogs'];
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
  const clean = [];
  const noise = noiseLevels.map(() => []);
  for (const { photo, latents, noisy } of pictures) {
    const picture = await decode(previewer, packedFor(latents, format), photo);
    clean.push(fidelity(picture, photo));
    for (const [k, level] of noisy.entries()) {
      const one = await decode(previewer, packedFor(level, format), photo);
      const { thumbnail, full } = fidelity(one, photo);
      noise[k].push({ thumbnail, full, change: rms(one.thumbnail, picture.thumbnail) });
    }
  }
  previewer.destroy();
  return {
    name: method.name,
    kind: method.kind,
    decoder: decoder.name,
    licence: method.kind === 'table' ? format.source.licence : undefined,
    parameters: parameterCount(decoder),
    multiplications: multiplications(decoder, format),
    ...meanOf(clean),
    noise: noiseLevels.map((level, k) => ({ level, ...meanOf(noise[k]) })),
    photos: tested.map(({ name }, k) => ({ name, ...clean[k] })),
  };
}

async function readPictures(family) {
  const pictures = [];
  for (const [k, { name }] of tested.entries()) {
    const photo = readPicture(`${name}-whole`);
    const { latents, scale } = await readLatents(family.id, `${name}-whole`);
    const levels = noisePhotos.includes(name) ? noiseLevels : [];
    const noisy = levels.map((level) => withNoise(latents, level * scale, 100 * k + 10 * level));
    pictures.push({ photo, latents, noisy });
  }
  return pictures;
}

const artifacts = join(root, 'artifacts', 'bench');
mkdirSync(artifacts, { recursive: true });
// Every result as soon as it is there: with --only, those of other methods are taken from the runs before.
const record = join(artifacts, 'fidelity-results.json');
const results = options.only && existsSync(record) ? JSON.parse(readFileSync(record, 'utf8')) : {};

encodePhotos(
  chosen.map(({ id }) => id),
  'test',
);
const methods = new Map();
for (const family of chosen)
  methods.set(
    family,
    (await methodsOf(family)).filter((method) => !(options.quick && isNet(method))),
  );
// Nets last: they take most of the time.
for (const nets of [false, true])
  for (const [family, list] of methods) {
    let pictures;
    for (const method of list.filter((one) => isNet(one) === nets)) {
      const key = `${family.id} ${method.name}`;
      if (results[key] && !method.name.includes(options.only)) continue;
      pictures ??= await readPictures(family);
      const result = await measure(method, pictures);
      results[key] = result;
      writeFileSync(record, JSON.stringify(results));
      console.log(`${key}: ${result.thumbnail.toFixed(2)} dB, full ${result.full.toFixed(2)} dB`);
    }
  }

const report = {
  date: new Date().toISOString().slice(0, 10),
  photos: tested,
  noiseLevels,
  noisePhotos: tested.filter(({ name }) => noisePhotos.includes(name)),
  families: chosen.map((family) => ({
    id: family.id,
    title: family.title,
    methods: methods.get(family).map(({ name }) => results[`${family.id} ${name}`]),
  })),
};
const markdown = fidelityReport(report);
const folder = whole ? join(root, 'bench') : artifacts;
writeFileSync(join(folder, 'FIDELITY.md'), markdown);
writeFileSync(join(folder, 'FIDELITY.json'), reportText(report));
if (whole) {
  // The README's table stands between two comments, so that no figure in it is copied by hand.
  const readme = join(root, 'README.md');
  const marked = /(<!-- fidelity: [^>]*-->\n)[\s\S]*?(<!-- \/fidelity -->)/;
  const filled = readFileSync(readme, 'utf8').replace(marked, (_, open, close) => open + readmeTable(report) + close);
  writeFileSync(readme, filled);
}
console.log(markdown);
