// The .npy reader: files that numpy does not write, each good or refused with its own words.
// The numbers in front of the names are the cases of the project's list of bad input.

import { dump } from 'npyjs';
import { describe, expect, test } from 'vitest';
import { readTensorFile } from '../../src/files';
import { npy } from '../../src/files/npy';
import type { Tensor } from '../../src/tensor';
import { bytesOf, expectFileError, floats, join, npyFile } from './build';

const read = (bytes: Uint8Array): Tensor => npy.read(bytes).tensors.get('') as Tensor;

const dict = (shape: string) => `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
const float32 = { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };

describe('good', () => {
  test.each<[string, Uint8Array, object]>([
    ['1 version 1', npyFile(), float32],
    ['1 version 2', npyFile({ version: 2 }), float32],
    ['1 version 3', npyFile({ version: 3 }), float32],
    ['12 =f4', npyFile({ descr: "'=f4'" }), float32],
    ['12 f4 without byte order', npyFile({ descr: "'f4'" }), float32],
    ['12 |f4', npyFile({ descr: "'|f4'" }), float32],
    [
      '14 |V2 is bfloat16',
      npyFile({ descr: "'|V2'", shape: '(2,)', data: join([0x80, 0x3f, 0xff, 0x7f]) }),
      { dtype: 'bfloat16', shape: [2], data: Uint16Array.of(0x3f80, 0x7fff) },
    ],
    ['20 1L', npyFile({ shape: '(2L, 3L)' }), float32],
    ['21 rank 0', npyFile({ shape: '()', data: floats(7) }), { dtype: 'float32', shape: [], data: Float32Array.of(7) }],
    [
      '21 (0, 4)',
      npyFile({ shape: '(0, 4)', data: floats() }),
      { dtype: 'float32', shape: [0, 4], data: new Float32Array() },
    ],
    ['24 double quotes', npyFile({ dict: '{"descr": "<f4", "fortran_order": False, "shape": (2, 3)}' }), float32],
    ['24 mixed quotes, other order', npyFile({ dict: `{'shape':(2,3),"fortran_order":False,'descr':"<f4"}` }), float32],
    [
      '24 odd spacing',
      npyFile({ dict: " {\t'descr' :\n'<f4' ,'fortran_order':  False,'shape' :( 2 ,3 , ) , } " }),
      float32,
    ],
    ['24 no padding, unaligned data', npyFile({ padded: false, dict: `${dict('(2, 3)')}  ` }), float32],
    [
      '24 no padding, unaligned big-endian halves',
      npyFile({ padded: false, descr: "'>f2'", shape: '(2,)', data: join([1, 2, 3, 4]) }),
      { dtype: 'float16', shape: [2], data: Uint16Array.of(0x0102, 0x0304) },
    ],
    ['10 Fortran order, rank 1', npyFile({ fortranOrder: true, shape: '(6,)' }), { ...float32, shape: [6] }],
    [
      '10 Fortran order, rank 2',
      npyFile({ fortranOrder: true }),
      { ...float32, data: Float32Array.of(1, 3, 5, 2, 4, 6) },
    ],
    [
      '10 Fortran order, a dimension of 0',
      npyFile({ fortranOrder: true, shape: '(2, 0, 3)', data: floats() }),
      { dtype: 'float32', shape: [2, 0, 3], data: new Float32Array() },
    ],
    [
      '11 >i2',
      npyFile({ descr: "'>i2'", shape: '(2,)', data: join([0x80, 0x00, 0x01, 0x02]) }),
      { dtype: 'int16', shape: [2], data: Int16Array.of(-32768, 258) },
    ],
    [
      '15 i8 to ±2^53',
      npyFile({ descr: "'<i8'", shape: '(3,)', data: bytesOf(BigInt64Array.of(2n ** 53n, -(2n ** 53n), -1n)) }),
      { dtype: 'float64', shape: [3], data: Float64Array.of(2 ** 53, -(2 ** 53), -1) },
    ],
    [
      '16 b1',
      npyFile({ descr: "'|b1'", shape: '(2,)', data: join([1, 0]) }),
      { dtype: 'uint8', shape: [2], data: Uint8Array.of(1, 0) },
    ],
  ])('%s', (_, bytes, expected) => {
    // In a buffer of its own and as a view at an odd place of another.
    for (const view of [bytes, join([0], bytes, [0]).subarray(1, 1 + bytes.length)])
      expect(read(view)).toEqual(expected);
  });

  test.each([1, 2, 3, 4, 5, 6, 7])('24 data at any byte, %i spaces more', (spaces) => {
    expect(read(npyFile({ padded: false, dict: dict('(2, 3)') + ' '.repeat(spaces) }))).toEqual(float32);
  });

  test('13 all 65 536 halves keep their bits, in both byte orders', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const swapped = bits.map((value) => ((value & 255) << 8) | (value >> 8));
    for (const [descr, stored] of [
      ["'<f2'", bits],
      ["'>f2'", swapped],
    ] as const) {
      const tensor = read(npyFile({ descr, shape: '(16, 4096)', data: bytesOf(stored) }));
      expect(tensor.dtype).toBe('float16');
      expect(tensor.data).toEqual(bits);
    }
  });

  test('a float32 NaN keeps its payload', () => {
    const bits = Uint32Array.of(0x7fc00001, 0xff800123, 0x80000000);
    const tensor = read(npyFile({ shape: '(3,)', data: bytesOf(bits) }));
    expect(new Uint32Array(tensor.data.slice().buffer as ArrayBuffer)).toEqual(bits);
  });

  test('plain data are not copied', () => {
    const bytes = npyFile();
    expect(read(bytes).data.buffer).toBe(bytes.buffer);
  });

  test('reads what npyjs writes', () => {
    expect(read(new Uint8Array(dump(Int32Array.of(1, -2, 3, 4), [2, 2])))).toEqual({
      dtype: 'int32',
      shape: [2, 2],
      data: Int32Array.of(1, -2, 3, 4),
    });
  });

  test('26 shared memory and Node buffers', () => {
    const bytes = npyFile({ version: 3, padded: false, dict: `${dict('(2, 3)')} ` });
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    for (const view of [shared, Buffer.from(bytes)]) expect(readTensorFile(view).tensors.get('')).toEqual(float32);
  });
});

describe('refused', () => {
  test.each<[string, Uint8Array, RegExp]>([
    [
      '2 version 9',
      npyFile({ version: 9 }),
      /^npy: version 9\.0 \(byte 6\), known are 1\.0, 2\.0 and 3\.0; .*numpy\.save/,
    ],
    ['2 version 0', npyFile({ version: 0 }), /version 0\.0/],
    ['2 version 1.7', join(npyFile().subarray(0, 7), [7], npyFile().subarray(8)), /version 1\.7/],
    ['3 wrong magic', join('\x93NUMPX', [1, 0, 4, 0], '{}  '), /does not start with/],
    [
      '5 header past the end',
      npyFile({ headerLength: 4000 }),
      /header says 4000 bytes \(byte 8\), the file has 142 after byte 10; it is cut short/,
    ],
    ['5 file ends in the length', npyFile().subarray(0, 9), /ends at byte 9, inside its header/],
    ['5 file ends after the magic', npyFile().subarray(0, 6), /ends at byte 6/],
    [
      '6 header of 2^32 − 1 bytes',
      npyFile({ version: 2, headerLength: 0xffffffff }),
      /header length 4294967295 \(byte 8\), at most 10000/,
    ],
    [
      '7 header over the cap',
      npyFile({ dict: dict('(2, 3)') + ' '.repeat(10_000) }),
      /header length \d{5} .*at most 10000 is allowed/,
    ],
    [
      '8 data cut short',
      npyFile().subarray(0, -4),
      /float32 of shape \(2, 3\) needs 24 bytes of data, the file has 20 after byte 128; it is cut short/,
    ],
    ['8 no data', npyFile({ data: floats() }), /needs 24 bytes of data, the file has 0/],
    ['9 trailing bytes', join(npyFile(), [0]), /needs 24 bytes of data, the file has 25 after byte 128; it is damaged/],
    ['9 rank 0 with trailing bytes', npyFile({ shape: '()' }), /shape \(\) needs 4 bytes/],
    ['14 >V2', npyFile({ descr: "'>V2'" }), /'>V2' is raw bytes/],
    ['14 V4', npyFile({ descr: "'|V4'" }), /'\|V4' is raw bytes of no known type/],
    [
      '15 i8 beyond 2^53',
      npyFile({ descr: "'<i8'", shape: '(2,)', data: bytesOf(BigInt64Array.of(5n, 2n ** 53n + 1n)) }),
      /element 1 of int64 is 9007199254740993, beyond 2\^53/,
    ],
    [
      '15 i8 below −2^53',
      npyFile({ descr: "'<i8'", shape: '(1,)', data: bytesOf(BigInt64Array.of(-(2n ** 53n) - 1n)) }),
      /element 0 of int64 is -9007199254740993/,
    ],
    [
      '15 u8 of 2^64 − 1',
      npyFile({ descr: "'>u8'", shape: '(1,)', data: join(Array(8).fill(255)) }),
      /element 0 of uint64 is 18446744073709551615/,
    ],
    ['17 c8', npyFile({ descr: "'<c8'" }), /'<c8' is complex numbers.*array\.real/],
    ['17 c16', npyFile({ descr: "'<c16'" }), /'<c16' is complex/],
    ['18 object', npyFile({ descr: "'|O'" }), /'\|O' is pickled Python objects, which are never loaded/],
    [
      '19 structured',
      npyFile({ descr: "[('x', '<f4'), ('y', '<f4', (2, 2))]" }),
      /structured dtype with the fields 'x', 'y'; save the one field/,
    ],
    ['19 structured, cut', npyFile({ dict: "{'descr': [('x" }), /the field name has no closing quote/],
    ['bytes', npyFile({ descr: "'|S3'" }), /byte strings, not numbers/],
    ['strings', npyFile({ descr: "'<U3'" }), /strings, not numbers/],
    ['unknown dtype', npyFile({ descr: "'<q4'" }), /dtype '<q4' is unknown/],
    ['dtype from a prototype', npyFile({ descr: "'constructor'" }), /dtype 'constructor' is/],
    [
      '20 negative dimension',
      npyFile({ shape: '(-2, 3)' }),
      /byte 61: dimension must be a whole number from 0, found '-2'/,
    ],
    ['20 float dimension', npyFile({ shape: '(2.0, 3)' }), /whole number from 0, found '2\.0'/],
    ['20 word as dimension', npyFile({ shape: '(True, 3)' }), /found 'True'/],
    ['20 huge dimension', npyFile({ shape: `(${'9'.repeat(400)}, 3)` }), /dimension '9{80}…' is beyond 2\^53/],
    ['20 product overflows', npyFile({ shape: '(4294967296, 4294967296)' }), /more than 2\^53 elements/],
    ['20 product overflows before a 0', npyFile({ shape: '(4294967296, 4294967296, 0)' }), /more than 2\^53 elements/],
    ['20 shape is a number', npyFile({ shape: '(6)' }), /shape must be a tuple: \(6,\)/],
    ['20 shape is a list', npyFile({ shape: '[2, 3]' }), /shape must be a tuple.*found '\[2, 3\]/],
    ['20 only a comma', npyFile({ shape: '(,)' }), /whole number from 0, found ',\)/],
    ['20 two commas', npyFile({ shape: '(2,,3)' }), /whole number/],
    ['20 no comma', npyFile({ shape: '(2 3)' }), /expected '\)', found '3\)/],
    ['22 no descr', npyFile({ dict: "{'fortran_order': False, 'shape': (2, 3)}" }), /no key 'descr'/],
    ['22 no fortran_order', npyFile({ dict: "{'descr': '<f4', 'shape': (2, 3)}" }), /no key 'fortran_order'/],
    ['22 no shape', npyFile({ dict: "{'descr': '<f4', 'fortran_order': False}" }), /no key 'shape'/],
    ['22 empty dict', npyFile({ dict: '{}' }), /no key 'descr'/],
    [
      '22 one key more',
      npyFile({ dict: "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}" }),
      /unknown key 'x'/,
    ],
    [
      '22 one key twice',
      npyFile({ dict: "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'shape': (2, 3)}" }),
      /byte 68: the key 'shape' stands twice/,
    ],
    [
      '22 fortran_order 0',
      npyFile({ dict: "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}" }),
      /must be True or False, found '0'/,
    ],
    ['22 descr None', npyFile({ descr: 'None' }), /expected the dtype 'descr' in quotes, found 'None/],
    [
      '23 keys inside a string',
      npyFile({ dict: `{'descr': "<f4', 'shape': (2, 3), 'x': '", 'fortran_order': False, 'shape': (2, 3)}` }),
      /dtype '<f4', 'shape': \(2, 3\), 'x': '' is a float/,
    ],
    [
      '23 keys inside a key',
      npyFile({ dict: `{"'descr': '<f4'": 1, 'fortran_order': False, 'shape': (2, 3)}` }),
      /unknown key ''descr': '<f4''/,
    ],
    [
      'text after the dict',
      npyFile({ dict: `${dict('(2, 3)')} + 1` }),
      /nothing may follow the closing brace, found '\+ 1/,
    ],
    ['NUL padding', npyFile({ dict: `${dict('(2, 3)')}\0` }), /nothing may follow the closing brace/],
    ['no dict', npyFile({ dict: '' }), /expected '\{', found the end of the header/],
    ['no closing brace', npyFile({ dict: "{'descr': '<f4'" }), /expected '}', found the end of the header/],
    ['no closing quote', npyFile({ dict: "{'descr\\': 1" }), /the key has no closing quote/],
    ['no colon', npyFile({ dict: "{'descr' '<f4'}" }), /expected ':', found ''<f4'/],
    [
      'version 3 not UTF-8',
      npyFile({ version: 3, dict: `${dict('(2, 3)')}\xff` }),
      /not UTF-8 text \(byte 71 is 0xff\)/,
    ],
  ])('%s', (_, bytes, message) => expectFileError(() => npy.read(bytes), message));
});
