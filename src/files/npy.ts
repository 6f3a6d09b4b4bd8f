// .npy: one NumPy array. Our own strict check of the header and the lengths stands in front of npyjs, which reads the body,
// because npyjs accepts cut or trailing data, unknown versions and junk shapes without an error.
// Format: numpy/lib/format.py (NEP 1), versions 1 to 3.

import { parse } from 'npyjs';
import { LatentPreviewError } from '../errors';
import { formatShape, type Shape, type Tensor, tensorFromArray } from '../tensor';
import { headerCursor } from './cursor';
import { type NpyHeader, parseNpyHeader } from './npy-header';
import type { Reader, StoredTensor, TensorFile } from './reader';
import { gather, type StoredType, storedCount, storedSize, swapBytes, tensorFromStored, tensorType } from './stored';

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY

/** numpy's own cap on the header. */
const maxHeaderLength = 10_000;

const storedTypes = new Map<string, StoredType>([
  ['f8', 'float64'],
  ['f4', 'float32'],
  ['f2', 'float16'],
  ['i8', 'int64'],
  ['i4', 'int32'],
  ['i2', 'int16'],
  ['i1', 'int8'],
  ['u8', 'uint64'],
  ['u4', 'uint32'],
  ['u2', 'uint16'],
  ['u1', 'uint8'],
  ['b1', 'uint8'],
  // ml_dtypes (JAX) writes bfloat16 as a void of two bytes.
  ['V2', 'bfloat16'],
]);

// npyjs makes plain arrays of booleans and bigints of the others.
const npyjsTypes: readonly string[] = ['f8', 'f4', 'f2', 'i4', 'i2', 'i1', 'u4', 'u2', 'u1'];

export const npy = {
  kind: 'npy',
  detect: (head) => magic.every((byte, i) => head[i] === byte),
  async open(source) {
    const head = await source.read(0, Math.min(source.size, npyHeadLength));
    const stored = describeNpy(head, source.size, async () => source.read(0, source.size));
    return { kind: 'npy', tensors: new Map([['', stored]]), metadata: new Map() };
  },
  /** The same of a whole file in memory, at once. */
  read(bytes: Uint8Array): TensorFile {
    return { kind: 'npy', tensors: new Map([['', readArray(bytes, 'npy')]]), metadata: new Map() };
  },
} satisfies Reader & { read: unknown };

/** As many bytes from the start hold every header that is read. */
export const npyHeadLength = 12 + maxHeaderLength;

/**
 * The array of an .npy file of `size` bytes, from its first `npyHeadLength` bytes; `whole` gives all of them.
 * @param where opens every message; an .npz names its member
 */
export function describeNpy(
  head: Uint8Array,
  size: number,
  whole: () => Promise<Uint8Array>,
  where = 'npy',
): StoredTensor {
  const { header, dataStart } = readHeader(head, size, where);
  const { shape } = header;
  const { type } = checkedBody(header, dataStart, size, where);
  return { dtype: tensorType(type), shape, read: async () => readArray(await whole(), where) };
}

function readArray(bytes: Uint8Array, where: string): Tensor {
  const { header, dataStart } = readHeader(bytes, bytes.byteLength, where);
  return readBody(bytes, header, dataStart, where);
}

/** @param bytes the whole file of `size` bytes or its beginning */
function readHeader(bytes: Uint8Array, size: number, where: string): { header: NpyHeader; dataStart: number } {
  if (!npy.detect(bytes))
    throw new LatentPreviewError('file', `${where}: does not start with '\\x93NUMPY'; it is not an .npy file`);
  const major = bytes[6] ?? 0;
  const headerStart = major === 1 ? 10 : 12;
  if (size < headerStart)
    throw new LatentPreviewError('file', `${where}: the file ends at byte ${size}, inside its header; it is cut short`);
  if (major < 1 || major > 3 || bytes[7] !== 0)
    throw new LatentPreviewError(
      'file',
      `${where}: version ${major}.${bytes[7]} (byte 6), known are 1.0, 2.0 and 3.0; ` +
        'the file is damaged: save it again with numpy.save',
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > maxHeaderLength)
    throw new LatentPreviewError(
      'file',
      `${where}: header length ${length} (byte 8), at most ${maxHeaderLength} is allowed; ` +
        'the file is damaged or has a structured dtype: save a plain float array',
    );
  const dataStart = headerStart + length;
  if (dataStart > size)
    throw new LatentPreviewError(
      'file',
      `${where}: header says ${length} bytes (byte 8), the file has ${size - headerStart} after byte ${headerStart}; it is cut short`,
    );
  const cursor = headerCursor(where, bytes, headerStart, dataStart, major === 3 ? 'utf-8' : 'latin1');
  return { header: parseNpyHeader(cursor), dataStart };
}

