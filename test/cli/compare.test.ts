// `latent-preview compare`: figures that can be worked out by hand, every kind of picture, and what is refused.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BitDepth, encode } from 'fast-png';
import { encode as encodeJpeg } from 'jpeg-js';
import { describe, expect, it } from 'vitest';
import { fixtures, folderWith, npy, readPng, run, stackTrace } from './run';

interface Figures {
  equal: boolean;
  psnr: number | null;
  ssim: number;
  deltaE: number;
  meanError: number;
  maxError: number;
  width: number;
  height: number;
}

const flat = (values: readonly number[], width = 12, height = 12, depth: BitDepth = 8): Uint8Array => {
  const count = width * height * values.length;
  const data = depth === 16 ? new Uint16Array(count) : new Uint8Array(count);
  return encode({
    width,
    height,
    depth,
    channels: values.length,
    data: data.map((_, k) => values[k % values.length]!),
  });
};

async function figures(args: readonly string[], folder: string): Promise<Figures> {
  const { code, stdout, stderr } = await run(['compare', '--json', ...args], { folder });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return JSON.parse(stdout) as Figures;
}

describe('figures', () => {
  it('of pictures a step apart: PSNR is 20·log₁₀ 255', async () => {
    const folder = folderWith({ 'a.png': flat([100, 100, 100]), 'b.png': flat([101, 99, 100]) });
    const found = await figures(['a.png', 'b.png'], folder);
    // Two of three colours are off by one.
    expect(found.psnr).toBeCloseTo(20 * Math.log10(255) + 10 * Math.log10(1.5), 9);
    expect(found).toMatchObject({ equal: false, maxError: 1, width: 12, height: 12 });
    expect(found.meanError).toBeCloseTo(2 / 3, 12);
  });
  it('of equal pictures', async () => {
    const folder = folderWith({ 'a.png': flat([100, 50, 0]) });
    expect(await figures(['a.png', 'a.png'], folder)).toMatchObject({
      ...{ equal: true, psnr: null, ssim: 1, deltaE: 0, meanError: 0, maxError: 0 },
    });
    const { stdout } = await run(['compare', 'a.png', 'a.png'], { folder });
    expect(stdout).toMatch(
      /^PSNR +equal\nSSIM +1\.0000\ndE +0\.00\nmean error +0\.00 \/ 255\nlargest error +0 \/ 255\n$/,
    );
  });
});

it.each(['noise', 'blur', 'shift', 'colors'])("agrees with skimage on the repository's pictures: %s", async (name) => {
  const folder = join(fixtures, 'compare');
  const { pairs } = JSON.parse(readFileSync(join(folder, 'goldens.json'), 'utf8')) as {
    pairs: Record<string, Figures>;
  };
  const found = await figures([`${name}-image.png`, `${name}-reference.png`], folder);
  for (const key of ['psnr', 'ssim', 'deltaE', 'meanError', 'maxError'] as const)
    expect(found[key], key).toBeCloseTo(pairs[name]![key]!, key === 'deltaE' ? 3 : 6);
});

