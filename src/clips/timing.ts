// Latent frames in the time of the video that they stand for. Causal VAEs fold the first frame of video alone into the first
// latent frame, and `temporalDownscale` of them into each other one.

import { LatentPreviewError } from '../errors';
import type { LatentFormat } from '../formats/format';
import { resolveFormat } from '../formats/index';

/** One latent frame. */
export interface TimedFrame {
  /** The first frame of video that it stands for, from 0. */
  readonly videoFrame: number;
  /** How many of them. */
  readonly videoFrames: number;
  /** When it comes on show, and for how long, in seconds. */
  readonly start: number;
  readonly duration: number;
}

export interface ClipTiming {
  /** Of the video. */
  readonly framesPerSecond: number;
  /** Frames that the family's VAE would decode to. */
  readonly videoFrames: number;
  /** In seconds. */
  readonly duration: number;
  /** One per latent frame. */
  readonly frames: readonly TimedFrame[];
}

/**
 * When each latent frame of a clip is on show, so that the clip lasts as long as its video: 21 latent frames of Wan 2.1
 * are 1 + 20 × 4 = 81 frames of video, 5.06 s at 16 a second. `framesPerSecond` is the video's, the family's unless given.
 *
 * @param format an id or an object; `temporalDownscale`, `causal` and `framesPerSecond` are read
 * @param latentFrames T of (N, C, T, H, W)
 * @throws LatentPreviewError `format` where the family publishes no rate and none is given, `shape` where a number is
 *   not usable
 */
export function clipTiming(
  format: string | LatentFormat,
  latentFrames: number,
  { framesPerSecond: given }: { framesPerSecond?: number | undefined } = {},
): ClipTiming {
  const { id, temporalDownscale = 1, causal = true, framesPerSecond: published } = resolveFormat(format);
  const framesPerSecond = given ?? published;
  if (framesPerSecond === undefined)
    throw new LatentPreviewError('format', `clip: '${id}' publishes no frame rate; pass \`framesPerSecond\``);
  if (!(framesPerSecond > 0 && framesPerSecond < Number.POSITIVE_INFINITY))
    throw new LatentPreviewError('shape', `clip: ${framesPerSecond} frames per second; it must be a number above 0`);
  if (!Number.isSafeInteger(latentFrames) || latentFrames < 1)
    throw new LatentPreviewError('shape', `clip: ${latentFrames} latent frames; it must be a whole number from 1 up`);
  // Of video before latent frame t.
  const before = (t: number): number => (causal && t > 0 ? 1 + (t - 1) * temporalDownscale : t * temporalDownscale);
  const videoFrames = before(latentFrames);
  const frames = Array.from({ length: latentFrames }, (_, t) => {
    const [first, next] = [before(t), before(t + 1)];
    return {
      videoFrame: first,
      videoFrames: next - first,
      start: first / framesPerSecond,
      duration: (next - first) / framesPerSecond,
    };
  });
  return { framesPerSecond, videoFrames, duration: videoFrames / framesPerSecond, frames };
}

/** The latent frame on show `seconds` after the start: the first one before it, the last one after the end. */
export function frameAt({ frames }: Pick<ClipTiming, 'frames'>, seconds: number): number {
  let [low, high] = [0, frames.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (frames[middle].start <= seconds) low = middle;
    else high = middle - 1;
  }
  return low;
}
