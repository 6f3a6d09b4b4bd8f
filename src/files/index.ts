// The list of file readers. To add one: a file with a Reader, and its line in `readers`.

import { LatentPreviewError } from '../errors';
import { npy } from './npy';
import { png } from './png';
import type { Reader, StoredTensor, TensorFile } from './reader';
import { safetensors } from './safetensors';
import { type ByteSource, memorySource } from './source';
import { unreadable } from './unreadable';
import { zip } from './zip';

export type { Reader, StoredTensor, TensorFile } from './reader';
export { selectTensor } from './select';
export { type ByteSource, memorySource } from './source';

/** The first whose `detect` agrees reads the file. */
export const readers: readonly Reader[] = [npy, safetensors, zip, png];

/** What `detect` sees of a file. */
const headLength = 16;

/**
 * What a file of any kind in `readers` holds, told by its first bytes. Tensors are read when they are asked for.
 * @throws LatentPreviewError `file` (as a rejection) where the file is no such file or not a well-formed one
 */
export async function openTensorFile(source: ByteSource): Promise<TensorFile<StoredTensor>> {
  const head = await source.read(0, Math.min(source.size, headLength));
  const reader = readers.find(({ detect }) => detect(head, source.size));
  if (!reader) throw unreadable(await source.read(0, Math.min(source.size, 2048)), source.size);
  return reader.open(source);
}

/**
 * Every tensor of a file. They share memory with `source` where they can.
 * @throws LatentPreviewError `file` (as a rejection)
 */
export async function readAll({ kind, tensors, metadata }: TensorFile<StoredTensor>): Promise<TensorFile> {
  // Together, so that tensors that share a part of the file read it once.
  const read = await Promise.all([...tensors].map(async ([name, tensor]) => [name, await tensor.read()] as const));
  return { kind, tensors: new Map(read), metadata };
}

/**
 * An .npy or .safetensors file in memory, at once: for callers that cannot wait. The tensors share memory with `bytes`
 * where they can.
 * @throws LatentPreviewError `file` where the file is no such file or not a well-formed one
 */
export function readTensorFile(bytes: Uint8Array): TensorFile {
  const own = plainBytes(bytes);
  const head = own.subarray(0, headLength);
  const reader = [npy, safetensors].find(({ detect }) => detect(head, own.byteLength));
  if (reader) return reader.read(own);
  throw unreadable(own.subarray(0, 2048), own.byteLength);
}

/** The bytes of a view as readers take them: memory that no other thread can change meanwhile. */
export const bytesSource = (view: ArrayBufferView): ByteSource => memorySource(plainBytes(view));

// A Uint8Array proper (Node's Buffer shares memory in slice()), never of shared memory.
function plainBytes({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array<ArrayBuffer> {
  if (!(buffer instanceof ArrayBuffer)) return new Uint8Array(new Uint8Array(buffer, byteOffset, byteLength));
  try {
    return new Uint8Array(buffer, byteOffset, byteLength);
  } catch (cause) {
    throw new LatentPreviewError(
      'file',
      'file: the bytes are detached, their buffer was transferred (postMessage, structuredClone); pass a copy or read them before',
      { cause },
    );
  }
}
