// compareImages, held to scikit-image, to Sharma's published colour pairs and to a second SSIM implementation.
// The fixtures are made by scripts/make-compare-fixtures.py.

import { readFileSync } from 'node:fs';
import { ssim as secondSsim } from '@blazediff/ssim';
import * as fastCheck from 'fast-check';
import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { compareImages, type ImageDataLike } from '../src/compare';
import { ciede2000 } from '../src/compare/ciede2000';
import { LatentPreviewError } from '../src/errors';
import goldens from './fixtures/compare/goldens.json';
import sharma from './fixtures/compare/sharma.json';

function readPng(name: string): ImageDataLike {
  const { width, height, channels, data } = decode(
    readFileSync(new URL(`./fixtures/compare/${name}.png`, import.meta.url)),
  );
  expect({ channels, bytes: data.BYTES_PER_ELEMENT }).toEqual({ channels: 3, bytes: 1 });
  return imageOf(width, height, (i) => data[i]);
}

/** `color` is asked for red, green and blue in turn: its argument counts up from 0 and skips alpha. */
function imageOf(width: number, height: number, color: (index: number) => number): ImageDataLike {
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height * 3; i++) data[Math.floor(i / 3) * 4 + (i % 3)] = color(i);
  return { width, height, data };
}

function topLeft({ width: stride, data }: ImageDataLike, width: number, height: number): ImageDataLike {
  return imageOf(width, height, (i) => {
    const pixel = Math.floor(i / 3);
    return data[(Math.floor(pixel / width) * stride + (pixel % width)) * 4 + (i % 3)];
  });
}

const uniform = (width: number, height: number, value: number) => imageOf(width, height, () => value);

describe.each(Object.entries(goldens.pairs))('pair %s equals scikit-image', (name, golden) => {
  const comparison = compareImages(readPng(`${name}-image`), readPng(`${name}-reference`));
  const swapped = compareImages(readPng(`${name}-reference`), readPng(`${name}-image`));

  it('psnr', () => {
    expect(Math.abs(comparison.psnr / golden.psnr - 1)).toBeLessThan(1e-9);
    expect(swapped.psnr).toBe(comparison.psnr);
  });
  it('ssim', () => {
    expect(Math.abs(comparison.ssim - golden.ssim)).toBeLessThan(1e-9);
    expect(swapped.ssim).toBeCloseTo(comparison.ssim, 12);
  });
  it('deltaE', () => {
    expect(Math.abs(comparison.deltaE - golden.deltaE)).toBeLessThan(1e-3);
    expect(swapped.deltaE).toBeCloseTo(comparison.deltaE, 9);
  });
  it('meanError and maxError', () => {
    expect(comparison.meanError).toBeCloseTo(golden.meanError, 12);
    expect(comparison.maxError).toBe(golden.maxError);
  });
});

describe('ssim', () => {
  it.each(goldens.crops)('of the top left $width×$height of $pair', ({ pair, width, height, ssim }) => {
    const image = topLeft(readPng(`${pair}-image`), width, height);
    const reference = topLeft(readPng(`${pair}-reference`), width, height);
    expect(Math.abs(compareImages(image, reference).ssim - ssim)).toBeLessThan(1e-9);
  });

  it.each(Object.keys(goldens.pairs))(
    'of pair %s agrees with @blazediff/ssim where that does not downsample',
    (pair) => {
      const image = readPng(`${pair}-image`);
      const reference = readPng(`${pair}-reference`);
      const second = secondSsim(image.data, reference.data, undefined, image.width, image.height);
      expect(Math.abs(compareImages(image, reference).ssim - second)).toBeLessThan(1e-4);
    },
  );

  it('does not downsample large images', () => {
    // A checkerboard of single pixels against its negative: gone after halving (1), the opposite when not (about −1).
    const row = (i: number) => Math.floor(i / 3 / 512);
    const checker = (flip: number) => imageOf(512, 400, (i) => ((Math.floor(i / 3) + row(i) + flip) % 2 ? 255 : 0));
    expect(compareImages(checker(0), checker(1)).ssim).toBeLessThan(-0.99);
  });
});

describe('ciede2000', () => {
  it.each(sharma.rows)('%f %f %f against %f %f %f', (l1, a1, b1, l2, a2, b2, expected) => {
    const first = Float64Array.of(l1, a1, b1);
    const second = Float64Array.of(l2, a2, b2);
    // The published table has four decimals.
    expect(ciede2000(first, second)).toBeCloseTo(expected, 4);
    expect(ciede2000(second, first)).toBeCloseTo(expected, 4);
  });

  it('has all 34 published pairs', () => expect(sharma.rows).toHaveLength(34));
});

