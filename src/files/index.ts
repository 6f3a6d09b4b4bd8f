// The list of file readers. To add one: a file with a Reader, and its line in `readers`.

import { LatentPreviewError } from '../errors';
import { npy } from './npy';
import type { Reader, TensorFile } from './reader';
import { safetensors } from './safetensors';
import { unreadable } from './unreadable';

export type { Reader, TensorFile } from './reader';
export { selectTensor } from './select';

/** The first whose `detect` agrees reads the file. */
export const readers: readonly Reader[] = [npy, safetensors];

/**
 * Reads a file of any kind in `readers`, told by its first bytes. The tensors share memory with `bytes` where they can.
 * @throws LatentPreviewError `file` where the file is no such file or not a well-formed one
 */
export function readTensorFile(bytes: Uint8Array): TensorFile {
  const own = plainBytes(bytes);
  const head = own.subarray(0, 16);
  const reader = readers.find(({ detect }) => detect(head, own.byteLength));
  if (!reader) throw unreadable(own);
  return reader.read(own);
}

// A Uint8Array proper (Node's Buffer shares memory in slice()), whose memory no other thread can change meanwhile.
function plainBytes(bytes: Uint8Array): Uint8Array {
  if (!(bytes.buffer instanceof ArrayBuffer)) return new Uint8Array(bytes);
  try {
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (cause) {
    throw new LatentPreviewError(
      'file',
      'file: the bytes are detached, their buffer was transferred (postMessage, structuredClone); pass a copy or read them before',
      { cause },
    );
  }
}
