// The .safetensors reader: files that no library writes, each good or refused with its own words.
// The numbers in front of the names are the cases of the project's list of bad input.

import { describe, expect, test } from 'vitest';
import { readTensorFile } from '../../src/files';
import { safetensors } from '../../src/files/safetensors';
import { bytesOf, entry, expectFileError, floats, join, safetensorsFile } from './build';

const read = safetensors.read;

const pair = { a: entry('F32', [2], 0, 8), b: entry('F32', [1], 8, 12) };
const data = floats(1, 2, 3);
const one = (dtype: string, shape: readonly number[], begin: number, end: number, bytes = end) =>
  safetensorsFile({ x: entry(dtype, shape, begin, end) }, new Uint8Array(bytes));
const text = (header: string, bytes = 4) => safetensorsFile(header, new Uint8Array(bytes));

describe('good', () => {
  test('40 two tensors, in the order of the header', () => {
    const { kind, tensors, metadata } = read(safetensorsFile({ b: pair.b, __metadata__: { k: 'v' }, a: pair.a }, data));
    expect(kind).toBe('safetensors');
    expect([...tensors]).toEqual([
      ['b', { dtype: 'float32', shape: [1], data: Float32Array.of(3) }],
      ['a', { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) }],
    ]);
    expect([...metadata]).toEqual([['k', 'v']]);
  });

  test('40 keys of a tensor in any order', () => {
    const bytes = safetensorsFile('{"x":{"data_offsets":[0,4],"dtype":"F32","shape":[1]}}', floats(5));
    expect(read(bytes).tensors.get('x')?.data).toEqual(Float32Array.of(5));
  });

  test('45 spaces in front of, inside and behind the header', () => {
    const header = ' \n\t\r{ "x" : { "dtype" : "F32" , "shape" : [ 1 ] , "data_offsets" : [ 0 , 4 ] } } \n ';
    expect(readTensorFile(safetensorsFile(header, floats(5))).tensors.get('x')?.data).toEqual(Float32Array.of(5));
  });

  test('53 names and metadata keys that objects know already', () => {
    const header =
      '{"__metadata__":{"__proto__":"p","toString":"t"},"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},' +
      '"constructor":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}';
    const { tensors, metadata } = read(safetensorsFile(header, join([7, 8])));
    expect(tensors.get('__proto__')?.data).toEqual(Uint8Array.of(7));
    expect(tensors.get('constructor')?.data).toEqual(Uint8Array.of(8));
    expect([...metadata]).toEqual([
      ['__proto__', 'p'],
      ['toString', 't'],
    ]);
    expect(({} as Record<string, unknown>).p).toBeUndefined();
  });

  test('53 escaped names', () => {
    const bytes = safetensorsFile('{"\\u0061\\"\\\\":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', join([7]));
    expect([...read(bytes).tensors.keys()]).toEqual(['a"\\']);
  });

  test('55 rank 0 and empty tensors, also in the middle and with huge dimensions beside the 0', () => {
    const { tensors } = read(
      safetensorsFile(
        {
          s: entry('F32', [], 0, 4),
          e: entry('F16', [0, 2 ** 40, 2 ** 40], 4, 4),
          t: entry('F32', [1], 4, 8),
          z: entry('I64', [0], 8, 8),
        },
        floats(1, 2),
      ),
    );
    expect(tensors.get('s')).toEqual({ dtype: 'float32', shape: [], data: Float32Array.of(1) });
    expect(tensors.get('e')).toEqual({ dtype: 'float16', shape: [0, 2 ** 40, 2 ** 40], data: new Uint16Array() });
    expect(tensors.get('t')?.data).toEqual(Float32Array.of(2));
    expect(tensors.get('z')?.data).toEqual(new Float64Array());
  });

  test('55 an empty tensor named after the one that begins at its place', () => {
    const header = { t: entry('F32', [1], 0, 4), e: entry('F32', [0], 0, 0) };
    expect(read(safetensorsFile(header, floats(1))).tensors.get('e')?.shape).toEqual([0]);
  });

  test.each([0, 1, 2, 3, 4, 5, 6, 7])('56 unaligned data, %i spaces more', (spaces) => {
    const header = {
      a: entry('U8', [1], 0, 1),
      f: entry('F32', [2], 1, 9),
      d: entry('F64', [1], 9, 17),
      i: entry('I64', [1], 17, 25),
    };
    const body = join([9], floats(1.5, -2), bytesOf(Float64Array.of(Math.PI)), bytesOf(BigInt64Array.of(-3n)));
    const bytes = safetensorsFile(JSON.stringify(header) + ' '.repeat(spaces), body);
    for (const view of [bytes, Buffer.from(bytes)]) {
      const { tensors } = readTensorFile(view);
      expect(tensors.get('f')?.data).toEqual(Float32Array.of(1.5, -2));
      expect(tensors.get('d')?.data).toEqual(Float64Array.of(Math.PI));
      expect(tensors.get('i')?.data).toEqual(Float64Array.of(-3));
    }
  });

  test.each(['F16', 'BF16'])('13 all 65 536 values of %s keep their bits', (dtype) => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const { tensors } = read(safetensorsFile({ x: entry(dtype, [65536], 0, 131072) }, bytesOf(bits)));
    expect(tensors.get('x')?.dtype).toBe(dtype === 'F16' ? 'float16' : 'bfloat16');
    expect(tensors.get('x')?.data).toEqual(bits);
  });

  test('aligned data are not copied', () => {
    const header = JSON.stringify(pair);
    const bytes = safetensorsFile(header + ' '.repeat(8 - (header.length % 8)), data);
    expect(read(bytes).tensors.get('b')?.data.buffer).toBe(bytes.buffer);
  });

  test('58 100 000 tensors in less than a second', () => {
    const entries = Array.from({ length: 100_000 }, (_, i) => [
      `model.layers.${i}.weight`,
      entry('F32', [1, 1], i * 4, i * 4 + 4),
    ]);
    const bytes = safetensorsFile(Object.fromEntries(entries), new Uint8Array(400_000));
    // The best of three, in time of this process alone: other tests run beside this one.
    const times = [1, 2, 3].map(() => {
      const start = process.cpuUsage().user;
      expect(read(bytes).tensors.size).toBe(100_000);
      return process.cpuUsage().user - start;
    });
    expect(Math.min(...times)).toBeLessThan(1_000_000);
  });

  test('a metadata string of megabytes full of escapes', () => {
    const workflow = '{"a\\\\":"b\n"}'.repeat(200_000);
    expect(read(safetensorsFile({ __metadata__: { workflow } })).metadata.get('workflow')).toBe(workflow);
  });
});

