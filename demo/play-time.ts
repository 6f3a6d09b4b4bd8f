// When each picture of the axis that plays is on show: latent frames as long as the video that they stand for, steps and
// items for equal times.

import { type ClipTiming, clipTiming } from '../src/clips/index';
import { familyOf, shortName } from './decoders';
import { playedAxis } from './entry';
import type { Axis, Entry } from './state';

/** Of steps and items. */
const stepsPerSecond = 8;
/** Of video whose family publishes no rate. */
const assumedRate = 24;

export interface PlayTime extends ClipTiming {
  readonly axis: Axis;
  /** Latent frames of video: the rate is the video's. */
  readonly video: boolean;
}

/** Undefined where nothing plays. */
export function playTime(entry: Entry): PlayTime | undefined {
  const played = playedAxis(entry);
  if (!played) return undefined;
  const { axis, count } = played;
  const family = familyOf(entry.format);
  const timing =
    axis === 'frame'
      ? clipTiming(family, count, { framesPerSecond: entry.fps ?? family.framesPerSecond ?? assumedRate })
      : clipTiming({ ...family, temporalDownscale: 1 }, count, { framesPerSecond: entry.fps ?? stepsPerSecond });
  return { ...timing, axis, video: axis === 'frame' };
}

/** Whose rate it is, and what the latent frames stand for. */
export function rateText(entry: Entry, { framesPerSecond, videoFrames, frames }: PlayTime): string {
  const { framesPerSecond: published, temporalDownscale = 1, causal = true, ...family } = familyOf(entry.format);
  const name = shortName(familyOf(family.id));
  const rate =
    entry.fps === undefined
      ? published === undefined
        ? `${framesPerSecond} fps assumed, as ${name} publishes no rate`
        : `${framesPerSecond} fps as published for ${name}`
      : `${framesPerSecond} fps as you say${published === undefined ? '' : `; ${name} makes ${published}`}`;
  if (temporalDownscale === 1) return `${rate}.`;
  const each = causal ? `1 for the first, ${temporalDownscale} for each other` : `${temporalDownscale} for each`;
  return `${rate}. ${frames.length} latent frames are ${videoFrames} of video: ${each}.`;
}

export const seconds = (value: number): string => `${value.toFixed(2)} s`;