/** The elements' type, where the file of `fileSize` bytes holds exactly the shape's elements. */
function checkedBody(
  { descr, code, order, shape }: NpyHeader,
  dataStart: number,
  fileSize: number,
  where: string,
): { type: StoredType; size: number } {
  const type = storedTypes.get(code);
  if (!type || (code === 'V2' && order === '>')) throw refusal(descr, code, where);
  const size = storedSize(type);
  const needed = storedCount(shape, () => where) * size;
  const held = fileSize - dataStart;
  if (held !== needed)
    throw new LatentPreviewError(
      'file',
      `${where}: ${type} of shape ${formatShape(shape)} needs ${needed} bytes of data, the file has ${held} after byte ${dataStart}; ` +
        (held < needed ? 'it is cut short: download or save it again' : 'it is damaged: save it again with numpy.save'),
    );
  return { type, size };
}

function readBody(bytes: Uint8Array, header: NpyHeader, dataStart: number, where: string): Tensor {
  const { order, code, fortranOrder, shape, singleQuotes } = header;
  const { type, size } = checkedBody(header, dataStart, bytes.byteLength, where);
  // npyjs takes a whole ArrayBuffer from its first byte, data on an element's boundary, and one spelling of the header.
  const { buffer } = bytes;
  if (
    npyjsTypes.includes(code) &&
    order !== '>' &&
    order !== '=' &&
    !fortranOrder &&
    singleQuotes &&
    buffer instanceof ArrayBuffer &&
    buffer.byteLength === bytes.byteLength &&
    dataStart % size === 0
  ) {
    const { data } = parse(buffer, { convertFloat16: false });
    return tensorFromArray(data as Tensor['data'], shape, type as Tensor['dtype']);
  }

  let body = bytes.subarray(dataStart);
  if (order === '>' && size > 1) body = swapBytes(body, size);
  if (fortranOrder && shape.length > 1) body = gather(body, size, shape, fortranStrides(shape));
  return tensorFromStored(body, type, shape, () => where);
}

/** In elements. In Fortran order the first dimension runs first. */
function fortranStrides(shape: Shape): number[] {
  let stride = 1;
  return shape.map((dimension) => {
    const own = stride;
    stride *= dimension;
    return own;
  });
}

// By numpy's kind letter: what the dtype is and what to do. https://numpy.org/doc/stable/reference/arrays.dtypes.html
const refusedKinds = new Map([
  ['c', 'complex numbers; latents are real: save its real part, array.real'],
  ['O', 'pickled Python objects, which are never loaded; save the numbers: array.astype(numpy.float32)'],
  ['S', 'byte strings, not numbers; save the array that holds the latents'],
  ['a', 'byte strings, not numbers; save the array that holds the latents'],
  ['U', 'strings, not numbers; save the array that holds the latents'],
  ['M', 'dates, not numbers; save the array that holds the latents'],
  ['m', 'time spans, not numbers; save the array that holds the latents'],
  ['V', 'raw bytes of no known type (only V2 is, as bfloat16); save array.astype(numpy.float32)'],
  ['f', 'a float of a size that is not read (8, 4 and 2 bytes are); save array.astype(numpy.float32)'],
]);

function refusal(descr: string, code: string, where: string): LatentPreviewError {
  const reason = refusedKinds.get(code.charAt(0)) ?? 'unknown; save array.astype(numpy.float32)';
  return new LatentPreviewError('file', `${where}: dtype ${descr} is ${reason}`);
}
