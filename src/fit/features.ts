// What a map's rows weigh, without the constant: the features of a run of pixels, and their names for messages. The
// order is LatentMap's.

import type { LatentMap } from '../decoders/latent-map';
import type { ReadyPair } from './pairs';

export type FeatureSpec = Pick<LatentMap, 'kind' | 'channels' | 'neighbourhood'>;

/** Terms of a kind beyond the neighbourhood: the channels of each product, in order. */
function* products({ kind, channels }: FeatureSpec): Generator<readonly number[]> {
  const highest = { linear: 1, affine: 1, quadratic: 2, cubic: 3 }[kind];
  for (let power = 2; power <= highest; power++)
    for (let i = 0; i < channels; i++)
      for (let j = i; j < channels; j++)
        if (power === 2) yield [i, j];
        else for (let l = j; l < channels; l++) yield [i, j, l];
}

/** For people: `channel 2`, `channel 2 at (1, −1)` (columns, rows from the pixel), `channel 0 × channel 3`. */
export function featureName(spec: FeatureSpec, feature: number): string {
  const { channels, neighbourhood } = spec;
  const window = neighbourhood ** 2;
  if (feature >= channels * window)
    return [...products(spec)][feature - channels * window].map((channel) => `channel ${channel}`).join(' × ');
  const reach = (neighbourhood - 1) / 2;
  const inner = feature % window;
  const [x, y] = [(inner % neighbourhood) - reach, Math.floor(inner / neighbourhood) - reach];
  return `channel ${Math.floor(feature / window)}${x || y ? ` at (${x}, ${y})` : ''}`;
}

/**
 * Fills rows (features, `stride`) with pixels `first` … `first + count` of a pair, row by row of the picture.
 * @param spec of the map; its products are counted once per call
 */
export function writeFeatures(
  spec: FeatureSpec,
  { height, width, planes }: ReadyPair,
  first: number,
  count: number,
  rows: Float64Array,
  stride: number,
): void {
  const { channels, neighbourhood } = spec;
  const reach = (neighbourhood - 1) / 2;
  const pixels = height * width;
  let start = 0;
  for (let c = 0; c < channels; c++)
    for (let dy = -reach; dy <= reach; dy++)
      for (let dx = -reach; dx <= reach; dx++) {
        for (let k = 0, y = Math.floor(first / width), x = first % width; k < count; k++) {
          const row = Math.min(Math.max(y + dy, 0), height - 1);
          rows[start + k] = planes[c * pixels + row * width + Math.min(Math.max(x + dx, 0), width - 1)];
          if (++x === width) [y, x] = [y + 1, 0];
        }
        start += stride;
      }
  const own = (channel: number): number => channel * pixels + first;
  for (const [i, j, l] of products(spec)) {
    for (let k = 0; k < count; k++) {
      const product = planes[own(i) + k] * planes[own(j) + k];
      rows[start + k] = l === undefined ? product : product * planes[own(l) + k];
    }
    start += stride;
  }
}
