// How often which numbers occur in each channel, in bins of one width for all.

import { LatentPreviewError } from '../errors';
import type { Latents } from '../latents';
import { selectFrames } from '../view';
import { channelRange, type Range, requireRange } from './range';
import { eachNumber, openLatents, type SelectOptions } from './read';

export interface Histogram {
  /** Bin k of n holds what lies from low + (high − low) · k / n up to where the next begins; the last its end too. */
  readonly counts: Uint32Array;
  readonly range: Range;
  /** How many finite numbers, infinite ones too, lie outside of the range. */
  readonly below: number;
  readonly above: number;
}

export interface HistogramOptions extends SelectOptions {
  /** Default 64. */
  readonly bins?: number;
  /** Default: {@link channelRange}, the same for all channels. */
  readonly range?: Range;
}

/**
 * Of each unpacked channel, as stored, over all items and frames or those selected. NaN is in no bin.
 * @throws LatentPreviewError `shape` where the latents lie in GPU memory or do not fit the format, and for bins or a range
 *   that are none; `format`
 */
export function channelHistogram(
  latents: Latents,
  { bins = 64, range = channelRange(latents), item, frame, ...reading }: HistogramOptions = {},
): readonly Histogram[] {
  if (!Number.isInteger(bins) || bins < 1 || bins > 65536)
    throw new LatentPreviewError('shape', `channels: ${bins} bins; needed is a whole number of 1 to 65536`);
  const [low, high] = requireRange(range);
  const open = openLatents(latents, reading);
  const selections = selectFrames(open.view, { item, frame });
  const perUnit = bins / (high - low);
  return Array.from({ length: open.view.channels }, (_, channel) => {
    const counts = new Uint32Array(bins);
    let [below, above] = [0, 0];
    eachNumber(open, channel, selections, (value) => {
      if (value < low) below++;
      else if (value > high) above++;
      else if (!Number.isNaN(value)) counts[Math.min(Math.floor((value - low) * perUnit), bins - 1)]++;
    });
    return { counts, range: [low, high], below, above };
  });
}
