// PyTorch's zip files: pickles and archives that torch.save does not write, each good or refused with its own words. What
// it does write is in test/fixtures/files. The numbers are the cases of the project's list of bad input.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openTensorFile, readAll } from '../../src/files';
import { loadLatents } from '../../src/index';
import { bytesOf, expectRejection, floats, join, readWhole } from './build';
import { type ZipMember, zipFile } from './build-zip';

// A pickle, opcode by opcode.
const u32 = (value: number) => bytesOf(Uint32Array.of(value));
const str = (text: string) => {
  const bytes = new TextEncoder().encode(text);
  return join('X', u32(bytes.length), bytes);
};
const int = (value: number) => join('J', bytesOf(Int32Array.of(value)));
const global = (name: string) => {
  const dot = name.lastIndexOf('.');
  return join(`c${name.slice(0, dot)}\n${name.slice(dot + 1)}\n`);
};
const tuple = (...items: Uint8Array[]) => join('(', ...items, 't');
const list = (...items: Uint8Array[]) => join('](', ...items, 'e');
const dict = (...items: Uint8Array[]) => join('}(', ...items, 'u');
const call = (name: string, ...args: Uint8Array[]) => join(global(name), tuple(...args), 'R');
const pickle = (...body: (Uint8Array | string | number[])[]) => join([0x80, 2], ...body, '.');

interface TensorParts {
  key?: string;
  storage?: string;
  numel?: number;
  offset?: Uint8Array;
  shape?: number[];
  strides?: number[];
}
const tensor = ({
  key = '0',
  storage = 'torch.FloatStorage',
  numel = 6,
  offset = int(0),
  shape = [2, 3],
  strides = [3, 1],
}: TensorParts = {}) =>
  call(
    'torch._utils._rebuild_tensor_v2',
    join(tuple(str('storage'), global(storage), str(key), str('cpu'), int(numel)), 'Q'),
    ...[offset, tuple(...shape.map(int)), tuple(...strides.map(int)), join([0x89])],
    call('collections.OrderedDict'),
  );

const six = floats(1, 2, 3, 4, 5, 6);
const file = (data: Uint8Array, storages: Record<string, Uint8Array> = { '0': six }, more: ZipMember[] = []) =>
  zipFile([
    { name: 'archive/data.pkl', data },
    ...more,
    ...Object.entries(storages).map(([key, bytes]) => ({ name: `archive/data/${key}`, data: bytes })),
  ]);
const only = async (data: Uint8Array, storages?: Record<string, Uint8Array>, more?: ZipMember[]) => {
  const { kind, tensors } = await readWhole(file(data, storages, more));
  expect(kind).toBe('torch');
  expect(tensors.size).toBe(1);
  return [...tensors.values()][0];
};

