// The contract of a file reader: bytes → named tensors. One file per format; index.ts lists them and finds the one whose
// magic bytes fit. Readers are strict: what is not exactly a well-formed file is a `file` error with offset and remedy.

import type { DType, Shape, Tensor } from '../tensor';
import type { ByteSource } from './source';

/** A tensor that lies in a file. */
export interface StoredTensor {
  /** As read: 64-bit integers become `float64`. */
  readonly dtype: DType;
  readonly shape: Shape;
  /** @throws LatentPreviewError `file` (as a rejection) */
  read(): Promise<Tensor>;
}

export interface TensorFile<T extends { readonly dtype: DType; readonly shape: Shape } = Tensor> {
  /** `npy`, `safetensors`, … */
  readonly kind: string;
  /** By name, in file order. A file of one unnamed array has the name ''. A Map: `__proto__` is a legal tensor name. */
  readonly tensors: ReadonlyMap<string, T>;
  /** Strings that the file carries, such as a ComfyUI workflow. */
  readonly metadata: ReadonlyMap<string, string>;
}

export interface Reader {
  readonly kind: string;
  /** From the first bytes (up to 16) and the file's size; never from the name. */
  detect(head: Uint8Array, byteLength: number): boolean;
  /**
   * What the file holds, from as few of its bytes as that takes; tensors are read when they are asked for.
   * @throws LatentPreviewError `file` (as a rejection)
   */
  open(source: ByteSource): Promise<TensorFile<StoredTensor>>;
}
