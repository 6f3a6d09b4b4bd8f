// Least squares as running sums: products of features with features and with targets, in float64. What it keeps does not
// grow with the pixels.

import { type FeatureSpec, writeFeatures } from './features';
import type { ReadyPair } from './pairs';

/** Pixels taken at a time: a block of features stays in a core's cache. */
const blockPixels = 128;

/** Sums over the pixels of some pairs, of features less `centre`. */
export interface Sums {
  readonly features: number;
  readonly targets: number;
  /** (features): near the features' means, so that little is lost when those are taken off. */
  readonly centre: Float64Array;
  /** (features + 1, stride): row i holds Σ fᵢfⱼ for j ≥ i, then Σ fᵢ·target; the rest is scratch. */
  readonly products: Float64Array;
  readonly stride: number;
  /** (features + targets): Σ fᵢ, then Σ target. */
  readonly totals: Float64Array;
  /** Σ target² over all targets. */
  squares: number;
  pixels: number;
}

export function createSums(features: number, targets: number, centre: Float64Array): Sums {
  const stride = features + targets + 4;
  return {
    features,
    targets,
    centre,
    products: new Float64Array((features + 1) * stride),
    stride,
    totals: new Float64Array(features + targets),
    squares: 0,
    pixels: 0,
  };
}

/** The features' means over a pair: a centre. */
export function featureMeans(spec: FeatureSpec, features: number, pair: ReadyPair): Float64Array {
  const rows = new Float64Array(features * blockPixels);
  const means = new Float64Array(features);
  const pixels = pair.height * pair.width;
  for (let first = 0; first < pixels; first += blockPixels) {
    const count = Math.min(blockPixels, pixels - first);
    writeFeatures(spec, pair, first, count, rows, blockPixels);
    for (let f = 0; f < features; f++) for (let k = 0; k < count; k++) means[f] += rows[f * blockPixels + k] / pixels;
  }
  return means;
}

/**
 * Adds every pixel of a pair, the targets in −1..1.
 * @param worked told the share of the pair after each block
 */
export async function addPair(
  sums: Sums,
  spec: FeatureSpec,
  upscale: number,
  pair: ReadyPair,
  worked: (share: number) => Promise<void>,
): Promise<void> {
  const { features, targets, totals, centre } = sums;
  const pixels = pair.height * pair.width;
  const used = (features + targets) * blockPixels;
  // Four rows of zeros more: the products are made four columns at a time.
  const rows = new Float64Array(used + 4 * blockPixels);
  for (let first = 0; first < pixels; first += blockPixels) {
    const count = Math.min(blockPixels, pixels - first);
    // Of a last, shorter block the rest must count for nothing.
    if (count < blockPixels) rows.fill(0);
    writeFeatures(spec, pair, first, count, rows, blockPixels);
    for (let f = 0; f < features; f++)
      for (let k = f * blockPixels; k < f * blockPixels + count; k++) rows[k] -= centre[f];
    writeTargets(pair, upscale, first, count, rows.subarray(features * blockPixels));
    for (let row = 0; row < features + targets; row++)
      for (let k = row * blockPixels; k < (row + 1) * blockPixels; k++) totals[row] += rows[k];
    for (let k = features * blockPixels; k < used; k++) sums.squares += rows[k] * rows[k];
    addProducts(sums, rows);
    await worked(count / pixels);
  }
  sums.pixels += pixels;
}

/** Rows (3·upscale², block): target (plane·upscale + dy)·upscale + dx of each pixel. */
function writeTargets(
  { height, width, goal }: ReadyPair,
  upscale: number,
  first: number,
  count: number,
  rows: Float64Array,
): void {
  for (let target = 0; target < 3 * upscale ** 2; target++) {
    const [dx, dy] = [target % upscale, Math.floor(target / upscale) % upscale];
    const plane = Math.floor(target / upscale ** 2) * height * upscale;
    for (let k = 0; k < count; k++) {
      const [x, y] = [(first + k) % width, Math.floor((first + k) / width)];
      const place = (plane + y * upscale + dy) * width * upscale + x * upscale + dx;
      rows[target * blockPixels + k] = goal[place] / 127.5 - 1;
    }
  }
}

/** Two rows by four at a time: each number read is used in four or two products. */
function addProducts({ features, targets, products, stride }: Sums, rows: Float64Array): void {
  for (let i = 0; i < features; i += 2)
    for (let j = i; j < features + targets; j += 4) {
      let [a, b, c, d, e, f, g, h] = [0, 0, 0, 0, 0, 0, 0, 0];
      let [first, second] = [i * blockPixels, (i + 1) * blockPixels];
      let column = j * blockPixels;
      for (let k = 0; k < blockPixels; k++, first++, second++, column++) {
        const one = rows[first];
        const two = rows[second];
        const p = rows[column];
        const q = rows[column + blockPixels];
        const r = rows[column + 2 * blockPixels];
        const s = rows[column + 3 * blockPixels];
        a += one * p;
        b += one * q;
        c += one * r;
        d += one * s;
        e += two * p;
        f += two * q;
        g += two * r;
        h += two * s;
      }
      const place = i * stride + j;
      products[place] += a;
      products[place + 1] += b;
      products[place + 2] += c;
      products[place + 3] += d;
      products[place + stride] += e;
      products[place + stride + 1] += f;
      products[place + stride + 2] += g;
      products[place + stride + 3] += h;
    }
}
