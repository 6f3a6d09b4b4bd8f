// How well a map does, image by image: what a fit reports.

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
  /** Averages over the images that were held out; absent where none were. */
  readonly heldOut?: FitFigures;
  /** The one given, or chosen. */
  readonly ridge: number;
  /** Where the ridge was chosen: every ridge tried, with the held-out PSNR (dB, before clamping and rounding) it gave. */
  readonly ridges?: readonly { readonly ridge: number; readonly psnr: number }[];
  /** Numbers per output row. */
  readonly features: number;
  /** Latent pixels that it was fitted on. */
  readonly pixels: number;
  /** What a person should look at: latents that look as if they were of the other domain, say. */
  readonly warnings: readonly string[];
}