describe('good', () => {
  test('63 a bare tensor has no name', async () => {
    const { tensors } = await readWhole(file(pickle(tensor())));
    expect([...tensors]).toEqual([['', { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }]]);
  });

  test.each<[string, TensorParts, number[]]>([
    ['transposed', { shape: [3, 2], strides: [1, 3] }, [1, 4, 2, 5, 3, 6]],
    ['a part at an offset', { shape: [3], strides: [1], offset: int(2) }, [3, 4, 5]],
    ['every second', { shape: [3], strides: [2], offset: int(1) }, [2, 4, 6]],
    ['expanded', { shape: [2, 2], strides: [0, 5] }, [1, 6, 1, 6]],
    ['one element', { shape: [], strides: [], offset: int(5) }, [6]],
    ['none', { shape: [0, 3], strides: [3, 1], offset: int(6) }, []],
    ['a dimension of 1 with any stride', { shape: [1, 3], strides: [999, 1] }, [1, 2, 3]],
  ])('64 %s', async (_, parts, values) => {
    expect((await only(pickle(tensor(parts))))?.data).toEqual(Float32Array.from(values));
  });

  test('64 a storage that several tensors share is read once, if they are wanted together', async () => {
    const first = tensor({ shape: [2], strides: [1] });
    const second = tensor({ shape: [2], strides: [1], offset: int(4) });
    const bytes = file(pickle(dict(str('a'), first, str('b'), second))) as Uint8Array<ArrayBuffer>;
    let reads = 0;
    const { tensors } = await openTensorFile({
      size: bytes.length,
      read: async (begin, end) => {
        if (end - begin === 24) reads++;
        return bytes.subarray(begin, end);
      },
    });
    const [a, b] = await Promise.all([tensors.get('a')?.read(), tensors.get('b')?.read()]);
    expect([a?.data, b?.data]).toEqual([Float32Array.of(1, 2), Float32Array.of(5, 6)]);
    expect(reads).toBe(1);
    await readAll({ kind: 'torch', tensors, metadata: new Map() });
    expect(reads).toBe(2);
  });

  test('64 nested containers: names joined by dots, strings as metadata', async () => {
    const inner = dict(str('w'), tensor(), int(3), tensor({ shape: [1], strides: [1] }));
    const root = dict(str('model'), inner, str('steps'), list(tensor(), tuple(tensor())), str('note'), str('ü'));
    const { tensors, metadata } = await readWhole(file(pickle(root)));
    expect([...tensors.keys()]).toEqual(['model.w', 'model.3', 'steps.0', 'steps.1.0']);
    expect([...metadata]).toEqual([['note', 'ü']]);
  });

  test('an empty key, memoised values, numbers of every opcode, and what is no tensor', async () => {
    const root = dict(
      ...[join(str('note'), 'q\x05'), join('h\x05', 'r', u32(70_000)), str(''), tensor(), str('n'), join('N')],
      ...[str('f'), join('G', [0x3f, 0xf8, 0, 0, 0, 0, 0, 0]), str('l'), join([0x8a, 2, 0xff, 0x7f])],
      ...[str('m'), join('M', [1, 2]), str('t'), join([0x88]), str('e'), join([0x8f])],
      ...[str('device'), call('torch.device', str('cuda')), str('dtype'), global('torch.float16')],
      ...[str('scalar'), call('numpy.core.multiarray.scalar', call('numpy.dtype', str('f8')))],
      ...[str('s'), join('U\x02hi'), str('again'), join('j', u32(70_000))],
    );
    const { tensors, metadata } = await readWhole(file(pickle(root)));
    expect([...tensors.keys()]).toEqual(['']);
    expect(Object.fromEntries(metadata)).toEqual({ note: 'note', s: 'hi', again: 'note' });
  });

  test('62 big-endian halves keep their bits', async () => {
    const parts = { storage: 'torch.BFloat16Storage', numel: 2, shape: [2], strides: [1] };
    const storages = { '0': join([0x3f, 0x80, 0xc0, 0x00]) };
    const order = (text: string) => [{ name: 'archive/byteorder', data: join(text) }];
    expect(await only(pickle(tensor(parts)), storages, order('big'))).toEqual({
      dtype: 'bfloat16',
      shape: [2],
      data: Uint16Array.of(0x3f80, 0xc000),
    });
    expect((await only(pickle(tensor(parts)), storages, order('little')))?.data).toEqual(
      Uint16Array.of(0x803f, 0x00c0),
    );
  });

  test('74 the byteorder record: numbers of a big-endian machine', async () => {
    const swapped = six.slice();
    for (let k = 0; k < 24; k += 4) swapped.subarray(k, k + 4).reverse();
    const record = [{ name: 'archive/byteorder', data: join('big') }];
    expect((await only(pickle(tensor({ shape: [3, 2], strides: [1, 3] })), { '0': swapped }, record))?.data).toEqual(
      Float32Array.of(1, 4, 2, 5, 3, 6),
    );
  });

  test('75 names that objects know already', async () => {
    const root = dict(str('__proto__'), tensor(), str('constructor'), tensor());
    const { tensors } = await readWhole(file(pickle(root)));
    expect([...tensors.keys()]).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
  });

  test('of equal keys the last counts, as in Python', async () => {
    const root = dict(str('a'), tensor(), str('a'), tensor({ shape: [1], strides: [1] }));
    expect((await only(pickle(root)))?.shape).toEqual([1]);
  });

  test('parameters, attributes, torch.Size, tensors of the first and the third version', async () => {
    const storage = join(
      tuple(str('storage'), global('torch.storage.UntypedStorage'), str('0'), str('cpu'), int(24)),
      'Q',
    );
    const size = call('torch.Size', tuple(int(12)));
    const third = call(
      'torch._utils._rebuild_tensor_v3',
      ...[storage, int(0), size, tuple(int(1)), join([0x89]), call('collections.OrderedDict')],
      global('torch.uint16'),
    );
    expect(await only(pickle(third))).toMatchObject({ dtype: 'uint16', shape: [12] });
    const parameter = call('torch._utils._rebuild_parameter', tensor(), join([0x88]), call('collections.OrderedDict'));
    expect((await only(pickle(parameter)))?.shape).toEqual([2, 3]);
    const typed = join(
      global('torch._tensor._rebuild_from_type_v2'),
      tuple(
        global('torch._utils._rebuild_tensor'),
        global('torch.nn.parameter.Parameter'),
        tuple(
          join(tuple(str('storage'), global('torch.FloatStorage'), str('0'), str('cpu'), int(6)), 'Q'),
          ...[int(0), tuple(int(6)), tuple(int(1))],
        ),
        dict(),
      ),
      'R',
    );
    expect((await only(pickle(typed)))?.shape).toEqual([6]);
    // An OrderedDict's own attributes (_metadata) are passed over.
    const built = join(
      call('collections.OrderedDict'),
      '(',
      str('w'),
      tensor(),
      'u',
      dict(str('_metadata'), dict()),
      'b',
    );
    expect((await only(pickle(built)))?.shape).toEqual([2, 3]);
  });

  test('without a folder, as some tools zip it again', async () => {
    const members = [
      { name: 'data.pkl', data: pickle(tensor()) },
      { name: 'data/0', data: six },
    ];
    expect((await readWhole(zipFile(members))).tensors.size).toBe(1);
  });

  test('as latents, by key', async () => {
    const latents = tensor({ numel: 16, shape: [1, 4, 2, 2], strides: [16, 4, 2, 1] });
    const root = dict(str('a'), latents, str('b'), dict(str('c'), latents));
    const bytes = file(pickle(root), { '0': floats(...Array(16).fill(7)) });
    await expectRejection(loadLatents(bytes), /^torch: 2 tensors could be latents: 'a' float32 .*, 'b\.c' float32/);
    const { tensor: read } = await loadLatents(bytes, { key: 'b.c' });
    expect('data' in read && read.data[15]).toBe(7);
  });
});

