// The photos of photos.json, their views and their latents, as encode.py leaves them in artifacts/fit-maps; and noise.
// Shared by fit.mjs and `npm run bench:fidelity`.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { latentsFromArray, loadLatents } from 'latent-preview';
import { root } from '../setup.mjs';

const folder = join(root, 'artifacts', 'fit-maps');
const listed = JSON.parse(readFileSync(join(root, 'scripts', 'fit-maps', 'photos.json'), 'utf8'));

/** `use`: `fit` = maps are fitted on it; `choose` = kinds and ridges are chosen by it; `test` = it only measures. */
export const { photos, reserved } = listed;

const charts = ['chart-1', 'chart-2'];

/** `{ name, use }` of every picture: a photo has three views to fit on, one to choose and to measure by. */
export const views = [
  ...photos.flatMap(({ name, use }) =>
    (use === 'fit' ? ['whole', 'near', 'dark'] : ['whole']).map((view) => ({
      name: `${name}-${view}`,
      photo: name,
      use,
    })),
  ),
  ...charts.map((name) => ({ name, photo: name, use: 'fit' })),
];

const latentsFile = (family, name) => join(folder, family, `${name}.npy`);

/** Runs encode.py where something is missing; throws where that does not help. */
export function encodePhotos(families, use) {
  const needed = views.filter((view) => !use || view.use === use);
  const complete = () => families.every((id) => needed.every(({ name }) => existsSync(latentsFile(id, name))));
  if (complete()) return;
  const python = process.env.PYTHON ?? 'python3';
  const script = join(root, 'scripts', 'fit-maps', 'encode.py');
  const { status } = spawnSync(python, [script, ...(use ? ['--use', use] : [])], { stdio: 'inherit' });
  if (status === 0 && complete()) return;
  throw new Error(
    `${python} scripts/fit-maps/encode.py did not make all latents; it needs torch, numpy, Pillow and ` +
      '../shared/fixtures. PYTHON=… names another interpreter.',
  );
}

/** RGBA bytes. */
export function readPicture(name) {
  const { width, height, data, channels } = decode(readFileSync(join(folder, 'pictures', `${name}.png`)));
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) for (let k = 0; k < 3; k++) rgba[i * 4 + k] = data[i * channels + k];
  return { width, height, data: rgba };
}

/** Model latents (1, C, H, W) as float32, and their scale: the deviation of all their numbers. */
export async function readLatents(family, name) {
  const { tensor } = await loadLatents(readFileSync(latentsFile(family, name)));
  const values = Float32Array.from(tensor.data, fromHalf);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const scale = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return { latents: latentsFromArray(values, { shape: tensor.shape, format: family }), scale };
}

function fromHalf(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size = exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction;
  return bits & 0x8000 ? -size : size;
}

/** The latents with normal noise of deviation `amount` added; the same `seed` gives the same noise. */
export function withNoise({ tensor, format }, amount, seed) {
  const random = normalNumbers(seed);
  const values = Float32Array.from(tensor.data, (value) => value + amount * random());
  return latentsFromArray(values, { shape: tensor.shape, format });
}

/** Normal numbers by Box and Muller over a 32-bit counter that is hashed (the finalizer of MurmurHash3). */
function normalNumbers(seed) {
  let state = Math.imul(seed, 0x9e3779b1);
  const uniform = () => {
    state = (state + 0x9e3779b9) | 0;
    let bits = state;
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return (((bits ^ (bits >>> 16)) >>> 0) + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
