// The entry to files: what the caller may say. How a source is read is open.ts, loaded with the readers on the first file:
// who feeds tensors from a sampler never needs it.

import type { LatentOptions, Latents } from './latents';
import type { DType, Shape, Tensor } from './tensor';

/** Where bytes come from: a URL, a File or Blob, bytes in memory, or a fetch's response. */
export type Source = string | URL | Blob | ArrayBuffer | ArrayBufferView | Response;

export interface Progress {
  /** Bytes so far. */
  readonly loaded: number;
  /** Undefined where the server does not say. */
  readonly total: number | undefined;
}

export interface LoadOptions {
  /** Aborts the download; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface LoadLatentsOptions extends LoadOptions, LatentOptions {
  /** Which tensor of a file with several. */
  readonly key?: string;
  /** For raw bytes without a header, together with `dtype` (default `float32`, little-endian, C order). */
  readonly shape?: Shape;
  readonly dtype?: DType;
}

/**
 * Latents from a .npy or .safetensors (ComfyUI's .latent too) file, found by its magic bytes, or from raw bytes where
 * `shape` is given. Halves stay packed.
 * The domain is the option's, else what a ComfyUI .latent file implies, else `model`.
 * @throws LatentPreviewError `file`, `shape`, `format`
 */
export async function loadLatents(source: Source, options: LoadLatentsOptions = {}): Promise<Latents> {
  return (await import('./open')).openLatents(source, options);
}

/**
 * A state dict, by tensor name.
 * @throws LatentPreviewError `file`
 */
export async function loadWeights(source: Source, options: LoadOptions = {}): Promise<ReadonlyMap<string, Tensor>> {
  return (await import('./open')).openWeights(source, options);
}
