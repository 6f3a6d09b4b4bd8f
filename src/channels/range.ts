// The one scale on which all channels of a tensor are drawn, so that they can be compared.

import { LatentPreviewError } from '../errors';
import type { Latents } from '../latents';
import { elementAt } from '../tensor';
import type { Palette } from './palette';
import { tensorInMemory } from './read';

/** From the number drawn in a palette's first colour to that in its last. */
export type Range = readonly [low: number, high: number];

// More numbers tell no more about where most lie.
const mostSamples = 65536;
const leftOut = 0.005;

/**
 * One range for all channels, items and frames: of their finite numbers, from where half a percent lies below to where half
 * a percent lies above (minimum and maximum of up to 200), so that a few that are far out do not flatten the rest. Of many
 * numbers it is that of an evenly spread part. For `diverging` 0 is in its middle.
 * @throws LatentPreviewError `shape` where the latents lie in GPU memory
 */
export function channelRange(latents: Latents, { palette = 'grey' }: { readonly palette?: Palette } = {}): Range {
  const tensor = tensorInMemory(latents);
  const { length } = tensor.data;
  // Odd, so that it does not stay in one column of most widths.
  const step = Math.max(1, Math.floor(length / mostSamples)) | 1;
  const samples = new Float64Array(Math.ceil(length / step));
  let count = 0;
  for (let index = 0; index < length; index += step) {
    const value = elementAt(tensor, index);
    if (Number.isFinite(value)) samples[count++] = value;
  }
  if (count === 0) return [-1, 1];
  const sorted = samples.subarray(0, count).sort();
  const low = sorted[Math.floor(leftOut * (count - 1))];
  const high = sorted[Math.ceil((1 - leftOut) * (count - 1))];
  if (palette === 'diverging') {
    const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
    return [-most, most];
  }
  const around = low === high ? Math.abs(low) / 2 || 0.5 : 0;
  return [low - around, high + around];
}

/** @throws LatentPreviewError `shape` */
export function requireRange([low, high]: Range): Range {
  if (!Number.isFinite(low) || !Number.isFinite(high) || !(low < high))
    throw new LatentPreviewError(
      'shape',
      `channels: range is ${low} to ${high}; needed are two finite numbers, the smaller one first`,
    );
  return [low, high];
}
