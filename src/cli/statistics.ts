// Minimum, maximum, mean and deviation of a tensor's finite numbers, whole and by channel.

import type { LatentView, Tensor } from '../index';
import { elementAt } from '../tensor';
import { elementIndex } from '../view';

export interface Statistics {
  /** All, finite or not. */
  readonly count: number;
  readonly nan: number;
  readonly infinite: number;
  /** These four are of the finite ones; NaN where there are none. */
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
}

export const tensorStatistics = (tensor: Tensor): Statistics =>
  statistics(tensor, tensor.data.length, function* () {
    for (let index = 0; index < tensor.data.length; index++) yield index;
  });

/** Of each unpacked channel, over all items and frames. */
export function channelStatistics(tensor: Tensor, view: LatentView): readonly Statistics[] {
  const { items, frames, channels, height, width, strides } = view;
  return Array.from({ length: channels }, (_, channel) =>
    statistics(tensor, items * frames * height * width, function* () {
      for (let item = 0; item < items; item++)
        for (let frame = 0; frame < frames; frame++) {
          const base = item * strides.item + frame * strides.frame;
          for (let y = 0; y < height; y++)
            for (let x = 0; x < width; x++) yield base + elementIndex(view, channel, y, x);
        }
    }),
  );
}

/** Twice over the numbers: the deviation of numbers far from 0 would drown in their squares. */
function statistics(tensor: Tensor, count: number, places: () => Iterable<number>): Statistics {
  let [nan, infinite, sum, min, max] = [0, 0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const place of places()) {
    const value = elementAt(tensor, place);
    if (Number.isNaN(value)) nan++;
    else if (!Number.isFinite(value)) infinite++;
    else {
      sum += value;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  const finite = count - nan - infinite;
  if (finite === 0)
    return { count, nan, infinite, min: Number.NaN, max: Number.NaN, mean: Number.NaN, std: Number.NaN };
  const mean = sum / finite;
  let squares = 0;
  for (const place of places()) {
    const value = elementAt(tensor, place);
    if (Number.isFinite(value)) squares += (value - mean) ** 2;
  }
  return { count, nan, infinite, min, max, mean, std: Math.sqrt(squares / finite) };
}
