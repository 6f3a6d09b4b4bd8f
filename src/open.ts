// What load.ts promises of latents: files → latents, lists of tensors. Loaded when first used; download/ is for weights.

import { openSource } from './bytes';
import { LatentPreviewError } from './errors';
import { openTensorFile, selectTensor, type TensorFile } from './files/index';
import type { StoredTensor } from './files/reader';
import { describeLatents, type Latents } from './latents';
import type { ListedTensor, LoadLatentsOptions } from './load';
import type { LoadOptions, Source } from './source';
import { elementCount, formatShape, itemSize, tensorFromBytes } from './tensor';

/** What `loadLatents` does. */
export async function openLatents(source: Source, options: LoadLatentsOptions): Promise<Latents> {
  const { shape, dtype = 'float32', key } = options;
  const bytes = await openSource(source, { ...options, parts: !shape });
  if (shape) {
    const needed = elementCount(shape) * itemSize(dtype);
    // Before a large file is read for nothing.
    if (bytes.size !== needed)
      throw new LatentPreviewError(
        'shape',
        `tensor: ${dtype} of shape ${formatShape(shape)} needs ${needed} bytes, got ${bytes.size}`,
      );
    return describeLatents(tensorFromBytes(await bytes.read(0, needed), dtype, shape), options);
  }
  const file = await openTensorFile(bytes);
  const { name, tensor } = selectTensor(file, key);
  const latents = { ...describeLatents(await tensor.read(), options), metadata: file.metadata };
  const implied = options.domain ? undefined : comfyDomain(file, name, tensor);
  return implied ? { ...latents, domain: implied, domainFrom: 'file' } : latents;
}

/** What `listTensors` does. */
export async function openList(source: Source, options: LoadOptions): Promise<readonly ListedTensor[]> {
  const { tensors } = await openTensorFile(await openSource(source, { ...options, parts: true }));
  return [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
}

/**
 * ComfyUI's SaveLatent writes VAE latents beside an empty marker tensor; files from before the marker hold SD latents as
 * the sampler saw them; FLUX.2's process_out changes nothing, so its 128 channels stay normalised.
 */
function comfyDomain(
  { tensors }: TensorFile<StoredTensor>,
  name: string,
  { shape }: StoredTensor,
): Latents['domain'] | undefined {
  if (name !== 'latent_tensor') return undefined;
  const normalised = shape.length === 4 && shape[1] === 128;
  return tensors.has('latent_format_version_0') && !normalised ? 'vae' : 'model';
}
