// Fitted maps to RGB as plain JSON, and as decoders: polynomial in the pixel's channels, linear in those of its
// neighbours, one latent pixel to upscale × upscale picture pixels. How they are fitted is src/fit.

import { LatentPreviewError } from '../errors';
import type { Decoder } from './decoder';

/** Which terms a map has: z; 1 and z; and zᵢzⱼ; and zᵢzⱼzₗ. */
export type LatentMapKind = 'linear' | 'affine' | 'quadratic' | 'cubic';

/** Where a map's numbers come from. Every field is for people: nothing is computed from it. */
export interface LatentMapProvenance {
  /** ISO 8601 day. */
  readonly date?: string;
  /** What it was fitted on: names of photos or of a set, and what made the latents. */
  readonly data?: string;
  readonly licence?: string;
  /** How many photos it was fitted on, and how many were held out. */
  readonly photos?: number;
  readonly heldOutPhotos?: number;
  readonly ridge?: number;
  /** Averages over the photos that were held out, at latent size × upscale. PSNR in dB. */
  readonly heldOut?: { readonly psnr: number; readonly ssim: number; readonly r2: number };
}

/** A fitted map: plain JSON, as `JSON.parse` gives it. */
export interface LatentMap {
  readonly version: 1;
  /** What a person would call it: `sdxl affine 3×3 ×2`. */
  readonly name: string;
  readonly kind: LatentMapKind;
  /** Base id of the latent space: `sdxl`. */
  readonly format: string;
  /** Unpacked. */
  readonly channels: number;
  /** Of the latents that it takes. */
  readonly domain: 'model';
  /** k: the linear terms look at the k × k latent pixels around the pixel. */
  readonly neighbourhood: 1 | 3 | 5;
  /** u: picture pixels per latent pixel and side. */
  readonly upscale: 1 | 2 | 4 | 8;
  /** Neighbours beyond an edge: the nearest pixel inside. */
  readonly edges: 'replicate';
  /** The range that becomes 0..1 of sRGB; values beyond it are clamped. */
  readonly outputRange: readonly [number, number];
  /**
   * (3·u², features), row by row. Row (plane·u + dy)·u + dx gives R, G or B of the picture pixel (dx, dy) within its
   * latent pixel. Features: 1 (not in `linear`); the channels' neighbourhoods (channels, k, k), row 0 above; of the
   * pixel itself zᵢzⱼ for i ≤ j (`quadratic`, `cubic`), then zᵢzⱼzₗ for i ≤ j ≤ l (`cubic`), in lexicographic order.
   */
  readonly coefficients: readonly number[];
  readonly provenance?: LatentMapProvenance;
}

/**
 * A fitted map as a decoder: takes model latents (C, H, W), gives H·upscale × W·upscale pixels.
 * @param map what `fitLatentMap` gave, or its JSON, parsed
 * @throws LatentPreviewError `weights` saying what about the map is wrong
 */
export function latentMap(map: LatentMap): Decoder {
  throw new LatentPreviewError('weights', `latentMap: '${map.name}' cannot be decoded yet`);
}
