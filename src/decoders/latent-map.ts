// Fitted maps to RGB as plain JSON, and as decoders: polynomial in the pixel's channels, linear in those of its
// neighbours, one latent pixel to upscale × upscale picture pixels. How they are fitted is src/fit.

import { LatentPreviewError } from '../errors';
import { latentMap as latentMapOp, layer } from '../ops/index';
import { featureCount } from '../ops/latent-map';
import type { Decoder } from './decoder';
import { polynomial } from './polynomial';

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

const degrees = { linear: 1, affine: 1, quadratic: 2, cubic: 3 } as const;

/**
 * A fitted map as a decoder: takes model latents (C, H, W), gives H·upscale × W·upscale pixels.
 * @param map what `fitLatentMap` gave, or its JSON, parsed
 * @throws LatentPreviewError `weights` saying what about the map is wrong
 */
export function latentMap(map: LatentMap): Decoder {
  checkMap(map);
  const { name, kind, format, channels, neighbourhood, upscale, outputRange } = map;
  const degree = degrees[kind];
  const coefficients = withConstants(map);
  const common = { name, format, upscale };
  // What looks at one pixel and leaves one runs in bands, by kernels without workgroup memory.
  if (neighbourhood * upscale === 1)
    return { ...polynomial({ channels, degree, coefficients, outputRange }), ...common };
  return {
    ...common,
    channels,
    domain: 'model',
    layers: [layer(latentMapOp, { channels, neighbourhood, upscale, degree, coefficients })],
    output: { activation: 'clamp', range: outputRange },
  };
}

/** Numbers per row of a map's coefficients. */
export const mapFeatures = ({ kind, ...map }: Pick<LatentMap, 'kind' | 'channels' | 'neighbourhood'>): number =>
  featureCount({ ...map, degree: degrees[kind] }) - (kind === 'linear' ? 1 : 0);

/** The rows, each with a constant: 0 where the kind has none. */
function withConstants(map: LatentMap): Float32Array {
  const { kind, coefficients } = map;
  const features = mapFeatures(map);
  return Float32Array.from(
    kind === 'linear' ? coefficients.flatMap((value, k) => (k % features ? value : [0, value])) : coefficients,
  );
}

function checkMap(map: LatentMap): void {
  const wrong = (what: string): LatentPreviewError => new LatentPreviewError('weights', `latentMap: ${what}`);
  if (map?.version !== 1)
    throw wrong(`version is ${map?.version}, this release reads maps of version 1: pass a map's JSON, parsed`);
  const allowed = {
    kind: Object.keys(degrees),
    domain: ['model'],
    neighbourhood: [1, 3, 5],
    upscale: [1, 2, 4, 8],
    edges: ['replicate'],
  } as const;
  for (const [field, values] of Object.entries(allowed)) {
    const found: unknown = map[field as keyof typeof allowed];
    if (!values.includes(found as never)) throw wrong(`${field} is ${found}, it can be ${values.join(', ')}`);
  }
  const { name, format, channels, outputRange, coefficients, upscale } = map;
  for (const [field, found] of Object.entries({ name, format }))
    if (typeof found !== 'string') throw wrong(`${field} is ${found}, needed is a text`);
  if (!Number.isInteger(channels) || channels < 1)
    throw wrong(`channels is ${channels}, needed is a whole number from 1`);
  if (!Array.isArray(outputRange) || !outputRange.every(Number.isFinite) || !(outputRange[0] < outputRange[1]))
    throw wrong(`outputRange is ${outputRange}, needed are two numbers, the smaller first`);
  const [rows, features] = [3 * upscale ** 2, mapFeatures(map)];
  if (!Array.isArray(coefficients) || coefficients.length !== rows * features)
    throw wrong(`it has ${coefficients?.length} coefficients, ${rows} rows of ${features} are ${rows * features}`);
  const bad = coefficients.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw wrong(`coefficient ${bad} is ${coefficients[bad]}, not a finite number`);
}
