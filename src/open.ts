// What load.ts promises of latents: files → latents, lists of tensors. Loaded when first used; download/ is for weights.

import { openSource } from './bytes';
import { LatentPreviewError } from './errors';
import { openTensorFile, selectTensor } from './files/index';
import { fileHints } from './hints/index';
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
  const { domain: implied, hints } = fileHints(file, name, tensor);
  return {
    ...latents,
    ...(hints.length > 0 && { hints }),
    ...(implied && !options.domain && { ...implied, domainFrom: 'file' as const }),
  };
}

/** What `listTensors` does. */
export async function openList(source: Source, options: LoadOptions): Promise<readonly ListedTensor[]> {
  const { tensors } = await openTensorFile(await openSource(source, { ...options, parts: true }));
  return [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
}
