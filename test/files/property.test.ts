// Properties over random files: what is written is read back to the last bit; whatever happens to the bytes of a file,
// the end is a tensor or a LatentPreviewError.

import fc from 'fast-check';
import { dump } from 'npyjs';
import { expect, test } from 'vitest';
import { LatentPreviewError } from '../../src/errors';
import { readTensorFile, selectTensor } from '../../src/files';
import { npy } from '../../src/files/npy';
import { safetensors } from '../../src/files/safetensors';
import { dtypes, elementCount, itemSize } from '../../src/tensor';
import { bytesOf, join, npyFile, safetensorsFile } from './build';

const npyCodes = {
  float64: 'f8',
  float32: 'f4',
  float16: 'f2',
  int32: 'i4',
  int16: 'i2',
  int8: 'i1',
  uint32: 'u4',
  uint16: 'u2',
  uint8: 'u1',
  bfloat16: 'V2',
} as const;
const safeCodes = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
} as const;

/** A tensor as files hold it: dtype, shape, little-endian bytes in C order. */
const stored = fc
  .record({ dtype: fc.constantFrom(...dtypes), shape: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 5 }) })
  .chain(({ dtype, shape }) => {
    const length = elementCount(shape) * itemSize(dtype);
    return fc.record({
      dtype: fc.constant(dtype),
      shape: fc.constant(shape),
      bytes: fc.uint8Array({ minLength: length, maxLength: length }),
    });
  });