describe('pictures', () => {
  // Grey 128 of 255, as each kind of file has it.
  const kinds: Record<string, Uint8Array> = {
    'rgb.png': flat([128, 128, 128]),
    'rgba.png': flat([128, 128, 128, 7]),
    'grey.png': flat([128]),
    'grey-alpha.png': flat([128, 9]),
    'sixteen.png': flat([128 * 257, 128 * 257, 128 * 257], 12, 12, 16),
    'jpeg.jpg': encodeJpeg({ width: 12, height: 12, data: new Uint8Array(576).fill(128) }, 100).data,
  };
  it.each(Object.keys(kinds))('of every kind are read: %s', async (name) => {
    const folder = folderWith({ ...kinds });
    expect(await figures([name, 'rgb.png'], folder)).toMatchObject({ equal: true });
  });
  it('with a palette, and of few bits, are read', async () => {
    // By hand: 3×2, one bit a pixel, rows 101 and 010, in black and white and in red and blue.
    const rows = Uint8Array.from([0b10100000, 0b01000000]);
    const folder = folderWith({
      'bits.png': encode({ width: 3, height: 2, depth: 1, channels: 1, data: rows }),
      'palette.png': encode({
        width: 3,
        height: 2,
        depth: 1,
        channels: 1,
        data: rows,
        palette: [
          [255, 0, 0],
          [0, 0, 255],
        ],
      }),
      'bits-rgb.png': encode({
        ...{ width: 3, height: 2, channels: 3 },
        data: Uint8Array.from([1, 0, 1, 0, 1, 0].flatMap((bit) => [bit * 255, bit * 255, bit * 255])),
      }),
      'palette-rgb.png': encode({
        ...{ width: 3, height: 2, channels: 3 },
        data: Uint8Array.from([1, 0, 1, 0, 1, 0].flatMap((bit) => (bit ? [0, 0, 255] : [255, 0, 0]))),
      }),
    });
    expect(await figures(['bits.png', 'bits-rgb.png'], folder)).toMatchObject({ equal: true });
    expect(await figures(['palette.png', 'palette-rgb.png'], folder)).toMatchObject({ equal: true });
  });
  it('that are broken or of another kind are told by name', async () => {
    const whole = flat([1, 2, 3]);
    const damaged = whole.slice();
    damaged[damaged.length - 20]! ^= 255;
    const folder = folderWith({
      'cut.png': whole.subarray(0, -30),
      'damaged.png': damaged,
      'cut.jpg': kinds['jpeg.jpg']!.subarray(0, 200),
      'picture.webp': 'RIFF....WEBPVP8L',
      'good.png': whole,
    });
    for (const name of ['cut.png', 'damaged.png', 'cut.jpg', 'picture.webp', 'missing.png']) {
      const { code, stdout, stderr } = await run(['compare', 'good.png', name], { folder });
      expect([code, stdout], name).toEqual([1, '']);
      expect(stderr).toMatch(new RegExp(`^latent-preview: ${name}: (picture: |there is no such file)`));
      expect(stderr).not.toMatch(stackTrace);
      expect(stderr).not.toMatch(/report it/);
    }
  });
  it('of two sizes are refused', async () => {
    const folder = folderWith({ 'a.png': flat([1, 2, 3]), 'b.png': flat([1, 2, 3], 13, 12) });
    const { code, stderr } = await run(['compare', 'a.png', 'b.png'], { folder });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/image is 12×12, reference is 13×12/)]);
  });
});

describe('--diff', () => {
  it('is a picture of the difference, four times as bright unless said otherwise', async () => {
    const folder = folderWith({ 'a.png': flat([100, 100, 100], 2, 1), 'b.png': flat([110, 100, 40], 2, 1) });
    const args = ['compare', 'a.png', 'b.png', '--diff', 'new/d.png'];
    expect(await run(args, { folder })).toMatchObject({ code: 0 });
    expect([...readPng(join(folder, 'new/d.png')).data]).toEqual([40, 0, 240, 255, 40, 0, 240, 255]);
    const again = await run([...args, '--amplify', '1'], { folder });
    expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/new\/d\.png exists; --force/) });
    expect(await run([...args, '--amplify', '1', '--force'], { folder })).toMatchObject({ code: 0 });
    expect([...readPng(join(folder, 'new/d.png')).data].slice(0, 4)).toEqual([10, 0, 60, 255]);
  });
  it('is not written where a picture fails', async () => {
    const folder = folderWith({ 'a.png': flat([1, 1, 1]) });
    expect(await run(['compare', 'a.png', 'none.png', '--diff', 'd.png'], { folder })).toMatchObject({ code: 1 });
    expect(existsSync(join(folder, 'd.png'))).toBe(false);
  });
});

it('fails below a bound, for scripts', async () => {
  // 10·log₁₀(255²/10²) = 28.13 dB
  const folder = folderWith({ 'a.png': flat([100, 100, 100]), 'b.png': flat([110, 110, 110]) });
  const bounded = (bound: string, other = 'b.png') =>
    run(['compare', 'a.png', other, '--fail-below', bound], { folder });
  expect(await bounded('28.1')).toMatchObject({ code: 0, stderr: '' });
  expect(await bounded('28.2')).toMatchObject({ code: 1, stderr: 'latent-preview: PSNR 28.13 dB is below 28.2 dB\n' });
  expect(await bounded('99', 'a.png')).toMatchObject({ code: 0 });
  expect(await bounded('x')).toMatchObject({ code: 2 });
});

it('decodes latents at the size of the reference', async () => {
  const folder = folderWith({
    'x.npy': npy([1, 3, 1, 1], [0, 0, 0]),
    'reference.png': flat([128, 128, 138], 5, 3),
  });
  const args = ['-f', 'pixel', '--backend', 'cpu', '--quiet', 'x.npy', 'reference.png'];
  const found = await figures(args, folder);
  expect(found).toMatchObject({ width: 5, height: 3, maxError: 10 });
  expect(found.psnr).toBeCloseTo(10 * Math.log10(255 ** 2 / (100 / 3)), 9);
  const reversed = await run(['compare', 'reference.png', 'x.npy'], { folder });
  expect(reversed).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/x\.npy: picture: it is neither PNG nor JPEG/),
  });
});
