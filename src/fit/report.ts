// How well a map does, image by image: decoded by the map's own decoder, compared as anyone would compare it.

import { compareImages, type ImageDataLike } from '../compare/index';
import type { CpuDecoder } from '../cpu';
import type { FitPair, ReadyPair } from './pairs';

/** Of one image or the average of several: pictures at latent size × upscale, 8 bits, against the reference's average. */
export interface FitFigures {
  /** dB over R, G, B. */
  readonly psnr: number;
  readonly ssim: number;
  /** The share of the reference's variance (each of R, G, B about its mean) that the map explains: at most 1. */
  readonly r2: number;
}

export interface FittedImage extends FitFigures {
  /** The pair's name, or its number from 1: `pair 3`. */
  readonly name: string;
  /** True where the fit has not seen it. */
  readonly heldOut: boolean;
  /** Of the compared picture. */
  readonly width: number;
  readonly height: number;
}

export interface FitReport {
  /** In the order of the pairs. */
  readonly images: readonly FittedImage[];
  /** Averages over the images that the map was fitted on. */
  readonly fitted: FitFigures;
  /** Averages over the images that were held out; absent where none were. A ridge chosen on them flatters them a little. */
  readonly heldOut?: FitFigures;
  /** The one given, or chosen. */
  readonly ridge: number;
  /** Where the ridge was chosen: every ridge tried, with the held-out PSNR (dB, before clamping and rounding) it gave. */
  readonly ridges?: readonly { readonly ridge: number; readonly psnr: number }[];
  /** Numbers per output row. */
  readonly features: number;
  /** Latent pixels that it was fitted on. */
  readonly pixels: number;
  /** What a person should look at: latents that look as if they were of the other domain. */
  readonly warnings: readonly string[];
}

/** Decodes a pair's latents and compares. */
export async function figuresOf(
  decoder: CpuDecoder,
  { latents, item, frame }: FitPair,
  { width, height, goal }: ReadyPair,
  upscale: number,
  signal: AbortSignal | undefined,
): Promise<FitFigures & { width: number; height: number }> {
  const size = { width: width * upscale, height: height * upscale };
  const options = { ...(item === undefined ? {} : { item }), ...(frame === undefined ? {} : { frame }) };
  const picture = await decoder.decode(
    latents,
    { ...size, filter: 'nearest' },
    { ...options, ...(signal ? { signal } : {}) },
  );
  const reference = rounded(goal, size.width, size.height);
  const { psnr, ssim } = compareImages(picture, reference);
  const error = 255 ** 2 / 10 ** (psnr / 10);
  const spread = variance(reference);
  return { ...size, psnr, ssim, r2: error === 0 ? 1 : 1 - error / spread };
}

/** Averages of each figure. */
export function averageFigures(images: readonly FitFigures[]): FitFigures {
  const mean = (figure: keyof FitFigures): number =>
    images.reduce((sum, image) => sum + image[figure], 0) / images.length;
  return { psnr: mean('psnr'), ssim: mean('ssim'), r2: mean('r2') };
}

function rounded(planes: Float32Array, width: number, height: number): ImageDataLike {
  const count = width * height;
  const data = new Uint8ClampedArray(4 * count).fill(255);
  for (let i = 0; i < count; i++)
    for (let plane = 0; plane < 3; plane++) data[4 * i + plane] = Math.floor(planes[plane * count + i] + 0.5);
  return { width, height, data };
}

/** Of the bytes of R, G and B about their own means. */
function variance({ data, width, height }: ImageDataLike): number {
  const count = width * height;
  let total = 0;
  for (let plane = 0; plane < 3; plane++) {
    let [sum, squares] = [0, 0];
    for (let i = plane; i < data.length; i += 4) {
      sum += data[i];
      squares += data[i] ** 2;
    }
    total += squares / count - (sum / count) ** 2;
  }
  return total / 3;
}