describe('refused', () => {
  test.each<[string, Uint8Array, RegExp]>([
    ['41 shorter than its header length', join([1, 2, 3]), /the file has 3 bytes, its header length alone takes 8/],
    ['41 header length 0', safetensorsFile('{}', data, 0n), /header length 0 \(byte 0\)/],
    [
      '41 header over the cap',
      safetensorsFile('{}', data, 100_000_001n),
      /header length 100000001 \(byte 0\), at most 100000000/,
    ],
    [
      '41 header longer than the file',
      safetensorsFile('{}', data, 81920n),
      /header says 81920 bytes, the file has 14 after byte 8; the download is cut short/,
    ],
    ['42 header length 2^63', safetensorsFile('{}', data, 2n ** 63n), /header length 9223372036854775808/],
    ['43 not UTF-8', safetensorsFile(join('{"a\xff":1}')), /not UTF-8 text \(byte 11 is 0xff\)/],
    ['43 UTF-8 cut short', safetensorsFile(join('{"a\xe2\x9c')), /not UTF-8 text \(byte 12 is 0x9c\)/],
    ['43 byte order mark', text(`\ufeff${JSON.stringify({})}`), /expected '\{', found '\ufeff\{}/],
    ['44 not JSON', text('hello'), /header, byte 8: expected '\{', found 'hello'/],
    ['44 array at the top', text('[]'), /expected '\{', found '\[\]'/],
    ['44 number at the top', text('12'), /expected '\{'/],
    ['44 only spaces', text('   '), /found the end of the header/],
    ['44 trailing text', text('{} x'), /byte 11: nothing may follow the closing brace, found 'x'/],
    ['44 NUL padding', text('{}\0'), /nothing may follow/],
    [
      '44 no closing brace',
      text('{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'),
      /expected '}', found the end/,
    ],
    [
      '44 trailing comma',
      text('{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},}'),
      /expected the name in quotes, found '}'/,
    ],
    ['44 single quotes', text("{'x':1}"), /expected the name in quotes, found ''x':1}'/],
    ['44 bad escape', text('{"\\x":1}'), /the name is not a JSON string/],
    ['44 raw line break in a string', text('{"a\nb":1}'), /not a JSON string/],
    ['44 no closing quote', text('{"a\\"'), /has no closing quote/],
    ['44 byte of an error behind wide characters', text('{"✓✓":1}'), /byte 18: tensor '✓✓': expected '\{', found '1}'/],
    [
      '46 overlap',
      safetensorsFile({ a: entry('F32', [2], 0, 8), b: entry('F32', [2], 4, 12) }, data),
      /tensor 'b' \(data bytes 4 to 12\) overlaps 'a', which ends at 8/,
    ],
    [
      '46 the same bytes twice',
      safetensorsFile({ a: entry('F32', [3], 0, 12), b: entry('F32', [3], 0, 12) }, data),
      /overlaps 'a'/,
    ],
    [
      '46 an empty tensor inside another',
      safetensorsFile({ a: entry('F32', [3], 0, 12), b: entry('F32', [0], 4, 4) }, data),
      /tensor 'b' \(data bytes 4 to 4\) overlaps 'a'/,
    ],
    ['47 hole in front', one('F32', [1], 4, 8), /data bytes 0 to 4 belong to no tensor, a hole in front of tensor 'x'/],
    [
      '47 hole between',
      safetensorsFile({ a: entry('U8', [1], 0, 1), b: entry('U8', [1], 2, 3) }, join([1, 2, 3])),
      /data bytes 1 to 2 belong to no tensor, a hole in front of tensor 'b'/,
    ],
    [
      '48 end beyond the file',
      one('F32', [4], 0, 16, 12),
      /tensor 'x' \(data bytes 0 to 16\) ends beyond the file, which has 12 data bytes; the download is cut short/,
    ],
    ['48 begin after end', one('F32', [1], 8, 4, 8), /tensor 'x': begins at 8, after its end 4/],
    ['48 negative offset', one('F32', [1], -4, 0), /tensor 'x': data offset must be a whole number from 0, found '-4'/],
    ['48 float offset', text('{"x":{"dtype":"F32","shape":[1],"data_offsets":[0.0,4]}}'), /found '0\.0'/],
    ['48 exponent', text('{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4e0]}}'), /found '4e0'/],
    ['48 leading zero', text('{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,04]}}'), /found '04'/],
    [
      '48 offset as string',
      text('{"x":{"dtype":"F32","shape":[1],"data_offsets":["0",4]}}'),
      /whole number from 0, found '"0",4/,
    ],
    [
      '48 offset 2^53 + 1',
      text('{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,9007199254740993]}}'),
      /data offset '9007199254740993' is beyond 2\^53/,
    ],
    [
      '48 one offset',
      text('{"x":{"dtype":"F32","shape":[1],"data_offsets":[4]}}'),
      /tensor 'x': 1 data_offsets, needed are 2/,
    ],
    ['48 three offsets', text('{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}}'), /3 data_offsets, needed/],
    [
      '49 trailing bytes',
      join(safetensorsFile(pair, data), 'PK\x03\x04'),
      /the tensors end at data byte 12, 4 bytes follow that no tensor owns/,
    ],
    ['49 data without a tensor', text('{}'), /the tensors end at data byte 0, 4 bytes follow/],
    ['50 shape too large', one('F32', [3], 0, 8), /float32 of shape \(3,\) needs 12 bytes, its data_offsets hold 8/],
    [
      '50 shape too small',
      one('F16', [1, 3], 0, 8),
      /float16 of shape \(1, 3\) needs 6 bytes, its data_offsets hold 8/,
    ],
    ['50 empty shape, data', one('F32', [0], 0, 4), /needs 0 bytes/],
    ['51 shape overflows', one('U8', [2, 2 ** 52, 2 ** 52], 0, 8), /tensor 'x': shape .*more than 2\^53 elements/],
    [
      '51 2 × (2^64 − 2)',
      text('{"x":{"dtype":"U8","shape":[2,18446744073709551614],"data_offsets":[0,4]}}'),
      /dimension '18446744073709551614' is beyond 2\^53/,
    ],
    ['51 negative dimension', one('F32', [-1], 0, 4), /dimension must be a whole number from 0, found '-1'/],
    ['51 null as dimension', text('{"x":{"dtype":"F32","shape":[null],"data_offsets":[0,4]}}'), /found 'null'/],
    ['51 shape is a number', text('{"x":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}'), /expected '\[', found '1,/],
    [
      '52 one tensor twice',
      text(
        '{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      ),
      /byte 62: the name 'x' stands twice/,
    ],
    [
      '52 one tensor twice, escaped',
      text(
        '{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"\\u0078":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}',
      ),
      /the name 'x' stands twice/,
    ],
    [
      '52 dtype twice',
      text('{"x":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}'),
      /tensor 'x': the key 'dtype' stands twice/,
    ],
    ['52 a metadata key twice', text('{"__metadata__":{"a":"1","a":"2"}}', 0), /the __metadata__ key 'a' stands twice/],
    ['52 __metadata__ twice', text('{"__metadata__":{},"__metadata__":{}}', 0), /the name '__metadata__' stands twice/],
    [
      '54 number in the metadata',
      text('{"__metadata__":{"step":20}}', 0),
      /__metadata__ 'step' must be a string, found '20}}'/,
    ],
    ['54 object in the metadata', text('{"__metadata__":{"a":{}}}', 0), /__metadata__ 'a' must be a string/],
    ['54 metadata is a string', text('{"__metadata__":"x"}', 0), /expected '\{', found '"x"}'/],
    [
      '57 unknown dtype',
      one('F31', [1], 0, 4),
      /tensor 'x' has dtype 'F31', which is unknown; convert the tensor to float16/,
    ],
    ['57 dtype in small letters', one('f32', [1], 0, 4), /dtype 'f32', which is unknown/],
    ['57 dtype from a prototype', one('constructor', [1], 0, 4), /dtype 'constructor', which is unknown/],
    [
      '57 dtype is a number',
      text('{"x":{"dtype":4,"shape":[1],"data_offsets":[0,4]}}'),
      /tensor 'x': expected the dtype in quotes, found '4,/,
    ],
    [
      '59 F8_E4M3',
      one('F8_E4M3', [4], 0, 4),
      /tensor 'x' has dtype 'F8_E4M3', an 8-bit float; convert the tensor to float16, bfloat16 or float32/,
    ],
    ['59 F8_E5M2FNUZ', one('F8_E5M2FNUZ', [4], 0, 4), /'F8_E5M2FNUZ', an 8-bit float/],
    ['59 F8_E8M0', one('F8_E8M0', [4], 0, 4), /'F8_E8M0', an 8-bit scale/],
    ['59 F6_E2M3', one('F6_E2M3', [4], 0, 3), /'F6_E2M3', a 6-bit float/],
    ['59 F4', one('F4', [8], 0, 4), /'F4', a 4-bit float/],
    ['59 C64', one('C64', [1], 0, 8), /'C64', complex; latents are real numbers: save its real part/],
    [
      '15 I64 beyond 2^53',
      safetensorsFile({ x: entry('I64', [2], 0, 16) }, bytesOf(BigInt64Array.of(0n, 2n ** 62n))),
      /tensor 'x': element 1 of int64 is 4611686018427387904, beyond 2\^53/,
    ],
    [
      '15 U64 beyond 2^53',
      safetensorsFile({ x: entry('U64', [1], 0, 8) }, bytesOf(BigUint64Array.of(2n ** 53n + 1n))),
      /tensor 'x': element 0 of uint64 is 9007199254740993/,
    ],
    ['no dtype', text('{"x":{"shape":[1],"data_offsets":[0,4]}}'), /tensor 'x': no dtype/],
    ['no shape', text('{"x":{"dtype":"F32","data_offsets":[0,4]}}'), /tensor 'x': no shape/],
    ['no data_offsets', text('{"x":{"dtype":"F32","shape":[1]}}'), /tensor 'x': no data_offsets/],
    ['empty entry', text('{"x":{}}'), /tensor 'x': no dtype/],
    [
      'unknown key',
      text('{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"stride":[1]}}'),
      /tensor 'x': unknown key 'stride'/,
    ],
    ['a long name is cut in the message', text(`{"${'n'.repeat(5000)}":{}}`), /tensor 'n{80}…': no dtype/],
  ])('%s', (_, bytes, message) => expectFileError(() => read(bytes), message));
});
