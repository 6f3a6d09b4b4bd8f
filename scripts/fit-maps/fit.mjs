// Makes weights/: for every family the kind of map is chosen by photos that it was not fitted on, then fitted with the
// package's own fitLatentMap and written with its provenance and a report.
//
// Run: node scripts/fit-maps/fit.mjs [--families sdxl,flux]
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
const { weightsReadme } = await import('./report.mjs');

const encoders = { sd15: 'TAESD', sdxl: 'TAESDXL', sd3: 'TAESD3', flux: 'TAEF1', flux2: 'TAEF2' };

// A default must be quick without a GPU too: so many multiplications per latent pixel are a tenth of a second for a
// picture of 1024 × 1024 pixels on one core, and a 300th of what the tiny autoencoders take.
const mostMultiplications = 4000;
// Of the latents' scale. Every view is fitted clean and with noise: what a map does with noise is learned, and products of
// channels lose the offset that noise gives them.
const noiseLevels = [0, 0.1, 0.2, 0.3];
// How much thumbnail PSNR of clean photos steadiness against noise may cost, in dB.
const noiseMayCost = 0.2;
const ridge = 1e-4;

const { values: options } = parseArgs({ options: { families: { type: 'string' } } });
const families = options.families?.split(',') ?? Object.keys(encoders);

const choose = (count, k) => (k === 0 ? 1 : (choose(count, k - 1) * (count - k + 1)) / k);

function* candidates(channels) {
  for (const [degree, kind] of [
    [1, 'affine'],
    [2, 'quadratic'],
    [3, 'cubic'],
  ])
    for (const neighbourhood of [1, 3, 5])
      for (const upscale of [1, 2, 4, 8]) {
        const features = choose(channels + degree, degree) + channels * (neighbourhood ** 2 - 1);
        const multiplications = 3 * features * upscale ** 2;
        // A map of a pixel alone has nothing to say about what lies beside it.
        if (multiplications <= mostMultiplications && (neighbourhood > 1 || upscale === 1))
          yield { kind, neighbourhood, upscale, multiplications };
      }
}

const label = ({ kind, neighbourhood, upscale }) => `${kind} ${neighbourhood}×${neighbourhood} ×${upscale}`;

/** Pairs as fitLatentMap takes them, each read when its turn comes. */
function pairsOf(family, noise) {
  const pair = (view, level, index) => async () => {
    const { latents, scale } = await readLatents(family, view.name);
    return {
      name: level ? `${view.name} with noise` : view.name,
      latents: level ? withNoise(latents, level * scale, index + 1) : latents,
      image: readPicture(view.name),
    };
  };
  return views
    .filter(({ use }) => use !== 'test')
    .flatMap((view, index) =>
      (view.use === 'fit' && noise ? [0, noise] : [0]).map((level) => pair(view, level, index)),
    );
}

const chosenBy = views.filter(({ use }) => use === 'choose');

async function fitMap(family, candidate, noise) {
  const { kind, neighbourhood, upscale } = candidate;
  const holdOut = chosenBy.map(({ name }) => name);
  const made = await fitLatentMap(pairsOf(family, noise), {
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
  return { ...candidate, noise, thumbnail, full, map, report: made.report };
}

const figures = ({ map, report, ...rest }) => rest;

async function chooseMap(family) {
  const { latents } = await readLatents(family, chosenBy[0].name);
  const tried = [];
  let best;
  // The kind by the full picture: it rewards what the thumbnail shows and detail besides.
  for (const candidate of candidates(latents.tensor.shape[1])) {
    const result = await fitMap(family, candidate, 0);
    tried.push(figures(result));
    console.log(`${family}: ${label(result)}: ${result.thumbnail.toFixed(2)} / ${result.full.toFixed(2)} dB`);
    if (!best || result.full > best.full) best = result;
  }
  const quiet = best.thumbnail - noiseMayCost;
  const noises = [figures(best)];
  for (const noise of noiseLevels.slice(1)) {
    const result = await fitMap(family, candidateOf(best), noise);
    noises.push(figures(result));
    console.log(`${family}: noise ${noise}: ${result.thumbnail.toFixed(2)} / ${result.full.toFixed(2)} dB`);
    if (result.thumbnail < quiet) break;
    best = result;
  }
  return { best, tried, noises };
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
const reportFile = join(root, 'weights', 'report.json');
const report = existsSync(reportFile) ? JSON.parse(readFileSync(reportFile, 'utf8')) : { families: {} };
for (const family of families) {
  const { best, tried, noises } = await chooseMap(family);
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
  writeFileSync(join(root, 'weights', `${family}.json`), mapText(map));
  report.families[family] = { encoder: encoders[family], chosen: figures(best), tried, noises, fit: best.report };
  writeFileSync(reportFile, `${JSON.stringify(report, null, 1)}\n`);
  console.log(`${family}: ${label(best)}, noise ${best.noise}`);
}
writeFileSync(
  join(root, 'weights', 'README.md'),
  weightsReadme(report, { photos, mostMultiplications, noiseMayCost, ridge }),
);
