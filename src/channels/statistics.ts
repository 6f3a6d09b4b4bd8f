// Minimum, maximum, mean and deviation of the finite numbers of a tensor and of its channels, and how many are not finite.

import type { Latents } from '../latents';
import type { Tensor } from '../tensor';
import { selectFrames } from '../view';
import { eachNumber, numbersOf, openLatents, type SelectOptions } from './read';

export interface Statistics {
  /** All, finite or not. */
  readonly count: number;
  readonly nan: number;
  readonly plusInfinity: number;
  readonly minusInfinity: number;
  /** These four are of the finite ones; NaN where there are none. */
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Of the whole population: divided by the count. */
  readonly std: number;
}

/**
 * Of each unpacked channel, as stored, over all items and frames or those selected.
 * @throws LatentPreviewError `shape` where the latents lie in GPU memory or do not fit the format, `format`
 */
export function channelStatistics(
  latents: Latents,
  { item, frame, ...reading }: SelectOptions = {},
): readonly Statistics[] {
  const open = openLatents(latents, reading);
  const selections = selectFrames(open.view, { item, frame });
  return Array.from({ length: open.view.channels }, (_, channel) =>
    statistics((see) => eachNumber(open, channel, selections, see)),
  );
}

/** Of all its elements. */
export function tensorStatistics(tensor: Tensor): Statistics {
  const values = numbersOf(tensor);
  return statistics((see) => {
    for (let index = 0; index < values.length; index++) see(values[index]);
  });
}

/** How many are not finite. */
export const notFinite = ({ nan, plusInfinity, minusInfinity }: Statistics): number =>
  nan + plusInfinity + minusInfinity;

/** Goes over the numbers twice: the deviation of numbers far from 0 would drown in their squares. */
function statistics(visit: (see: (value: number) => void) => void): Statistics {
  let [finite, nan, plusInfinity, minusInfinity, sum] = [0, 0, 0, 0, 0];
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  visit((value) => {
    if (Number.isNaN(value)) nan++;
    else if (value === Number.POSITIVE_INFINITY) plusInfinity++;
    else if (value === Number.NEGATIVE_INFINITY) minusInfinity++;
    else {
      finite++;
      sum += value;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  });
  const counts = { count: finite + nan + plusInfinity + minusInfinity, nan, plusInfinity, minusInfinity };
  const none = Number.NaN;
  if (finite === 0) return { ...counts, min: none, max: none, mean: none, std: none };
  const mean = sum / finite;
  let squares = 0;
  visit((value) => {
    if (Number.isFinite(value)) squares += (value - mean) ** 2;
  });
  return { ...counts, min, max, mean, std: Math.sqrt(squares / finite) };
}
