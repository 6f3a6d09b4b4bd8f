// Minimum, maximum, mean and deviation of a tensor's finite numbers, whole and by channel.

import type { LatentView, Tensor } from '../index';
import { toFloat32 } from '../tensor';
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

export function tensorStatistics(tensor: Tensor): Statistics {
  const values = numbers(tensor);
  return statistics((see) => {
    for (let index = 0; index < values.length; index++) see(values[index]);
  });
}

/** Of each unpacked channel, over all items and frames. */
export function channelStatistics(tensor: Tensor, view: LatentView): readonly Statistics[] {
  const { items, frames, channels, height, width, strides } = view;
  const values = numbers(tensor);
  return Array.from({ length: channels }, (_, channel) =>
    statistics((see) => {
      for (let item = 0; item < items; item++)
        for (let frame = 0; frame < frames; frame++) {
          const base = item * strides.item + frame * strides.frame;
          for (let y = 0; y < height; y++)
            for (let x = 0; x < width; x++) see(values[base + elementIndex(view, channel, y, x)]);
        }
    }),
  );
}

/** Halves as numbers; the rest, doubles too, as they are. */
const numbers = (tensor: Tensor): ArrayLike<number> =>
  tensor.dtype === 'float16' || tensor.dtype === 'bfloat16' ? toFloat32(tensor) : tensor.data;

/** Goes over the numbers twice: the deviation of numbers far from 0 would drown in their squares. */
function statistics(visit: (see: (value: number) => void) => void): Statistics {
  let [finite, nan, infinite, sum, min, max] = [0, 0, 0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  visit((value) => {
    if (Number.isNaN(value)) nan++;
    else if (!Number.isFinite(value)) infinite++;
    else {
      finite++;
      sum += value;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  });
  const count = finite + nan + infinite;
  const none = Number.NaN;
  if (finite === 0) return { count, nan, infinite, min: none, max: none, mean: none, std: none };
  const mean = sum / finite;
  let squares = 0;
  visit((value) => {
    if (Number.isFinite(value)) squares += (value - mean) ** 2;
  });
  return { count, nan, infinite, min, max, mean, std: Math.sqrt(squares / finite) };
}
