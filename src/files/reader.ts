// The contract of a file reader: bytes → named tensors. One file per format; index.ts lists them and finds the one whose
// magic bytes fit. Readers are strict: what is not exactly a well-formed file is a `file` error with offset and remedy.

import type { Tensor } from '../tensor';

export interface TensorFile {
  /** The reader's name: `npy`, `safetensors`, … */
  readonly kind: string;
  /** By name, in file order. A file of one unnamed array has the name ''. A Map: `__proto__` is a legal tensor name. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Strings that the file carries, such as a ComfyUI workflow. */
  readonly metadata: ReadonlyMap<string, string>;
}

export interface Reader {
  readonly kind: string;
  /** From the first bytes (up to 16) and the file's size; never from the name. */
  detect(head: Uint8Array, byteLength: number): boolean;
  /** @throws LatentPreviewError `file` */
  read(bytes: Uint8Array): TensorFile;
}
