// What latents' numbers say about what they are: means, deviations, how neighbouring pixels differ, which axis and which
// width make neighbours alike. Samples of a few thousand pixels; nothing here knows a format.

import { elementAt, type Tensor } from '../tensor';
import { elementIndex, type LatentView } from '../view';

export interface Measured {
  /** Per unpacked channel. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Covariance of what neighbouring pixels differ by, row c of channels 0 to c; undefined where it was not asked for. */
  readonly edges?: readonly (readonly number[])[];
}

const sampledPixels = 4096;

/** Of the last item's middle frame. What is not finite is left out. */
export function measure(tensor: Tensor, view: LatentView, withEdges: boolean): Measured {
  const { strides, width, height, channels } = view;
  const base = (view.items - 1) * strides.item + Math.floor(view.frames / 2) * strides.frame;
  // An odd step walks all rows of a patch.
  // The covariance of many channels takes long, and fewer pixels will do.
  const pixels = sampledPixels / (withEdges ? Math.max(1, channels / 16) : 1);
  const step = Math.max(1, Math.floor((width * height) / pixels)) | 1;
  const sums = Array.from({ length: channels }, () => ({ count: 0, sum: 0, squares: 0 }));
  const edges = new Float64Array(withEdges ? channels * channels : 0);
  let differences = 0;
  const rows = [0, 1].map(() => new Float64Array(channels * width));
  const difference = new Float64Array(channels);
  for (let y = 0; y < height; y += step) {
    const [row, below] = rows;
    for (let c = 0; c < channels; c++)
      for (let x = 0; x < width; x++) {
        const value = elementAt(tensor, base + elementIndex(view, c, y, x));
        row[c * width + x] = value;
        if (withEdges && y + 1 < height)
          below[c * width + x] = elementAt(tensor, base + elementIndex(view, c, y + 1, x));
        if (!Number.isFinite(value)) continue;
        const one = sums[c];
        one.count++;
        one.sum += value;
        one.squares += value * value;
      }
    if (!withEdges) continue;
    const add = (x: number, other: Float64Array, place: number): void => {
      let total = 0;
      for (let c = 0; c < channels; c++) total += difference[c] = other[c * width + place] - row[c * width + x];
      if (!Number.isFinite(total)) return;
      differences++;
      for (let i = 0; i < channels; i++) {
        const own = difference[i];
        for (let k = 0; k <= i; k++) edges[i * channels + k] += own * difference[k];
      }
    };
    for (let x = 0; x < width; x++) {
      if (x + 1 < width) add(x, row, x + 1);
      if (y + 1 < height) add(x, below, x);
    }
  }
  const mean = sums.map(({ count, sum }) => (count ? sum / count : 0));
  return {
    mean,
    std: sums.map(({ count, squares }, c) => (count ? Math.sqrt(Math.max(0, squares / count - mean[c] ** 2)) : 0)),
    ...(withEdges &&
      differences > channels && {
        edges: Array.from({ length: channels }, (_, i) =>
          Array.from(edges.subarray(i * channels, i * channels + i + 1), (sum) => sum / differences),
        ),
      }),
  };
}

/**
 * How far a covariance's shape is from a usual one's, and how much larger it is: half the Kullback-Leibler divergence of
 * Gaussians, per channel, once both are of one size. Lower triangles.
 */
export function compareEdges(
  found: readonly (readonly number[])[],
  usual: readonly (readonly number[])[],
): { shape: number; scale: number } {
  const count = found.length;
  const trace = found.reduce((sum, row, i) => sum + row[i], 0);
  // Channels without edges would make it infinite.
  const loaded = found.map((row, i) => row.map((value, k) => (i === k ? value + (1e-4 * trace) / count : value)));
  const [a, b] = [cholesky(loaded), cholesky(usual)];
  if (!a || !b) return { shape: Number.POSITIVE_INFINITY, scale: 0 };
  // tr(usual⁻¹ found) is the squared norm of b⁻¹ a.
  let norm = 0;
  for (let column = 0; column < count; column++) {
    const solved = new Float64Array(count);
    for (let i = column; i < count; i++) {
      let value = a[i][column];
      for (let k = column; k < i; k++) value -= b[i][k] * solved[k];
      solved[i] = value / b[i][i];
      norm += solved[i] ** 2;
    }
  }
  const scale = norm / count;
  const logs = a.reduce((sum, row, i) => sum + 2 * Math.log(row[i] / b[i][i]), 0);
  return { shape: (Math.log(scale) - logs / count) / 2, scale };
}

/** Lower triangle L with L Lᵀ = matrix; undefined where it is not positive definite. */
function cholesky(matrix: readonly (readonly number[])[]): readonly Float64Array[] | undefined {
  const rows: Float64Array[] = [];
  for (const [i, source] of matrix.entries()) {
    const row = new Float64Array(matrix.length);
    for (let k = 0; k <= i; k++) {
      let value = source[k];
      for (let j = 0; j < k; j++) value -= row[j] * (rows[k]?.[j] ?? row[j]);
      if (k < i) row[k] = value / rows[k][k];
      else if (value > 0) row[i] = Math.sqrt(value);
      else return undefined;
    }
    rows.push(row);
  }
  return rows;
}

/**
 * How alike elements `step` apart are: their correlation over `count` places of each of the runs that start at `starts`,
 * each run about its own mean. −1..1, 0 where all are equal.
 */
export function likeness(tensor: Tensor, starts: readonly number[], step: number, stride: number, count: number) {
  let [both, first, second] = [0, 0, 0];
  const skip = Math.max(1, Math.floor((count * starts.length) / (4 * sampledPixels)));
  for (const start of starts) {
    const pairs: [number, number][] = [];
    let [sumA, sumB] = [0, 0];
    for (let i = 0; i < count; i += skip) {
      const [a, b] = [elementAt(tensor, start + i * stride), elementAt(tensor, start + i * stride + step)];
      if (!Number.isFinite(a + b)) continue;
      pairs.push([a, b]);
      sumA += a;
      sumB += b;
    }
    for (const [a, b] of pairs) {
      const [x, y] = [a - sumA / pairs.length, b - sumB / pairs.length];
      both += x * y;
      first += x * x;
      second += y * y;
    }
  }
  return both === 0 ? 0 : both / Math.sqrt(first * second);
}
