// Elements as files store them → a Tensor. Files know two types that Tensor does not, 64-bit integers: they become
// float64, exactly or with an error.

import { LatentPreviewError } from '../errors';
import {
  type DType,
  elementCount,
  itemSize,
  type Shape,
  type Tensor,
  tensorFromArray,
  tensorFromBytes,
} from '../tensor';

export type StoredType = DType | 'int64' | 'uint64';

/** Bytes per stored element. */
export const storedSize = (type: StoredType): number => (type === 'int64' || type === 'uint64' ? 8 : itemSize(type));

/** What its elements are once read. */
export const tensorType = (type: StoredType): DType => (type === 'int64' || type === 'uint64' ? 'float64' : type);

/**
 * Number of elements.
 * @throws LatentPreviewError `file` where the product is not exact; `where` opens the message
 */
export function storedCount(shape: Shape, where: () => string): number {
  try {
    return elementCount(shape);
  } catch (cause) {
    throw new LatentPreviewError('file', `${where()}: ${(cause as Error).message}; the file is damaged or forged`, {
      cause,
    });
  }
}

/**
 * The tensor stored in `bytes` (little-endian, C order), which hold exactly the shape's elements.
 * Shares memory with `bytes` where type and alignment allow.
 * @throws LatentPreviewError `file` where a 64-bit integer is beyond ±2^53; `where` opens the message
 */
export function tensorFromStored(bytes: Uint8Array, type: StoredType, shape: Shape, where: () => string): Tensor {
  if (type !== 'int64' && type !== 'uint64') return tensorFromBytes(bytes, type, shape);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = new Float64Array(bytes.byteLength / 8);
  for (let i = 0; i < data.length; i++) {
    const low = view.getUint32(i * 8, true);
    const high = type === 'int64' ? view.getInt32(i * 8 + 4, true) : view.getUint32(i * 8 + 4, true);
    // On the halves: the sum of 2^53 + 1 would already be rounded to 2^53.
    if (high < -0x200000 || high > 0x200000 || (high === 0x200000 && low > 0)) {
      const value = type === 'int64' ? view.getBigInt64(i * 8, true) : view.getBigUint64(i * 8, true);
      throw new LatentPreviewError(
        'file',
        `${where()}: element ${i} of ${type} is ${value}, beyond 2^53, which a JavaScript number cannot hold exactly; ` +
          'save the tensor as float32 or int32',
      );
    }
    data[i] = high * 2 ** 32 + low;
  }
  return tensorFromArray(data, shape, 'float64');
}

/** A copy with the bytes of each element of `size` bytes reversed. */
export function swapBytes(bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i += size) for (let j = 0; j < size; j++) out[i + j] = bytes[i + size - 1 - j];
  return out;
}

/**
 * A C-ordered copy of elements of `size` bytes that lie `strides` (in elements) apart, the first at `offset`; all lie
 * within `bytes`. As bytes: float moves may change a NaN's bits.
 */
export function gather(
  bytes: Uint8Array,
  size: number,
  shape: Shape,
  strides: readonly number[],
  offset = 0,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(elementCount(shape) * size);
  const index = shape.map(() => 0);
  let from = offset * size;
  for (let to = 0; to < out.length; to += size) {
    for (let j = 0; j < size; j++) out[to + j] = bytes[from + j];
    // Counts `index` up, last dimension first, and moves `from` with it.
    for (let d = shape.length - 1; d >= 0; d--) {
      const next = index[d] + 1;
      from += strides[d] * size;
      index[d] = next;
      if (next < shape[d]) break;
      from -= next * strides[d] * size;
      index[d] = 0;
    }
  }
  return out;
}
