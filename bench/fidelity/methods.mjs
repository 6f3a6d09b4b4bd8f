// What `npm run bench:fidelity` compares: every way of this package to turn a family's latents into a picture, with its
// size in numbers and in multiplications.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyleftFormats } from '../../dist/formats/copyleft/index.js';
import { formats, linear, loadWeights, mlp, taesd, vaeApprox } from '../../dist/index.js';
import { root } from '../../scripts/setup.mjs';

const shared = join(root, '..', 'shared');
const weights = {
  taesd: (name) => join(shared, 'fixtures', 'weights', `${name}_decoder.safetensors`),
  approx: (name) => join(shared, 'fixtures', 'internal-only', 'weights', `a1111_vaeapprox_${name}.safetensors`),
  birch: join(shared, 'reference', 'birch-mlp.json'),
};

/** Format id, title, and the names that weight files have for it. */
export const families = [
  { id: 'sd15', title: 'SD1 / SD2', taesd: 'taesd', approx: 'sd1', birch: ['sd1.4', 'sd1.5'] },
  { id: 'sdxl', title: 'SDXL', taesd: 'taesdxl', approx: 'sdxl' },
  { id: 'sd3', title: 'SD3', taesd: 'taesd3', approx: 'sd3' },
  { id: 'flux', title: 'FLUX.1', taesd: 'taef1' },
  { id: 'flux2', title: 'FLUX.2', taesd: 'taef2' },
];

/** Others' convolutions take minutes over all photos. */
export const isNet = ({ kind }) => kind === 'net';

/**
 * A family's methods in the order of the table. `format` and `decoder` are createPreviewer's.
 */
export async function methodsOf({ id, taesd: tiny, approx, birch = [] }) {
  const methods = [];
  for (const format of [...Object.values(formats), ...Object.values(copyleftFormats)])
    if (format.base === id && format.id !== id && format.latentRgbFactors)
      methods.push({ name: `table \`${format.id}\``, kind: 'table', format, decoder: linear(format) });
  if (existsSync(weights.birch))
    for (const name of birch) {
      const net = JSON.parse(readFileSync(weights.birch, 'utf8')).decoders[name];
      methods.push({ name: `MLP, Birch-san ${name}`, kind: 'mlp', format: formats[id], decoder: mlp(net) });
    }
  methods.push({ name: '**ours, the fitted map**', kind: 'map', format: formats[id], decoder: 'map' });
  methods.push({ name: '**ours, mini**', kind: 'mini', format: formats[id], decoder: 'mini' });
  for (const [name, make, file] of [
    ['A1111 VAEApprox', vaeApprox, approx && weights.approx(approx)],
    ['TAESD', taesd, weights.taesd(tiny)],
  ]) {
    if (!file || !existsSync(file)) continue;
    const decoder = make(await loadWeights(readFileSync(file)));
    methods.push({
      name: name === 'TAESD' ? `${tiny.toUpperCase()} decoder` : name,
      kind: 'net',
      format: formats[id],
      decoder,
    });
  }
  return methods;
}

/** Numbers that a decoder was given or fitted. */
export function parameterCount({ layers }) {
  const seen = new Set();
  const count = (value) => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return 0;
    seen.add(value);
    if (ArrayBuffer.isView(value)) return value.length;
    return Object.values(value).reduce((sum, part) => sum + count(part), 0);
  };
  return layers.reduce((sum, { bound }) => sum + count(bound.params), 0);
}

/** Multiplications per latent pixel (of the unpacked latents), over a picture of 64 × 64 of them. */
export function multiplications({ layers, channels }, format) {
  const side = 64;
  const own = (side * 8) / format.spatialDownscale;
  const shapes = [];
  let total = 0;
  for (const [index, layer] of layers.entries()) {
    const shape = layer.outputShape(shapes[index - (layer.from ?? 1)] ?? [channels, own, own]);
    shapes.push(shape);
    total += layer.work * shape[1] * shape[2];
  }
  return total / side ** 2;
}
