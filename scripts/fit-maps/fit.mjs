// Makes weights/: for every family the kind of map is chosen by photos that it was not fitted on, then fitted with the
// package's own fitLatentMap and written with its provenance and a report.
//
// Run: node scripts/fit-maps/fit.mjs [--families sdxl,flux] [--again]
// With --again what the report beside a map says was chosen is fitted again, and nothing else tried.
// Needs what encode.py beside it needs, and about an hour of one core for all five families.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'vite';
import { installDependencies, requireNode, root } from '../setup.mjs';

requireNode();
installDependencies();
await build({ root, logLevel: 'error' });

const { createPreviewer } = await import('latent-preview');
const { fitLatentMap, latentMap } = await import('latent-preview/fit');
const { encodePhotos, photos, readLatents, readPicture, reserved, views, withNoise } = await import('./pictures.mjs');
const { decode, fidelity, meanOf } = await import('./measure.mjs');
const { reportText, weightsReadme } = await import('./report.mjs');

const encoders = { sd15: 'TAESD', sdxl: 'TAESDXL', sd3: 'TAESD3', flux: 'TAEF1', flux2: 'TAEF2' };

// A default must be quick without a GPU too: so many multiplications per latent pixel are a third of a second for a
// picture of 1024 × 1024 pixels on one core, and a hundredth of what the tiny autoencoders take.
const mostMultiplications = 10_000;
// A fit's work grows with the square of its features.
const mostFeatures = 900;
// In dB of full PSNR: of the maps that are not worse by more, the cheapest is taken.
const worthIt = 0.1;
// Of the latents' scale. Every view is fitted clean and with noise: what a map does with noise is learned, and products of
// channels lose the offset that noise gives them.
const noiseLevels = [0.3, 0.2, 0.1];
// How much full PSNR of clean photos steadiness against noise may cost, in dB.
const noiseMayCost = 0.1;
const ridge = 1e-4;

const { values: options } = parseArgs({
  options: { families: { type: 'string' }, again: { type: 'boolean', default: false } },
});
const families = options.families?.split(',') ?? Object.keys(encoders);

const choose = (count, k) => (k === 0 ? 1 : (choose(count, k - 1) * (count - k + 1)) / k);

const kinds = { affine: 1, quadratic: 2, cubic: 3 };

/** With its multiplications per latent pixel; undefined where it is not to be had. */
function candidate(channels, kind, neighbourhood, upscale) {
  const features = choose(channels + kinds[kind], kinds[kind]) + channels * (neighbourhood ** 2 - 1);
  const multiplications = 3 * features * upscale ** 2;
  if (features > mostFeatures || multiplications > mostMultiplications) return undefined;
  return { kind, neighbourhood, upscale, multiplications };
}

/** Every kind and neighbourhood, at twice the size where it looks at neighbours and that is to be had. */
const firstRound = (channels) =>
  Object.keys(kinds)
    .flatMap((kind) => [
      candidate(channels, kind, 1, 1),
      candidate(channels, kind, 3, 2) ?? candidate(channels, kind, 3, 1),
      candidate(channels, kind, 5, 2) ?? candidate(channels, kind, 5, 1),
    ])
    .filter(Boolean);

/** The best of them at other sizes. */
const secondRound = (channels, { kind, neighbourhood, upscale }) =>
  [1, 2, 4, 8]
    .filter((other) => other !== upscale)
    .map((other) => candidate(channels, kind, neighbourhood, other))
    .filter(Boolean);

const label = ({ kind, neighbourhood, upscale }) => `${kind} ${neighbourhood}×${neighbourhood} ×${upscale}`;

const used = views.filter(({ use }) => use !== 'test');

/** Pairs as fitLatentMap takes them, each read when its turn first comes. */
function pairsOf(family, noise, among) {
  const pair = (view, level) => () => {
    const name = level ? `${view.name} with noise` : view.name;
    return once(`${family} ${name} ${level}`, async () => {
      const { latents, scale } = await readLatents(family, view.name);
      const image = await once(view.name, async () => readPicture(view.name));
      const seed = used.indexOf(view) + 1;
      return { name, latents: level ? withNoise(latents, level * scale, seed) : latents, image };
    });
  };
  return among.flatMap((view) => (view.use === 'fit' && noise ? [0, noise] : [0]).map((level) => pair(view, level)));
}

const read = new Map();
function once(key, load) {
  if (!read.has(key)) read.set(key, load());
  return read.get(key);
}

const chosenBy = views.filter(({ use }) => use === 'choose');
// To choose by, a third of the views is enough; what was chosen is fitted on all of them.
const quickViews = used.filter(({ name }) => !/-(near|dark)$/.test(name));

