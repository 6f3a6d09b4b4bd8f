// fitLatentMap(): the whole fit on one page. Pairs in, a map and how well it does out.

import type { LongWork } from '../clock';
import type { ImageDataLike } from '../compare/image';
import type { LatentMap, LatentMapKind, LatentMapProvenance } from '../decoders/latent-map';
import { LatentPreviewError } from '../errors';
import type { LatentFormat } from '../formats/format';
import type { Latents } from '../latents';
import type { FitReport } from './report';

/** Latents and the picture they should become. */
export interface FitPair {
  /** For the report, and to be held out by; default `pair 1`, `pair 2`, … */
  readonly name?: string;
  /** In CPU memory, of any size, in the domain they say. */
  readonly latents: Latents;
  /** Which item of a batch; default 0. */
  readonly item?: number;
  /** Which latent frame of a video; default the middle one. */
  readonly frame?: number;
  /**
   * The photo that was encoded, or the VAE's decode: sRGB, at least latent size × upscale. What the encoder dropped (less
   * than one latent pixel at the right and the bottom) may still be there; another size must show the same field.
   */
  readonly image: ImageDataLike;
}

export interface FitOptions extends LongWork {
  /** Default: what the pairs' latents say. */
  readonly format?: string | LatentFormat;
  /** Default `affine`. */
  readonly kind?: LatentMapKind;
  /** Default 1: the pixel alone. */
  readonly neighbourhood?: LatentMap['neighbourhood'];
  /** Default 1. */
  readonly upscale?: LatentMap['upscale'];
  /**
   * How strongly coefficients are held towards zero, in units of each feature's own variance; 0 is plain least squares.
   * `auto` (default where images are held out; else 0.0001) takes what does best on the held-out images.
   */
  readonly ridge?: number | 'auto';
  /**
   * What the fit must not see: a share of the images (evenly spread over the list; at least one, at most all but one) or
   * their names. Always whole images. Default 0.2, and 0 where there is only one.
   */
  readonly holdOut?: number | readonly string[];
  /** Default made of format, kind, neighbourhood and upscale. */
  readonly name?: string;
  /** Added to what the fit itself knows (photos, ridge, held-out figures). */
  readonly provenance?: LatentMapProvenance;
}

/**
 * Fits a map by least squares over every pixel of every pair that is not held out, and measures it on all of them.
 * Memory does not grow with the pixels: a pair may be a function that loads it when its turn comes (twice).
 * @throws LatentPreviewError `shape` (no pairs, sizes that do not match, latents that are not finite, too few pixels,
 * constant or dependent channels), `format`
 */
export async function fitLatentMap(
  pairs: readonly (FitPair | (() => FitPair | Promise<FitPair>))[],
  options: FitOptions = {},
): Promise<{ map: LatentMap; report: FitReport }> {
  options.signal?.throwIfAborted();
  throw new LatentPreviewError('shape', `fit: ${pairs.length} pairs cannot be fitted yet`);
}
