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
  /** Which tensor of a file with several; {@link listTensors} lists them. Names inside of a .pt file are joined by dots. */
  readonly key?: string;
  /** For raw bytes without a header, together with `dtype` (default `float32`, little-endian, C order). */
  readonly shape?: Shape;
  readonly dtype?: DType;
}

/**
 * Latents from a file, whose kind is found by its first bytes: .npy, .npz, .safetensors (ComfyUI's .latent too), PyTorch's
 * .pt and .pth, four channels as RGBA .png; or from raw bytes where `shape` is given. Halves stay packed.
 * Of a URL whose server takes range requests, and of a Blob, only the header and the chosen tensor are read.
 * The domain is the option's, else what a ComfyUI .latent file implies, else `model`.
 * @throws LatentPreviewError `file` (also where several tensors could be meant: the message lists them, `key` chooses),
 * `shape`, `format`
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

/** A tensor of a file, not yet read. */
export interface ListedTensor {
  /** What `key` takes; '' in a file of one unnamed array. */
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/**
 * The tensors of a file, in its order, without reading their data where that can be avoided: for a choice of `key`.
 * @throws LatentPreviewError `file`
 */
export async function listTensors(source: Source, options: LoadOptions = {}): Promise<readonly ListedTensor[]> {
  return (await import('./open')).openList(source, options);
}
