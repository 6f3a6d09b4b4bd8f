// Numbers with a dtype and a shape, as a file or a sampler hands them over. Half floats stay packed as bits:
// the kernels read them as they are, the CPU path widens them here. What the numbers mean is latents.ts.

import { LatentPreviewError } from './errors';

/** Outermost dimension first, as in NumPy and PyTorch. `[]` is a scalar. */
export type Shape = readonly number[];

interface TensorArrays {
  float64: Float64Array;
  float32: Float32Array;
  /** IEEE half floats as their 16 bits. */
  float16: Uint16Array;
  /** bfloat16 (the upper half of a float32) as its 16 bits. */
  bfloat16: Uint16Array;
  int32: Int32Array;
  int16: Int16Array;
  int8: Int8Array;
  uint32: Uint32Array;
  uint16: Uint16Array;
  uint8: Uint8Array;
}

/** Element type. 64-bit integers become `float64` when read (exactly, or with an error), booleans `uint8`. */
export type DType = keyof TensorArrays;

/** A dense, C-ordered tensor in CPU memory. `data` has one entry per element. */
export type Tensor = {
  [D in DType]: { readonly dtype: D; readonly shape: Shape; readonly data: TensorArrays[D] };
}[DType];

const arrayTypes = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
} as const;

export const dtypes = Object.keys(arrayTypes) as readonly DType[];

/** Bytes per element. */
export const itemSize = (dtype: DType): number => arrayTypes[dtype].BYTES_PER_ELEMENT;

/** `(1, 4, 64, 64)`, for messages. */
export const formatShape = (shape: Shape): string => `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;

/**
 * Number of elements of a shape.
 * @throws LatentPreviewError `shape` where a dimension is not a non-negative integer or the product is not exact
 */
export function elementCount(shape: Shape): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0)
      throw new LatentPreviewError('shape', `shape ${formatShape(shape)}: ${size} is not a dimension`);
    count *= size;
    if (!Number.isSafeInteger(count))
      throw new LatentPreviewError('shape', `shape ${formatShape(shape)}: more than 2^53 elements`);
  }
  return count;
}

/**
 * A tensor over `bytes` (little-endian, C order), which must hold exactly the shape's elements.
 * Shares memory where the alignment allows, else copies.
 * @throws LatentPreviewError `shape` where the byte count does not fit
 */
export function tensorFromBytes(bytes: Uint8Array, dtype: DType, shape: Shape): Tensor {
  const count = elementCount(shape);
  const size = itemSize(dtype);
  if (bytes.byteLength !== count * size)
    throw new LatentPreviewError(
      'shape',
      `tensor: ${dtype} of shape ${formatShape(shape)} needs ${count * size} bytes, got ${bytes.byteLength}`,
    );
  // A Node Buffer's own slice() would not copy.
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const data = new arrayTypes[dtype](aligned.buffer as ArrayBuffer, aligned.byteOffset, count);
  return { dtype, shape: [...shape], data } as Tensor;
}

/**
 * A tensor over a typed array. A `Uint16Array` is `uint16` unless `dtype` says `float16` or `bfloat16`.
 * @throws LatentPreviewError `shape` where the length does not fit the shape or the array not the dtype
 */
export function tensorFromArray(data: Tensor['data'], shape: Shape, dtype?: DType): Tensor {
  const found =
    dtype ?? dtypes.find((name) => name !== 'float16' && name !== 'bfloat16' && data instanceof arrayTypes[name]);
  if (!found || !(data instanceof arrayTypes[found]))
    throw new LatentPreviewError(
      'shape',
      `tensor: dtype ${found ?? 'unknown'} cannot be held by ${Object.prototype.toString.call(data).slice(8, -1)}` +
        `${found ? `; pass a ${arrayTypes[found].name}` : ''}`,
    );
  const count = elementCount(shape);
  if (data.length !== count)
    throw new LatentPreviewError(
      'shape',
      `tensor: shape ${formatShape(shape)} has ${count} elements, the array has ${data.length}`,
    );
  return { dtype: found, shape: [...shape], data } as Tensor;
}

// A float32 and the same memory as bits, for the half-float routines below.
const floatView = new Float32Array(1);
const bitsView = new Uint32Array(floatView.buffer);

/** One half float from its 16 bits, exactly (subnormals, infinities and NaN included). */
export function float16ToNumber(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The bits of the half float nearest to `value` (ties to even); overflow gives an infinity. */
export function numberToFloat16(value: number): number {
  floatView[0] = value;
  const bits = bitsView[0] ?? 0;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  // Below 2^-14 the result is subnormal: count in steps of 2^-24, rounding ties to even.
  if (magnitude < 0x38800000) {
    const steps = Math.abs(value) * 2 ** 24;
    const floor = Math.floor(steps);
    const rest = steps - floor;
    return sign | (rest > 0.5 || (rest === 0.5 && floor & 1) ? floor + 1 : floor);
  }
  // A carry out of the fraction runs into the exponent, which is what rounding up should do.
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13);
}

let halfTable: Float32Array | undefined;

/** Widens packed halves into `out` (same length). */
export function widenHalves(bits: Uint16Array, dtype: 'float16' | 'bfloat16', out: Float32Array): void {
  if (dtype === 'bfloat16') {
    const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
    for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
    return;
  }
  // 256 KiB, built on first use: a lookup is about twice as fast as the arithmetic.
  if (!halfTable) {
    halfTable = new Float32Array(65536);
    for (let i = 0; i < 65536; i++) halfTable[i] = float16ToNumber(i);
  }
  for (let i = 0; i < bits.length; i++) out[i] = halfTable[bits[i]];
}

/** The tensor's elements as float32, in C order. Shares memory where they already are. */
export function toFloat32({ dtype, data }: Tensor): Float32Array {
  if (dtype === 'float32') return data;
  const out = new Float32Array(data.length);
  if (dtype === 'float16' || dtype === 'bfloat16') widenHalves(data, dtype, out);
  else out.set(data);
  return out;
}

/** One element as a number, in C order. For many, widen them together. */
export function elementAt({ dtype, data }: Tensor, index: number): number {
  const value = data[index];
  if (dtype === 'float16') return float16ToNumber(value);
  if (dtype !== 'bfloat16') return value;
  bitsView[0] = value << 16;
  return floatView[0];
}
