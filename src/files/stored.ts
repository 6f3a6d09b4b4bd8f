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