async function fitMap(family, wanted, noise, among) {
  const { kind, neighbourhood, upscale } = wanted;
  const holdOut = chosenBy.map(({ name }) => name);
  const made = await fitLatentMap(pairsOf(family, noise, among), {
    format: family,
    kind,
    neighbourhood,
    upscale,
    ridge,
    holdOut,
  });
  // Six digits are more than the 8 bits of a picture ask for.
  const coefficients = made.map.coefficients.map((value) => Number(value.toPrecision(6)));
  const map = { ...made.map, coefficients };
  const previewer = await createPreviewer({ format: family, decoder: latentMap(map), backend: 'cpu' });
  const rows = [];
  for (const { name } of chosenBy) {
    const photo = readPicture(name);
    const { latents } = await readLatents(family, name);
    rows.push(fidelity(await decode(previewer, latents, photo), photo));
  }
  previewer.destroy();
  const { thumbnail, full } = meanOf(rows);
  return { ...wanted, noise, thumbnail, full, map, report: made.report };
}

const figures = ({ map, report, ...rest }) => rest;

async function chooseMap(family) {
  const { latents } = await readLatents(family, chosenBy[0].name);
  const channels = latents.tensor.shape[1];
  const tried = [];
  const tryAll = async (list) => {
    for (const one of list) {
      const result = await fitMap(family, one, 0, quickViews);
      tried.push(result);
      console.log(`${family}: ${label(result)}: ${result.thumbnail.toFixed(2)} / ${result.full.toFixed(2)} dB`);
    }
    // By the full picture: it rewards what the thumbnail shows and detail besides.
    const most = Math.max(...tried.map(({ full }) => full));
    return tried.filter(({ full }) => full >= most - worthIt).sort((a, b) => a.multiplications - b.multiplications)[0];
  };
  let best = await tryAll(firstRound(channels));
  best = await tryAll(secondRound(channels, best));
  const noises = [best];
  // The most that its price allows.
  for (const noise of noiseLevels) {
    const result = await fitMap(family, candidateOf(best), noise, quickViews);
    noises.push(result);
    console.log(`${family}: noise ${noise}: ${result.thumbnail.toFixed(2)} / ${result.full.toFixed(2)} dB`);
    if (result.full < best.full - noiseMayCost) continue;
    best = result;
    break;
  }
  best = await fitMap(family, candidateOf(best), best.noise, used);
  return { best, tried: tried.map(figures), noises: noises.map(figures) };
}

const candidateOf = ({ kind, neighbourhood, upscale, multiplications }) => ({
  kind,
  neighbourhood,
  upscale,
  multiplications,
});

/** Plain JSON, a row of coefficients to a line. */
function mapText({ coefficients, ...rest }) {
  const features = coefficients.length / (3 * rest.upscale ** 2);
  const rows = Array.from({ length: 3 * rest.upscale ** 2 }, (_, row) =>
    coefficients.slice(row * features, (row + 1) * features).join(','),
  );
  return `${JSON.stringify(rest, null, 1).slice(0, -2)},\n "coefficients": [\n${rows.join(',\n')}\n ]\n}\n`;
}

const refused = reserved.map(({ name }) => name.toLowerCase());
for (const { name, path, shared } of photos)
  if (refused.some((one) => `${name} ${path ?? shared}`.toLowerCase().includes(one)))
    throw new Error(`${name} is reserved for the final examination`);

encodePhotos(families);
const reportFile = (family) => join(root, 'weights', `${family}.report.json`);
const readReport = (family) => JSON.parse(readFileSync(reportFile(family), 'utf8'));

/** What was chosen, fitted on all views. */
async function fitAgain(family) {
  const { chosen, tried, noises } = readReport(family);
  return { best: await fitMap(family, candidateOf(chosen), chosen.noise, used), tried, noises };
}

for (const family of families) {
  const { best, tried, noises } = await (options.again ? fitAgain(family) : chooseMap(family));
  const fitted = photos.filter(({ use }) => use === 'fit').map(({ name }) => name);
  const map = {
    ...best.map,
    provenance: {
      ...best.map.provenance,
      date: new Date().toISOString().slice(0, 10),
      data:
        `Photos ${fitted.join(', ')} (scripts/fit-maps/photos.json names their authors and licences), three views each, ` +
        `and two charts of flat colours; latents by the ${encoders[family]} encoder (MIT, Ollin Boer Bohan)` +
        (best.noise ? `; every view also with noise of ${best.noise} of its latents' scale` : ''),
      licence: 'MIT',
      photos: fitted.length,
      heldOutPhotos: chosenBy.length,
    },
  };
  const report = { encoder: encoders[family], chosen: figures(best), tried, noises, fit: best.report };
  writeFileSync(join(root, 'weights', `${family}.json`), mapText(map));
  writeFileSync(reportFile(family), reportText(report));
  console.log(`${family}: ${label(best)}, noise ${best.noise}`);
  read.clear();
}
const reports = Object.keys(encoders)
  .filter((id) => existsSync(reportFile(id)))
  .map((id) => ({ id, ...readReport(id) }));
const rules = { photos, mostMultiplications, noiseMayCost, worthIt, ridge };
writeFileSync(join(root, 'weights', 'README.md'), weightsReadme(reports, rules));
