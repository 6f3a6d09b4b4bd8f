// What a file says of its latents besides their numbers: its kind, its names, its metadata. A domain where all files of that
// sort have one; formats only as hints for guesses, as a file may name several models. Loaded with the readers.

import type { StoredTensor, TensorFile } from '../files/reader';
import type { Domain } from '../formats/format';
import type { FormatHint } from '../latents';
import type { Shape } from '../tensor';
import { familiesOfName } from './names';
import { workflowHints } from './workflow';

export interface FileHints {
  readonly domain?: { readonly domain: Domain; readonly reason: string };
  readonly hints: readonly FormatHint[];
}

/** @param name the tensor's whose latents they are */
export function fileHints(file: TensorFile<StoredTensor>, name: string, { shape }: StoredTensor): FileHints {
  const domain = impliedDomain(file, name, shape);
  const hints = [...metadataHints(file.metadata), ...workflowHints(file.metadata), ...nameHints(name)];
  return { ...(domain && { domain }), hints };
}

function impliedDomain({ kind, tensors }: TensorFile<StoredTensor>, name: string, shape: Shape): FileHints['domain'] {
  if (kind === 'png') return { domain: 'model', reason: "8-bit pictures of latents hold them in the model's scale" };
  if (name === 'latent_tensor') return comfyDomain(tensors.has('latent_format_version_0'), shape);
  // sd-scripts' caches of what SD1's and SDXL's VAEs gave, (4, H, W) and unscaled; those of other families differ.
  const isCache = [...tensors.keys()].some((other) => /^crop_ltrb(_\d+x\d+)?$/.test(other));
  if (isCache && /^latents/.test(name) && shape.length === 3 && shape[0] === 4)
    return { domain: 'vae', reason: "sd-scripts caches latents as the VAE gives them, unscaled, beside 'crop_ltrb'" };
  return undefined;
}

/**
 * ComfyUI's SaveLatent writes VAE latents beside an empty marker tensor; files from before the marker hold SD latents as
 * the sampler saw them; FLUX.2's and LTX's process_out change nothing, so 128 channels stay normalised.
 */
function comfyDomain(hasMarker: boolean, shape: Shape): FileHints['domain'] {
  if (!hasMarker)
    return { domain: 'model', reason: 'ComfyUI files of before 2023 hold latents as the sampler saw them' };
  return shape.length >= 4 && shape[1] === 128
    ? { domain: 'model', reason: 'ComfyUI leaves latents of 128 channels as the sampler has them' }
    : { domain: 'vae', reason: 'ComfyUI saves latents as the VAE takes them, unscaled' };
}

/** Under which writers say what they wrote: musubi-tuner, SAI's model spec, sd-scripts, diffusers, and plain words. */
const telling = new Set([
  ...['family', 'format', 'latent_format', 'architecture', 'modelspec.architecture', 'ss_base_model_version'],
  ...['model', 'model_name', 'model_id', 'model_type', 'base_model', 'pipeline', '_class_name', 'vae', 'vae_name'],
]);

const metadataHints = (metadata: ReadonlyMap<string, string>): readonly FormatHint[] =>
  [...metadata]
    .filter(([key, text]) => telling.has(key.toLowerCase()) && text.length < 200)
    .flatMap(([key, text]): FormatHint[] => {
      const formats = familiesOfName(text);
      return formats ? [{ formats, strength: 3, reason: `the file's metadata says ${key} '${text}'` }] : [];
    });

function nameHints(name: string): readonly FormatHint[] {
  const formats = familiesOfName(name);
  return formats ? [{ formats, strength: 1, reason: `the tensor is called '${name.slice(-80)}'` }] : [];
}
