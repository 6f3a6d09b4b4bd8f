// 8-bit latents as PNG: exactly the numbers of an independent decoder, and everything that is no such file. What each of
// the five filters gives is in test/fixtures/files/png-rgba.png.

import { deflateSync } from 'node:zlib';
import { decode, encode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { loadLatents } from '../../src/index';
import { expectRejection, join, readWhole } from './build';
import { checksum } from './build-zip';

const u32 = (...values: number[]) => join(...values.map((v) => [v >>> 24, (v >>> 16) & 255, (v >>> 8) & 255, v & 255]));
const chunk = (type: string, data: Uint8Array, crc = checksum(join(type, data))) =>
  join(u32(data.length), type, data, u32(crc));

interface PngParts {
  width?: number;
  height?: number;
  /** Depth, colour type, compression, filter, interlace. */
  kind?: number[];
  rows?: Uint8Array;
  packed?: Uint8Array;
  more?: Uint8Array[];
}
// Alpha in the middle, as a latent's fourth channel is.
const pixels = Uint8Array.from({ length: 24 }, (_, k) => (k % 4 === 3 ? 100 + k : k * 9));
const plain = join([0], pixels.subarray(0, 12), [0], pixels.subarray(12));

const file = ({ width = 3, height = 2, kind = [8, 6, 0, 0, 0], rows = plain, packed, more = [] }: PngParts = {}) =>
  join(
    '\x89PNG\r\n\x1a\n',
    chunk('IHDR', join(u32(width, height), kind)),
    ...more,
    chunk('IDAT', packed ?? deflateSync(rows)),
    chunk('IEND', join()),
  );

describe('good', () => {
  test('the convention of TAESD: x / 6 + 0.5, channels first', async () => {
    const { tensor, domain } = await loadLatents(file());
    expect(domain).toBe('model');
    expect(tensor.shape).toEqual([1, 4, 2, 3]);
    const expected = [0, 1, 2, 3].flatMap((c) =>
      [0, 1, 2, 3, 4, 5].map((k) => ((pixels[k * 4 + c] as number) / 255) * 6 - 3),
    );
    expect('data' in tensor && tensor.data.length).toBe(24);
    for (const [k, value] of expected.entries()) expect('data' in tensor && tensor.data[k]).toBeCloseTo(value, 6);
  });

  test('the bytes that fast-png writes and reads', async () => {
    const [width, height] = [67, 41];
    let state = 1;
    const data = Uint8Array.from({ length: width * height * 4 }, () => {
      state = (state * 48271) % 2147483647;
      return 1 + (state % 254);
    });
    const bytes = encode({ width, height, data, channels: 4, depth: 8 });
    const { data: read } = decode(bytes);
    const values = [...(await readWhole(bytes)).tensors.values()][0]!.data;
    const found = Uint8Array.from(read, (_, k) => {
      const [pixel, channel] = [k >> 2, k & 3];
      return Math.round(((values[channel * width * height + pixel] as number) / 6 + 0.5) * 255);
    });
    expect(found).toEqual(Uint8Array.from(read));
  });

  test('other chunks are passed over', async () => {
    const more = [chunk('tEXt', join('a\0b')), chunk('iCCP', join('junk'))];
    expect((await readWhole(file({ more }))).tensors.size).toBe(1);
  });
});

describe('refused', () => {
  const bytes = file();
  const opaque = plain.map((byte, k) => (k % 13 && (k % 13) % 4 === 0 ? 255 : byte));
  test.each<[string, Uint8Array, RegExp]>([
    ['cut in the header', bytes.subarray(0, 20), /the file has 20 bytes, its header ends at byte 33/],
    ['cut in the data', bytes.subarray(0, 50), /chunk at byte 33 ends at byte \d+, the file has 50; it is cut short/],
    ['without an end', bytes.subarray(0, -12), /without an end chunk; it is cut short/],
    ['bytes behind', join(bytes, 'PK'), /2 bytes follow its end/],
    ['no header', join('\x89PNG\r\n\x1a\n', chunk('IDAT', new Uint8Array(20))), /byte 8 begins no header/],
    [
      'a wrong checksum',
      join('\x89PNG\r\n\x1a\n', chunk('IHDR', join(u32(3, 2), [8, 6, 0, 0, 0]), 1), bytes.subarray(33)),
      /the chunk at byte 8 has another checksum/,
    ],
    ['an RGB picture', file({ kind: [8, 2, 0, 0, 0] }), /a picture, not a latent: it has no fourth channel/],
    ['a palette', file({ kind: [8, 3, 0, 0, 0] }), /it has no fourth channel/],
    ['16 bits', file({ kind: [16, 6, 0, 0, 0] }), /it has 16 bits a channel; 8 bits/],
    ['interlaced', file({ kind: [8, 6, 0, 0, 1] }), /8 bits a channel, interlaced/],
    [
      '83 an opaque picture',
      file({ rows: opaque }),
      /a picture, not a latent: its alpha is 0 or 255 nearly everywhere/,
    ],
    ['no pixels', file({ width: 0 }), /0×2 pixels \(byte 16\)/],
    [
      'too many pixels',
      file({ width: 65_536, height: 65_536 }),
      /a picture, not a latent: 65536×65536 pixels, latents have at most 1048576/,
    ],
    ['fewer rows than it says', file({ height: 3 }), /said to have 39 bytes, its data inflate to 26/],
    ['more rows than it says', file({ height: 1 }), /said to have 13 bytes, its data inflate to more/],
    [
      'a bomb',
      file({ packed: deflateSync(new Uint8Array(300_000_000)) }),
      /said to have 26 bytes, its data inflate to more/,
    ],
    ['damaged data', file({ packed: join('hello') }), /compressed data are damaged/],
    ['an unknown filter', file({ rows: join([5], plain.subarray(1)) }), /row 0 has the filter 5/],
  ])('%s', (_, data, message) => expectRejection(readWhole(data), message));
});