const evil = [...'cos\nsystem\n'].join('');
const nest = (depth: number) => pickle(']'.repeat(depth), 'a'.repeat(depth - 1));

describe('refused', () => {
  test.each<[string, Uint8Array, RegExp]>([
    [
      '65 os.system',
      pickle(evil, tuple(str('rm -rf /')), 'R'),
      /data\.pkl, byte 2: the global 'os\.system' is not on the list of what state dicts hold; nothing is ever run; re-save it in Python/,
    ],
    ['65 builtins.eval', pickle(global('builtins.eval')), /the global 'builtins\.eval' is not/],
    ['65 a global of two dots', pickle('ctorch\n_utils._rebuild_tensor_v2.__globals__\n'), /is not on the list/],
    ['66 STACK_GLOBAL', pickle(str('os'), str('system'), [0x93]), /the opcode STACK_GLOBAL is not among those/],
    ['66 INST', pickle('(ios\nsystem\n'), /the opcode INST is not among/],
    ['66 OBJ', pickle('(o'), /the opcode OBJ is not among/],
    ['66 EXT1', pickle([0x82, 1]), /the opcode EXT1 is not among/],
    ['66 EXT4', pickle([0x84, 1, 0, 0, 0]), /the opcode EXT4 is not among/],
    ['66 no opcode', pickle([0xff]), /byte 2: 0xff is no known opcode/],
    ['67 200 000 lists in each other', nest(200_000), /nested deeper than 64 containers/],
    ['67 2 000 000 lists in each other', nest(2_000_000), /more values than any state dict has/],
    ['67 a million marks', pickle('('.repeat(1_000_000)), /a value is wanted where none is/],
    ['68 LONG4', pickle([0x8b, 0, 0, 0, 0x80]), /the opcode LONG4/],
    ['68 BINBYTES of 2^31 bytes', pickle('B', [0, 0, 0, 0x80]), /the opcode BINBYTES/],
    [
      '68 BINUNICODE of 2^31 bytes',
      pickle('X', [0, 0, 0, 0x80], 'abc'),
      /byte 2: 2147483648 bytes are wanted, 4 follow/,
    ],
    ['68 LONG1 beyond the end', pickle([0x8a, 200, 1]), /200 bytes are wanted, 2 follow/],
    ['69 a memo miss', pickle('h\x07'), /nothing was put in place 7/],
    ['69 a long memo miss', pickle('j', u32(4e9)), /nothing was put in place 4000000000/],
    ['69 nothing to put', pickle('q\x01'), /a value is wanted where none is/],
    ['69 stack underflow', pickle('R'), /a value is wanted where none is/],
    ['69 no mark', pickle('Nt'), /a mark is wanted where none is/],
    ['69 a pop below the mark', pickle('](a'), /a value is wanted where none is/],
    ['69 no STOP', pickle('N').subarray(0, -1), /byte 3: 1 bytes are wanted, 0 follow/],
    ['69 empty', join(), /byte 0: 1 bytes are wanted, 0 follow/],
    ['69 values left over', pickle('NN'), /1 values are left over/],
    ['69 bytes behind STOP', join(pickle('N'), 'N'), /1 bytes follow the end/],
    ['69 a name without an end', pickle('cos'), /a name does not end/],
    ['69 a call of a string', pickle(str('os'), tuple(), 'R'), /a plain value stands where a container/],
    ['69 a call of a list', pickle(']', tuple(), 'R'), /what is called is no global/],
    ['69 arguments in a list', pickle(global('torch.Size'), ']R'), /the arguments of a call are no tuple/],
    ['69 appending to a dict', pickle('}Na'), /what is appended to is no list/],
    ['69 items for a list', pickle('](NNu'), /what takes items is no dict/],
    ['69 a key without a value', pickle('}(Nu'), /a key has no value/],
    ['70 a list that holds itself', pickle(']q\x01h\x01a'), /nested deeper than 64 containers/],
    ['70 a dict that holds itself', pickle('}q\x01', str('me'), 'h\x01s'), /'me\.me\..*' is nested deeper than 64/],
    [
      '70 ten lists of one list, sixty times',
      pickle('(](', str('x'), 'eq\x01', `](${'h\x01'.repeat(10)}eq\x01`.repeat(60), 't'),
      /more values than any state dict has/,
    ],
    ['70 a name without end', pickle(dict(str('k'.repeat(2000)), tensor())), /the name 'k{80}…' has 2000 characters/],
    [
      'two tensors of one name',
      pickle(dict(str('a.b'), tensor(), str('a'), dict(str('b'), tensor()))),
      /two values are named 'a\.b'/,
    ],
    [
      '73 a storage that is too short',
      pickle(tensor({ numel: 7 })),
      /tensor '' \(data\.pkl, byte \d+\): its storage '0' is said to have 28 bytes, the archive has 24/,
    ],
    ['73 a storage that is too long', pickle(tensor({ numel: 5 })), /said to have 20 bytes, the archive has 24/],
    [
      '73 a shape beyond the storage',
      pickle(tensor({ shape: [3, 3] })),
      /float32 of shape \(3, 3\) reaches to byte 36 of its storage, which has 24/,
    ],
    ['73 an offset beyond the storage', pickle(tensor({ offset: int(1) })), /reaches to byte 28/],
    ['73 strides beyond the storage', pickle(tensor({ strides: [4, 1] })), /reaches to byte 28/],
    ['73 a negative offset', pickle(tensor({ offset: int(-1) })), /its offset is no whole number/],
    ['73 a negative stride', pickle(tensor({ strides: [-3, 1] })), /its strides are no tuple of whole numbers/],
    ['73 a negative dimension', pickle(tensor({ shape: [-2, 3] })), /its shape is no tuple of whole numbers/],
    ['73 more dimensions than strides', pickle(tensor({ strides: [1] })), /it has 2 dimensions and 1 strides/],
    [
      '73 an offset that is a float',
      pickle(tensor({ offset: join('G', [0x3f, 0xe0, 0, 0, 0, 0, 0, 0]) })),
      /its offset is no whole/,
    ],
    [
      '73 a shape that overflows',
      pickle(tensor({ shape: [2 ** 31 - 1, 2 ** 31 - 1], strides: [0, 0] })),
      /more than 2\^53 elements/,
    ],
    [
      '73 one element repeated a billion times',
      pickle(tensor({ shape: [1e9], strides: [0] })),
      /repeats the 24 bytes of its storage up to 4000000000/,
    ],
    ['73 no such storage', pickle(tensor({ key: '1' })), /its storage '1' is not in the archive/],
    [
      '73 a storage outside of the archive',
      pickle(tensor({ key: '../data.pkl' })),
      /its storage '\.\.\/data\.pkl' is not in/,
    ],
    [
      'complex numbers',
      pickle(tensor({ storage: 'torch.ComplexFloatStorage' })),
      /'torch\.ComplexFloatStorage' is not on the list/,
    ],
    ['8-bit floats', pickle(global('torch.float8_e4m3fn')), /'torch\.float8_e4m3fn' is not on the list/],
    [
      'a storage by another tag',
      pickle(call('torch._utils._rebuild_tensor_v2', join(tuple(str('module')), 'Q'), int(0), tuple(), tuple())),
      /its storage has no name/,
    ],
    ['a tensor of nothing', pickle(call('torch._utils._rebuild_tensor_v2')), /its storage has no name/],
    [
      'a parameter of nothing',
      pickle(call('torch._utils._rebuild_parameter')),
      /'torch\._utils\._rebuild_parameter' holds no tensor/,
    ],
    ['an OrderedDict with arguments', pickle(call('collections.OrderedDict', list())), /an OrderedDict with arguments/],
  ])('%s', (_, data, message) => expectRejection(readWhole(file(data)), message));

  test('72 a TorchScript program', () =>
    expectRejection(
      readWhole(file(pickle('N'), {}, [{ name: 'archive/constants.pkl', data: pickle(')') }])),
      /a TorchScript program, which is not run; save its weights/,
    ));
  test('74 an unknown byte order', () =>
    expectRejection(
      readWhole(file(pickle(tensor()), { '0': six }, [{ name: 'archive/byteorder', data: join('middle') }])),
      /the byte order is 'middle'/,
    ));
  test('73 a storage under a thousand names', () => {
    const transposed = tensor({ numel: 40_000, shape: [200, 200], strides: [1, 200] });
    const names = Array.from({ length: 1000 }, (_, k) =>
      join(str(`${k}`), k === 0 ? join(transposed, 'q\x01') : 'h\x01'),
    );
    return expectRejection(
      readWhole(file(pickle(dict(...names)), { '0': new Uint8Array(160_000) })),
      /its tensors would take 160000000 bytes, out of \d{6} that are stored/,
    );
  });
  test('two pickles', () =>
    expectRejection(
      readWhole(file(pickle('N'), {}, [{ name: 'other/data.pkl', data: pickle('N') }])),
      /2 members are named data\.pkl/,
    ));
  test('a pickle of 5 MB', () =>
    expectRejection(readWhole(file(pickle('N'.repeat(5_000_000)))), /data\.pkl has 5000003 bytes, at most 4194304/));
});

const shared = new URL('../../../shared/fixtures/internal-only/weights/', import.meta.url);
const present = existsSync(new URL('a1111_vaeapprox_sd1.pt', shared));
if (!present) console.log('skipped: a published .pt file, ../shared/fixtures is absent');

test.skipIf(!present)('62 a published .pt holds what its .safetensors holds', async () => {
  const [torch, safe] = await Promise.all(
    ['pt', 'safetensors'].map((kind) => readWhole(readFileSync(new URL(`a1111_vaeapprox_sd1.${kind}`, shared)))),
  );
  expect(torch?.tensors.size).toBe(16);
  for (const [name, found] of torch?.tensors ?? []) expect(found).toEqual(safe?.tensors.get(name));
});
