// The entry to files: what the caller may say. How a source is read is open.ts, loaded with the readers on the first file:
// who feeds tensors from a sampler never needs it.

import type { LatentOptions, Latents } from './latents';
import type { HubFile, LoadOptions, LoadWeightsOptions, Source } from './source';
import type { DType, Shape, Tensor } from './tensor';

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
 * A state dict, by tensor name, from a file or bytes, a URL, a file of a Hugging Face repository, or the name of a known
 * decoder: `taesd`, `taesdxl`, `taesd3`, `taef1`, `taef2` (see `latent-preview/decoders/known`). A relative URL of a single
 * word is written `./word`.
 *
 * Calls that want the same file at the same time share one download; one that is aborted does not end it for the others.
 * @throws LatentPreviewError `file` where it cannot be fetched or read, `weights` where it is not the file that was wanted
 */
export async function loadWeights(
  source: Source | HubFile,
  options: LoadWeightsOptions = {},
): Promise<ReadonlyMap<string, Tensor>> {
  return (await import('./download/index')).readWeights(source, options);
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
