// The contract of a decoder: a description of what turns latents into RGB, nothing on a GPU. It can be listed, printed,
// run on the CPU and compiled. A new decoder is one file here and one line in index.ts.

import type { Domain, OutputActivation } from '../formats/format';
import type { Layer } from '../ops/op';

export interface Decoder {
  /** What a person would call it: `linear sdxl/invokeai`, `quadratic`, `mlp 4-12-12-3`. */
  readonly name: string;
  /** Base id of the latent space it was made for, where it says so: previewers of another one refuse it. */
  readonly format?: string;
  /** Channels it takes, unpacked. */
  readonly channels: number;
  /** The domain it takes; the previewer converts latents of the other one. */
  readonly domain: Domain;
  /** Output pixels per latent pixel and side. */
  readonly upscale: number;
  /** In order. The first reads latents; the last leaves R, G, B, perhaps alpha: (3 or 4, H, W) for `output`. */
  readonly layers: readonly Layer[];
  /** How R, G, B become sRGB: the activation, and for `clamp` the range that becomes 0..1. */
  readonly output: { readonly activation: OutputActivation; readonly range: readonly [number, number] };
}

/** Bring a clamp's range to 0..1: value × scale + offset. */
export function outputScale({ range: [low, high] }: Pick<Decoder['output'], 'range'>): {
  scale: number;
  offset: number;
} {
  return { scale: 1 / (high - low), offset: -low / (high - low) };
}
