// The zip container of .npz and .pt, and .npz itself: archives that no library writes, each good or refused with its own
// words. The numbers in front of the names are the cases of the project's list of bad input.

import { constants, deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openTensorFile } from '../../src/files';
import { bytesOf, expectRejection, floats, join, npyFile, readWhole } from './build';
import { type ZipMember, zipFile } from './build-zip';

const array = npyFile();
const values = Float32Array.of(1, 2, 3, 4, 5, 6);
const x: ZipMember = { name: 'x.npy', data: array };
const deflated: ZipMember = { ...x, method: 8, packed: deflateRawSync(array) };

const good = async (bytes: Uint8Array, name = 'x') => {
  const { kind, tensors } = await readWhole(bytes);
  expect(kind).toBe('npz');
  expect(tensors.get(name)).toEqual({ dtype: 'float32', shape: [2, 3], data: values });
};

describe('good', () => {
  test.each<[string, Uint8Array]>([
    ['27 stored', zipFile([x])],
    ['27 deflated', zipFile([deflated])],
    [
      '27 zip64 throughout',
      zipFile(
        [
          { ...deflated, zip64: true },
          { name: 'y.npy', data: array },
        ],
        { zip64: true },
      ),
    ],
    ['33 an end record inside of the comment', zipFile([x], { comment: zipFile([]) })],
    ['33 an end record in the comment that ends with the file', zipFile([x], { comment: join('--', zipFile([])) })],
    ['35 members that are no arrays are passed over', zipFile([{ name: 'readme.txt', data: join('hello') }, x])],
    [
      '37 data descriptors',
      zipFile([
        { ...deflated, descriptor: true },
        { name: 'y.npy', data: array, descriptor: true },
      ]),
    ],
    ['a comment', zipFile([x], { comment: join('made by hand') })],
    ['an extra field in front of the data', zipFile([{ ...x, localExtra: join([0x99, 0x99, 3, 0], 'pad') }])],
    ['a compressed size in 64 bits alone', zipFile([{ ...x, zip64: true }])],
  ])('%s', (_, bytes) => good(bytes));

  test('34 names are labels', async () => {
    const names = ['../../x', '/etc/passwd', '__proto__', 'constructor', 'C:\\x', '', 'ünï✓'];
    const members = names.map((name, k) => ({
      name: `${name}.npy`,
      data: npyFile({ data: floats(k, 0, 0, 0, 0, 0) }),
    }));
    const { tensors } = await readWhole(zipFile(members));
    expect([...tensors.keys()]).toEqual(names);
    expect([...tensors.values()].map(({ data }) => data[0])).toEqual(names.map((_, k) => k));
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test('deflated data that begin with a long run of rare bytes', async () => {
    // So that the first bytes take more room than they have themselves.
    const shape = 300_000;
    const data = new Uint8Array(shape);
    for (let k = 0; k < 10_200; k++) data[k] = (k * 2654435761) >>> 24;
    const file = npyFile({ descr: "'|u1'", shape: `(${shape},)`, data });
    const packed = deflateRawSync(file, { strategy: constants.Z_HUFFMAN_ONLY, memLevel: 9 });
    const { tensors } = await readWhole(zipFile([{ name: 'x.npy', data: file, method: 8, packed }]));
    expect(tensors.get('x')?.data).toEqual(data);
  });

  test('only what is asked for is read', async () => {
    const big = npyFile({ shape: '(1, 4, 100, 100)', data: floats(...Array(40_000).fill(1)) });
    const bytes = zipFile([{ name: 'a.npy', data: big }, x, { name: 'b.npy', data: big }]) as Uint8Array<ArrayBuffer>;
    let read = 0;
    const { tensors } = await openTensorFile({
      size: bytes.length,
      read: async (begin, end) => {
        read += end - begin;
        return bytes.subarray(begin, end);
      },
    });
    expect((await tensors.get('x')?.read())?.data).toEqual(values);
    // Of the end 65 kB in search of its record, of each array 10 kB of header.
    expect(read).toBeLessThan(120_000);
  });
});

/** `bytes` with a little-endian number of `size` bytes at `at` (from the end where negative). */
function patched(bytes: Uint8Array, at: number, value: number, size: 2 | 4): Uint8Array {
  const out = bytes.slice();
  const view = new DataView(out.buffer);
  const place = at < 0 ? out.length + at : at;
  if (size === 2) view.setUint16(place, value, true);
  else view.setUint32(place, value, true);
  return out;
}

const bomb = deflateRawSync(npyFile({ shape: '(75000000,)', data: new Uint8Array(300_000_000) }), { level: 9 });

describe('refused', () => {
  test.each<[string, Uint8Array, RegExp]>([
    [
      '28 a bomb that says how large it is',
      zipFile([{ name: 'x.npy', data: array, method: 8, packed: bomb, size: 300_000_128 }]),
      /member 'x\.npy' inflates from 29\d{4} to 300000128 bytes, at most 33554432 are allowed/,
    ],
    [
      '28 a bomb of many members',
      zipFile(
        Array.from({ length: 3 }, (_, k) => ({
          ...{ name: `${k}.npy`, data: array, method: 8, packed: bomb.subarray(0, 30_000), size: 30_000_000 },
        })),
      ),
      /the members inflate from 90000 to 90000000 bytes, at most 33554432 are allowed/,
    ],
    [
      '28 a bomb that says that it is small',
      zipFile([{ name: 'x.npy', data: array, method: 8, packed: bomb, size: 2000 }]),
      /needs 300000000 bytes of data, the file has 1872/,
    ],
    [
      '29 a size that is too small',
      zipFile([{ ...deflated, packed: deflateRawSync(join(array, 'more')) }]),
      /member 'x\.npy': said to have 152 bytes, its data inflate to more/,
    ],
    [
      '29 a size that is too large',
      zipFile([{ ...deflated, packed: deflateRawSync(array.subarray(0, -1)) }]),
      /member 'x\.npy': said to have 152 bytes, its data inflate to 151/,
    ],
    ['29 a stored size that differs', zipFile([{ ...x, size: 100 }]), /is stored, but has 100 bytes in 152/],
    [
      '30 wrong checksum, stored',
      zipFile([{ ...x, crc: 0x12345678 }]),
      /member 'x\.npy' has the checksum [0-9a-f]{8}, the directory says 12345678/,
    ],
    ['30 wrong checksum, deflated', zipFile([{ ...deflated, crc: 1 }]), /the directory says 00000001/],
    ['30 one byte changed', patched(zipFile([x]), 35 + 128, 0xffff, 2), /has the checksum/],
    ['31 encrypted', zipFile([{ ...x, flags: 1 }]), /member 'x\.npy' is encrypted; save it without a password/],
    ['31 strongly encrypted', zipFile([{ ...x, flags: 0x41 }]), /is encrypted/],
    ['31 encrypted in its own header alone', zipFile([{ ...x, localFlags: 1 }]), /not as the directory says/],
    ['32 cut short', zipFile([x]).subarray(0, -1), /no end-of-directory record; the download is cut short/],
    ['32 only the first member', zipFile([x]).subarray(0, 187), /no end-of-directory record/],
    ['33 bytes behind', join(zipFile([x]), 'x'), /no end-of-directory record; .*or bytes follow the archive/],
    [
      '33 bytes in front, offsets as they were',
      join('PK\x03\x04junk', zipFile([x])),
      /the directory of \d+ bytes is said to begin/,
    ],
    [
      '33 bytes in front, offsets moved',
      zipFile([x], { prefix: join('PK\x03\x04junk') }),
      /8 bytes stand in front of the archive; remove them/,
    ],
    ['34 two of one name', zipFile([x, x]), /two members are named 'x\.npy'/],
    [
      '34 another name in its own header',
      zipFile([{ ...x, localName: 'y.npy' }]),
      /header of member 'x\.npy' at byte 0 is not as/,
    ],
    [
      '34 a name that is not UTF-8',
      zipFile([{ ...x, rawName: join('\xff.npy') }]),
      /the name of directory entry 0 .* is not UTF-8/,
    ],
    [
      '35 only other members',
      zipFile([{ name: 'a.txt', data: join('a') }]),
      /an archive of 1 members, such as 'a\.txt', neither/,
    ],
    [
      '35 a member that is called .npy',
      zipFile([{ name: 'x.npy', data: join('hello world') }]),
      /npz: array 'x': does not start with/,
    ],
    [
      '35 an array that is cut short',
      zipFile([{ name: 'x.npy', data: array.subarray(0, -4) }]),
      /npz: array 'x': float32 of shape \(2, 3\) needs 24 bytes of data, the file has 20/,
    ],
    [
      '35 an array of objects',
      zipFile([{ name: 'x.npy', data: npyFile({ descr: "'|O'" }) }]),
      /npz: array 'x': dtype '\|O' is pickled Python objects/,
    ],
    ['no members', zipFile([]), /an archive of 0 members, neither NumPy/],
    [
      '37 a data descriptor, and other sizes in front',
      zipFile([{ ...x, flags: 8, localCrc: 5 }]),
      /the sizes or the checksum of member 'x\.npy' at byte 0 differ/,
    ],
    [
      '37 a data descriptor that says something else',
      zipFile([{ ...x, localCrc: 5 }]),
      /the sizes or the checksum of member 'x\.npy' at byte 0 differ/,
    ],
    ['38 bzip2', zipFile([{ ...x, method: 12 }]), /compressed with bzip2 \(method 12\); only stored and deflated/],
    ['38 LZMA', zipFile([{ ...x, method: 14 }]), /compressed with LZMA \(method 14\)/],
    ['38 Zstandard', zipFile([{ ...x, method: 93 }]), /compressed with Zstandard \(method 93\)/],
    ['38 unknown', zipFile([{ ...x, method: 77 }]), /compressed with an unknown method \(method 77\)/],
    [
      '39 65 536 members',
      zipFile(
        Array.from({ length: 65_536 }, (_, k) => ({ name: `${k}.npy`, data: floats() })),
        { zip64: true },
      ),
      /65536 members, at most 10000 are read/,
    ],
    ['39 a count that is a lie', patched(zipFile([x]), -14, 9999, 2), /in several parts/],
    [
      '39 both counts lie',
      patched(patched(zipFile([x]), -14, 9999, 2), -12, 9999, 2),
      /9999 members do not fit a directory of 51 bytes/,
    ],
    ['several disks', patched(zipFile([x]), -18, 1, 2), /in several parts; join them/],
    [
      'a directory beyond the file',
      patched(zipFile([x]), -6, 2 ** 31, 4),
      /the directory of 51 bytes is said to begin at byte 2147483648/,
    ],
    ['a directory that is too long', patched(zipFile([x]), -10, 2 ** 31, 4), /the directory of 2147483648 bytes/],
    [
      'damaged deflate data',
      zipFile([{ ...deflated, packed: join([7, 255, 255, 255, 255]) }]),
      /member 'x\.npy': the compressed data are damaged after 0 bytes/,
    ],
    [
      'deflate data cut short',
      zipFile([{ ...deflated, packed: deflateRawSync(array).subarray(0, -8) }]),
      /compressed data are damaged|inflate to/,
    ],
    [
      'members that overlap',
      zipFile([x, { ...x, name: 'y.npy', offset: 10 }]),
      /member '.\.npy' overlaps member '.\.npy'/,
    ],
    ['two members of the same bytes', zipFile([x, { ...x, name: 'y.npy', offset: 0 }]), /overlaps member/],
    [
      'a member over the directory',
      zipFile([{ ...x, packed: array, compressed: 5000, size: 5000 }]),
      /member 'x\.npy' overlaps the directory/,
    ],
    ['a member beyond the file', zipFile([x, { ...x, name: 'y.npy', offset: 2 ** 31 }]), /overlaps the directory/],
    [
      '34 a ZIP64 size of 2^63',
      zipFile([{ ...x, zip64: true, size64: 2n ** 63n }]),
      /size of member 'x\.npy' is 9223372036854775808, beyond 2\^53/,
    ],
    ['no ZIP64 field', zipFile([{ ...x, size: 0xffffffff }]), /member 'x\.npy' has no ZIP64 field for its sizes/],
    [
      'a ZIP64 locator that points behind itself',
      zipFile([x], { zip64: true, locator: 2n ** 40n }),
      /points at byte 1099511627776, behind itself/,
    ],
    ['a ZIP64 locator that points elsewhere', zipFile([x], { zip64: true, locator: 3n }), /no ZIP64 record at byte 3/],
  ])('%s', (_, bytes, message) => expectRejection(readWhole(bytes), message));

  test('28 a bomb stops within a second and 64 MB', async () => {
    for (const size of [300_000_128, 2000, 33_000_000]) {
      const file = zipFile([{ name: 'x.npy', data: array, method: 8, packed: bomb, size }]);
      const before = process.cpuUsage();
      const resident = process.memoryUsage.rss();
      await expectRejection(readWhole(file), /./);
      const { user, system } = process.cpuUsage(before);
      expect(user + system).toBeLessThan(1_000_000);
      expect(process.memoryUsage.rss() - resident).toBeLessThan(64e6);
    }
  });

  test('36 several arrays: the error lists them, the key chooses', async () => {
    const { loadLatents } = await import('../../src/index');
    const latents = (value: number) => npyFile({ shape: '(1, 4, 2, 2)', data: floats(...Array(16).fill(value)) });
    const file = zipFile([
      { name: 'a.npy', data: latents(1) },
      { name: 'b.npy', data: latents(2) },
      { name: 'ids.npy', data: npyFile({ descr: "'<i8'", shape: '(1,)', data: bytesOf(BigInt64Array.of(5n)) }) },
    ]);
    await expectRejection(
      loadLatents(file),
      /^npz: 2 tensors could be latents: 'a' float32 \(1, 4, 2, 2\), 'b' float32 \(1, 4, 2, 2\); pass one of the names as key/,
    );
    const { tensor } = await loadLatents(file, { key: 'b' });
    expect('data' in tensor && tensor.data[0]).toBe(2);
    await expectRejection(loadLatents(file, { key: 'c' }), /npz: no tensor 'c'; the file has 'a' float32/);
  });
});
