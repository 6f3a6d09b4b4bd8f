// URL, File, Blob or bytes → latents or weights, with progress and cancellation.

import type { TensorFile } from './files/index';
import { describeLatents, type LatentOptions, type Latents } from './latents';
import type { HubFile, LoadOptions, LoadWeightsOptions, Source } from './source';
import { type DType, type Shape, type Tensor, tensorFromBytes } from './tensor';

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
  options.signal?.throwIfAborted();
  // What reads files is loaded with the first one: who feeds tensors from a sampler never needs it.
  const bytes = await (await import('./source')).readSource(source, options);
  if (options.shape) return describeLatents(tensorFromBytes(bytes, options.dtype ?? 'float32', options.shape), options);
  const { readTensorFile, selectTensor } = await import('./files/index');
  const file = readTensorFile(bytes);
  const { name, tensor } = selectTensor(file, options.key);
  const latents = { ...describeLatents(tensor, options), metadata: file.metadata };
  const implied = options.domain ? undefined : comfyDomain(file, name, tensor);
  return implied ? { ...latents, domain: implied, domainFrom: 'file' } : latents;
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
  options.signal?.throwIfAborted();
  return (await import('./download/index')).readWeights(source, options);
}

/**
 * ComfyUI's SaveLatent writes VAE latents beside an empty marker tensor; files from before the marker hold SD latents as
 * the sampler saw them; FLUX.2's process_out changes nothing, so its 128 channels stay normalised.
 */
function comfyDomain({ tensors }: TensorFile, name: string, { shape }: Tensor): Latents['domain'] | undefined {
  if (name !== 'latent_tensor') return undefined;
  const normalised = shape.length === 4 && shape[1] === 128;
  return tensors.has('latent_format_version_0') && !normalised ? 'vae' : 'model';
}