const tuple = (shape: readonly number[]) => `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;

/** The elements reversed byte by byte, or put in Fortran order: by index arithmetic of its own. */
function rearranged(bytes: Uint8Array, size: number, shape: readonly number[], bigEndian: boolean, fortran: boolean) {
  const out = new Uint8Array(bytes.length);
  for (let element = 0; element < bytes.length / size; element++) {
    let rest = element;
    const index: number[] = [];
    for (const dimension of [...shape].reverse()) {
      index.unshift(rest % dimension);
      rest = Math.floor(rest / dimension);
    }
    const place = fortran ? index.reduceRight((sum, position, d) => sum * (shape[d] as number) + position, 0) : element;
    for (let byte = 0; byte < size; byte++)
      out[place * size + (bigEndian ? size - 1 - byte : byte)] = bytes[element * size + byte] as number;
  }
  return out;
}

test('any array in any byte and memory order comes back from .npy', () => {
  fc.assert(
    fc.property(
      stored,
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 1, max: 3 }),
      fc.nat(7),
      (tensor, bigEndian, fortranOrder, version, spaces) => {
        const { dtype, shape, bytes } = tensor;
        const swapped = bigEndian && dtype !== 'bfloat16';
        const file = npyFile({
          dict: `{'descr': '${swapped ? '>' : '<'}${npyCodes[dtype]}', 'fortran_order': ${fortranOrder ? 'True' : 'False'}, 'shape': ${tuple(shape)}}${' '.repeat(spaces)}`,
          version,
          padded: spaces === 0,
          data: rearranged(bytes, itemSize(dtype), shape, swapped, fortranOrder),
        });
        const { tensor: read } = selectTensor(readTensorFile(file));
        expect(read.dtype).toBe(dtype);
        expect(read.shape).toEqual(shape);
        expect(bytesOf(read.data)).toEqual(bytes);
      },
    ),
    { numRuns: 400 },
  );
});

test('what npyjs writes comes back', () => {
  const arrays = fc.oneof(
    fc.float32Array(),
    fc.float64Array(),
    fc.int8Array(),
    fc.uint8Array(),
    fc.int16Array(),
    fc.uint16Array(),
    fc.int32Array(),
    fc.uint32Array(),
  );
  fc.assert(
    fc.property(arrays, (array) => {
      const { tensor } = selectTensor(readTensorFile(new Uint8Array(dump(array))));
      expect(tensor.shape).toEqual([array.length]);
      expect(tensor.data.constructor).toBe(array.constructor);
      expect(bytesOf(tensor.data)).toEqual(bytesOf(array));
    }),
  );
});

test('any tensors under any names come back from .safetensors', () => {
  const name = fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => text !== '__metadata__');
  const files = fc.uniqueArray(fc.tuple(name, stored), { selector: ([key]) => key, maxLength: 6 });
  fc.assert(
    fc.property(files, fc.dictionary(fc.string(), fc.string()), fc.nat(7), (tensors, metadata, spaces) => {
      let at = 0;
      // By hand: an object literal would take '__proto__' for its prototype and put '1' before 'a'.
      const members = tensors.map(([key, { dtype, shape, bytes }]) => {
        const begin = at;
        at += bytes.length;
        return `${JSON.stringify(key)}:${JSON.stringify({ dtype: safeCodes[dtype], shape, data_offsets: [begin, at] })}`;
      });
      const header = `{${[`"__metadata__":${JSON.stringify(metadata)}`, ...members].join(',')}}${' '.repeat(spaces)}`;
      const file = readTensorFile(safetensorsFile(header, join(...tensors.map(([, { bytes }]) => bytes))));
      expect([...file.tensors.keys()]).toEqual(tensors.map(([key]) => key));
      for (const [key, { dtype, shape, bytes }] of tensors) {
        const read = file.tensors.get(key);
        expect(read?.dtype).toBe(dtype);
        expect(read?.shape).toEqual(shape);
        expect(bytesOf(read?.data as Uint8Array)).toEqual(bytes);
      }
      expect([...file.metadata].sort()).toEqual(Object.entries(metadata).sort());
    }),
    { numRuns: 200 },
  );
});

/** Reads it in every way; anything but a good tensor or our own error escapes. */
function readsOrRefuses(bytes: Uint8Array): void {
  for (const read of [readTensorFile, npy.read, safetensors.read])
    try {
      const file = read(bytes);
      for (const [key, { dtype, shape, data }] of file.tensors) {
        expect(dtypes).toContain(dtype);
        expect(data.length).toBe(elementCount(shape));
        expect(data.byteLength).toBe(data.length * itemSize(dtype));
        selectTensor(file, key);
      }
      selectTensor(file);
    } catch (error) {
      if (!(error instanceof LatentPreviewError)) throw error;
      expect(error.message.length).toBeLessThan(2000);
    }
}

const good = [
  npyFile(),
  npyFile({ version: 3, fortranOrder: true, descr: "'>f4'" }),
  npyFile({ padded: false, descr: "'<i8'", shape: '(3,)', data: bytesOf(BigInt64Array.of(1n, -2n, 3n)) }),
  npyFile({ descr: "[('x', '<f4'), ('y', '<f4')]" }),
  safetensorsFile(
    {
      __metadata__: { prompt: '{"3":"✓"}' },
      m: { dtype: 'F32', shape: [0], data_offsets: [0, 0] },
      latent_tensor: { dtype: 'F32', shape: [1, 2, 1], data_offsets: [0, 8] },
      i: { dtype: 'I64', shape: [2], data_offsets: [8, 24] },
    },
    new Uint8Array(24).fill(1, 0, 10),
  ),
];

test('flipped, cut, doubled and inserted bytes end in a tensor or our own error', () => {
  // Bytes that mean something to the parsers come up more often than others.
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(...join('{}[]()\'",:\\ -.0129LNTFue\0\x80\xff')));
  const change = fc.record({
    at: fc.nat(400),
    byte,
    kind: fc.constantFrom('set', 'insert', 'remove', 'cut', 'repeat'),
  });
  fc.assert(
    fc.property(fc.constantFrom(...good), fc.array(change, { minLength: 1, maxLength: 6 }), (file, changes) => {
      let bytes = Array.from(file);
      for (const { at, byte: value, kind } of changes) {
        const place = at % (bytes.length + 1);
        if (kind === 'set') bytes[place] = value;
        else if (kind === 'insert') bytes.splice(place, 0, value);
        else if (kind === 'remove') bytes.splice(place, 1);
        else if (kind === 'cut') bytes = bytes.slice(0, place);
        else bytes = [...bytes, ...bytes.slice(place)];
      }
      readsOrRefuses(Uint8Array.from(bytes));
    }),
    { numRuns: 4000 },
  );
});

test('every prefix of a good file, and every one of its bytes changed, ends in a tensor or our own error', () => {
  for (const file of good)
    for (let at = 0; at < file.length; at++) {
      readsOrRefuses(file.slice(0, at));
      for (const mask of [1, 0x20, 0x80, 0xff]) {
        const changed = file.slice();
        changed[at] = (changed[at] as number) ^ mask;
        readsOrRefuses(changed);
      }
    }
});

test('no prefix of a good file is taken for a whole one', () => {
  for (const file of good.filter((_, i) => i !== 3)) {
    expect(readTensorFile(file).tensors.size).toBeGreaterThan(0);
    for (let at = 0; at < file.length; at++)
      expect(() => readTensorFile(file.slice(0, at))).toThrow(LatentPreviewError);
  }
});

test('random bytes behind a right beginning end in our own error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      readsOrRefuses(bytes);
      readsOrRefuses(join('\x93NUMPY', [1, 0, 60, 0], bytes));
      readsOrRefuses(safetensorsFile(join('{"x":', bytes), new Uint8Array(8)));
    }),
    { numRuns: 1000 },
  );
});
