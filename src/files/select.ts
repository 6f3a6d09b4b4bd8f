// Which tensor of a file holds the latents: by name, or by the one rule below. Never a silent guess between two.

import { LatentPreviewError } from '../errors';
import { type DType, elementCount, formatShape, type Shape } from '../tensor';
import { quoted } from './cursor';
import type { TensorFile } from './reader';

interface Described {
  readonly dtype: DType;
  readonly shape: Shape;
}

const floats: readonly string[] = ['float64', 'float32', 'float16', 'bfloat16'];

/** Names in a message; a checkpoint has thousands. */
const listedNames = 8;

/**
 * The tensor `key`, or without a key: the only one, else ComfyUI's `latent_tensor`, else the only float tensor of 3 to 5
 * dimensions. Empty tensors (ComfyUI's `latent_format_version_0`) only mark something and are passed over.
 * @throws LatentPreviewError `file` where there is no such tensor or the choice is not clear
 */
export function selectTensor<T extends Described>(
  { kind, tensors }: TensorFile<T>,
  key?: string,
): { name: string; tensor: T } {
  if (key !== undefined) {
    const tensor = tensors.get(key);
    if (tensor) return { name: key, tensor };
    throw new LatentPreviewError('file', `${kind}: no tensor ${quoted(key)}; the file has ${list([...tensors])}`);
  }
  const all = [...tensors];
  const filled = all.filter(([, { shape }]) => elementCount(shape) > 0);
  const likely = filled.filter(
    ([, { dtype, shape }]) => floats.includes(dtype) && shape.length >= 3 && shape.length <= 5,
  );
  const choice = only(all) ?? only(filled) ?? filled.find(([name]) => name === 'latent_tensor') ?? only(likely);
  if (choice) return { name: choice[0], tensor: choice[1] };
  if (filled.length === 0)
    throw new LatentPreviewError('file', `${kind}: no tensor with data; the file has ${list(all)}`);
  throw new LatentPreviewError(
    'file',
    likely.length > 1
      ? `${kind}: ${likely.length} tensors could be latents: ${list(likely)}; pass one of the names as key`
      : `${kind}: no tensor looks like latents (floats of 3 to 5 dimensions): ${list(filled)}; pass one of the names as key`,
  );
}

const only = <T>(items: readonly T[]): T | undefined => (items.length === 1 ? items[0] : undefined);

function list(entries: readonly (readonly [string, Described])[]): string {
  if (entries.length === 0) return 'no tensors';
  const shown = entries
    .slice(0, listedNames)
    .map(
      ([name, { dtype, shape }]) =>
        `${name === '' ? 'one without a name' : quoted(name)} ${dtype} ${formatShape(shape)}`,
    );
  const rest = entries.length - shown.length;
  return shown.join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