describe('edges', () => {
  const sizes = ['1×1', '1×17', '23×1', '4×4', '10×30', '11×11', '64×48'].map((size) => size.split('×').map(Number));

  it.each(sizes)('equal images, %i×%i', (width, height) => {
    const image = imageOf(width, height, (i) => (i * 73) % 256);
    const { psnr, ssim, deltaE, meanError, maxError, diff } = compareImages(image, { ...image });
    expect({ psnr, ssim, deltaE, meanError, maxError }).toEqual({
      psnr: Number.POSITIVE_INFINITY,
      ssim: 1,
      deltaE: 0,
      meanError: 0,
      maxError: 0,
    });
    expect(diff).toEqual(uniform(width, height, 0));
  });

  it.each(sizes)('black against white, %i×%i', (width, height) => {
    const { psnr, ssim, deltaE, meanError, maxError, diff } = compareImages(
      uniform(width, height, 0),
      uniform(width, height, 255),
    );
    expect({ psnr, meanError, maxError }).toEqual({ psnr: 0, meanError: 255, maxError: 255 });
    // No variance: only the luminance term is left, C1 / (255² + C1) with C1 = (0.01 · 255)².
    expect(ssim).toBeCloseTo(0.0001 / 1.0001, 9);
    expect(deltaE).toBeCloseTo(100, 4);
    expect(diff).toEqual(uniform(width, height, 255));
  });

  it('ignores alpha, and takes Uint8Array and Buffer', () => {
    const { width, height, data } = imageOf(13, 12, (i) => (i * 31) % 256);
    const seeThrough = Uint8Array.from(data, (byte, i) => (i % 4 === 3 ? i % 256 : byte));
    const comparison = compareImages({ width, height, data: seeThrough }, { width, height, data: Buffer.from(data) });
    expect(comparison).toMatchObject({ psnr: Number.POSITIVE_INFINITY, ssim: 1, deltaE: 0, maxError: 0 });
    expect(comparison.diff).toEqual(uniform(width, height, 0));
  });

  it('stays in range for any pair', () => {
    const image = (pixels: number) => fastCheck.uint8Array({ minLength: pixels * 4, maxLength: pixels * 4 });
    const pairs = fastCheck
      .tuple(fastCheck.integer({ min: 1, max: 14 }), fastCheck.integer({ min: 1, max: 14 }))
      .chain(([width, height]) =>
        fastCheck.tuple(image(width * height), image(width * height)).map((data) => ({ width, height, data })),
      );
    fastCheck.assert(
      fastCheck.property(pairs, ({ width, height, data: [first, second] }) => {
        const comparison = compareImages({ width, height, data: first }, { width, height, data: second });
        expect(Math.abs(comparison.ssim)).toBeLessThanOrEqual(1 + 1e-12);
        expect(comparison.psnr).toBeGreaterThanOrEqual(0);
        expect(comparison.deltaE).toBeGreaterThanOrEqual(0);
        expect(comparison.meanError).toBeLessThanOrEqual(comparison.maxError);
      }),
    );
  });
});

describe('diff', () => {
  const image = imageOf(2, 1, (i) => [10, 0, 200, 7, 7, 7][i]);
  const reference = imageOf(2, 1, (i) => [0, 3, 100, 7, 8, 5][i]);

  it('is the absolute difference times 4, clamped, opaque', () => {
    expect(compareImages(image, reference).diff).toEqual(imageOf(2, 1, (i) => [40, 12, 255, 0, 4, 8][i]));
  });

  it('takes another factor', () => {
    expect(compareImages(image, reference, { amplify: 1 }).diff).toEqual(
      imageOf(2, 1, (i) => [10, 3, 100, 0, 1, 2][i]),
    );
  });

  it('fits the DOM types', () => {
    const takesImageData = (canvasImage: ImageData) => compareImages(canvasImage, canvasImage);
    const givesImageData = ({ diff }: ReturnType<typeof compareImages>) => new ImageData(diff.data, diff.width);
    expect([takesImageData, givesImageData]).toHaveLength(2);
  });
});

describe('values', () => {
  it('are worked out when first read, once', () => {
    const image = uniform(12, 12, 100);
    const comparison = compareImages(image, uniform(12, 12, 100));
    image.data.fill(103);
    expect(comparison.maxError).toBe(3);
    expect(comparison.diff.data[0]).toBe(12);
    image.data.fill(200);
    expect(comparison.maxError).toBe(3);
    expect(comparison.meanError).toBe(3);
    expect(comparison.diff).toBe(comparison.diff);
    expect(comparison.diff.data[0]).toBe(12);
  });
});

describe('bad input', () => {
  const good = uniform(4, 3, 0);
  const bad = (image: object) => image as ImageDataLike;
  const cases: [string, ImageDataLike, ImageDataLike, RegExp][] = [
    ['another size', good, uniform(3, 4, 0), /image is 4×3, reference is 3×4; resize one of them/],
    ['another width of equally many bytes', good, uniform(6, 2, 0), /image is 4×3, reference is 6×2/],
    ['too few bytes', bad({ ...good, data: new Uint8Array(47) }), good, /image is 4×3 and has 47 bytes.*: 48$/],
    ['RGB in place of RGBA', good, bad({ ...good, data: new Uint8Array(36) }), /reference is 4×3 and has 36 bytes/],
    ['no pixels', bad({ width: 0, height: 3, data: new Uint8Array(0) }), good, /image is 0×3/],
    ['a negative size', bad({ width: -4, height: -3, data: good.data }), good, /image is -4×-3/],
    ['half pixels', bad({ width: 1.5, height: 8, data: good.data }), good, /image is 1\.5×8/],
    ['no width', good, bad({ data: good.data }), /reference is undefined×undefined/],
    ['no data', bad({ width: 4, height: 3 }), good, /image\.data is undefined.*getImageData/],
    ['floats', good, bad({ ...good, data: new Float32Array(48) }), /reference\.data is Float32Array, needed/],
    ['a plain array', good, bad({ ...good, data: Array(48).fill(0) }), /reference\.data is object, needed/],
  ];

  it.each(cases)('%s', (_, image, reference, message) => {
    expect(() => compareImages(image, reference)).toThrow(LatentPreviewError);
    expect(() => compareImages(image, reference)).toThrow(
      expect.objectContaining({ code: 'shape', message: expect.stringMatching(message) }),
    );
  });

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY])('amplify %f', (amplify) => {
    expect(() => compareImages(good, good, { amplify })).toThrow(
      expect.objectContaining({ code: 'shape', message: expect.stringContaining(`amplify is ${amplify}`) }),
    );
  });
});
