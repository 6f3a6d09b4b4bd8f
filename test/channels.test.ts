// The latents themselves as numbers and pictures: everything expected here is worked out by hand.

import { describe, expect, it } from 'vitest';
import { channelHistogram, channelImage, channelRange, channelStatistics, paletteColours } from '../src/channels/index';
import { type Latents, latentsFromArray } from '../src/index';
import { numberToFloat16 } from '../src/tensor';
import { describeGpu, withDevice } from './setup/gpu';

const latents = (shape: readonly number[], values: readonly number[], options = {}): Latents =>
  latentsFromArray(Float32Array.from(values), { shape, ...options });
const counting = (shape: readonly number[], options = {}): Latents =>
  latents(
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, k) => k),
    options,
  );

/** The red of every pixel, row by row; −1 where nothing is drawn. */
function reds({ width, data }: ImageData): number[][] {
  const all = Array.from({ length: data.length / 4 }, (_, k) => (data[k * 4 + 3] ? data[k * 4]! : -1));
  return Array.from({ length: all.length / width }, (_, y) => all.slice(y * width, (y + 1) * width));
}

const odd = [1, 2, -5, -5, 0, Number.NaN, 3, 6, -5, -5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

describe('channelStatistics', () => {
  it('of each channel over items, of what is finite', () => {
    const finite = { count: 4, nan: 0, plusInfinity: 0, minusInfinity: 0 };
    expect(channelStatistics(latents([2, 3, 1, 2], odd))).toEqual([
      // Of 1, 2, 3, 6: squares of −2, −1, 0, 3 are 14, a quarter of which is 3.5.
      { ...finite, min: 1, max: 6, mean: 3, std: Math.sqrt(3.5) },
      { ...finite, min: -5, max: -5, mean: -5, std: 0 },
      { count: 4, nan: 1, plusInfinity: 1, minusInfinity: 1, min: 0, max: 0, mean: 0, std: 0 },
    ]);
  });
  it('of one item', () => {
    const [first] = channelStatistics(latents([2, 3, 1, 2], odd), { item: 1 });
    expect(first).toMatchObject({ count: 2, min: 3, max: 6, mean: 4.5, std: 1.5 });
  });
  it('of one frame of a video, and of all', () => {
    // Channel 1 of 2, frame 2 of 3, 1×2 pixels: elements 10 and 11.
    const clip = counting([1, 2, 3, 1, 2]);
    expect(channelStatistics(clip, { frame: 2 })[1]).toMatchObject({ count: 2, min: 10, max: 11, mean: 10.5 });
    expect(channelStatistics(clip)[1]).toMatchObject({ count: 6, min: 6, max: 11, mean: 8.5 });
  });
  it('of nothing finite', () => {
    const [none] = channelStatistics(latents([1, 1, 2], [Number.NaN, Number.NEGATIVE_INFINITY]));
    expect(none).toMatchObject({ count: 2, nan: 1, plusInfinity: 0, minusInfinity: 1 });
    for (const key of ['min', 'max', 'mean', 'std'] as const) expect(none![key]).toBeNaN();
  });
  it('of packed channels and tokens, unpacked where the format is known, and as stored where not', () => {
    // FLUX.1: packed channel 4c + k is pixel k of channel c. Token t holds 64 t … 64 t + 63.
    const tokens = counting([1, 6, 64], { layout: 'NLC' });
    const flux = channelStatistics({ ...tokens, size: { height: 4, width: 6 } }, { format: 'flux' });
    expect(flux).toHaveLength(16);
    // Channel 2: 8, 9, 10, 11 of each of six tokens; the mean of 64 t is 160.
    expect(flux[2]).toMatchObject({ count: 24, min: 8, max: 331, mean: 169.5 });
    const stored = channelStatistics(tokens);
    expect(stored).toHaveLength(64);
    expect(stored[9]).toMatchObject({ count: 6, min: 9, max: 329, mean: 169 });
  });
  it.each(['float16', 'float64', 'int8', 'uint8'] as const)('of %s', (dtype) => {
    const values = [3, 1, 2, 6];
    const data = {
      float16: Uint16Array.from(values, numberToFloat16),
      float64: Float64Array.from(values),
      int8: Int8Array.from(values),
      uint8: Uint8Array.from(values),
    }[dtype];
    const [found] = channelStatistics(latentsFromArray(data, { shape: [1, 2, 2], dtype }));
    expect(found).toMatchObject({ min: 1, max: 6, mean: 3, std: Math.sqrt(3.5) });
  });
  it('of bfloat16, infinities too', () => {
    // 1.0, −2.0, infinity, NaN as the upper halves of float32.
    const data = Uint16Array.of(0x3f80, 0xc000, 0x7f80, 0x7fc0);
    const [found] = channelStatistics(latentsFromArray(data, { shape: [1, 2, 2], dtype: 'bfloat16' }));
    expect(found).toMatchObject({
      count: 4,
      nan: 1,
      plusInfinity: 1,
      minusInfinity: 0,
      min: -2,
      max: 1,
      mean: -0.5,
      std: 1.5,
    });
  });
});

describe('channelRange', () => {
  it('is minimum and maximum of few, over all channels and items', () => {
    expect(channelRange(latents([2, 3, 1, 2], odd))).toEqual([-5, 6]);
    expect(channelRange(latents([2, 3, 1, 2], odd), { palette: 'diverging' })).toEqual([-6, 6]);
  });
  it('leaves half a percent out at both ends of many', () => {
    // 0 … 998 and one that is far out: places 4.995 and 994.005 of the sorted 1000, rounded outwards.
    const values = Array.from({ length: 1000 }, (_, k) => (k === 500 ? 65504 : k));
    expect(channelRange(latents([1, 10, 100], values))).toEqual([4, 996]);
  });
  it('is of some width where all numbers are one, or none is', () => {
    expect(channelRange(latents([1, 1, 2], [4, 4]))).toEqual([2, 6]);
    expect(channelRange(latents([1, 1, 2], [0, 0]))).toEqual([-0.5, 0.5]);
    expect(channelRange(latents([1, 1, 2], [0, 0]), { palette: 'diverging' })).toEqual([-1, 1]);
    expect(channelRange(latents([1, 1, 2], [Number.NaN, Number.NaN]))).toEqual([-1, 1]);
  });
  it('of many is found on some of them', () => {
    const values = Float32Array.from({ length: 4 * 300 * 300 }, (_, k) => (k % 997) / 997);
    const [low, high] = channelRange(latentsFromArray(values, { shape: [4, 300, 300] }));
    expect(low).toBeCloseTo(0.005, 2);
    expect(high).toBeCloseTo(0.995, 2);
  });
});

describe('channelHistogram', () => {
  it('counts in bins of one width, the last with its end, and what lies outside', () => {
    const values = [0, 0.9, 1, 3.9, 4, 4.1, -0.1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2, 2];
    const [found] = channelHistogram(latents([1, 3, 4], values), { bins: 4, range: [0, 4] });
    expect(found).toEqual({ counts: Uint32Array.of(2, 1, 2, 2), range: [0, 4], below: 2, above: 2 });
  });
  it('has one range for all channels', () => {
    const found = channelHistogram(latents([2, 1, 3], [0, 1, 2, 8, 9, 10]), { bins: 5 });
    expect(found.map(({ counts }) => [...counts])).toEqual([
      [2, 1, 0, 0, 0],
      [0, 0, 0, 0, 3],
    ]);
    expect(found[1]!.range).toEqual([0, 10]);
    expect(channelHistogram(latents([1, 1, 2], [3, 4]))[0]!.counts).toHaveLength(64);
  });
  it('refuses bins and ranges that are none', () => {
    const one = counting([1, 2, 2]);
    expect(() => channelHistogram(one, { bins: 0 })).toThrow(/0 bins; needed is a whole number of 1 to 65536/);
    expect(() => channelHistogram(one, { range: [2, 2] })).toThrow(/range is 2 to 2; needed are two finite numbers/);
    expect(() => channelHistogram(one, { range: [0, Number.POSITIVE_INFINITY] })).toThrow(/two finite numbers/);
    expect(() => channelHistogram(one, { item: 1 })).toThrow(/item 1 is out of range; there are 1/);
  });
});

describe('channelImage', () => {
  it('draws one channel from black to white, rounded half up, beyond the range as at its end', () => {
    const picture = channelImage(latents([2, 1, 5], [9, 9, 9, 9, 9, -1, 0, 1, 2, 3]), { channel: 1, range: [0, 2] });
    expect(picture).toMatchObject({ width: 5, height: 1 });
    expect(reds(picture)).toEqual([[0, 0, 128, 255, 255]]);
    expect([...picture.data.subarray(8, 12)]).toEqual([128, 128, 128, 255]);
  });
  it('draws all channels on one scale, in rows, nothing between them', () => {
    const picture = channelImage(latents([3, 1, 2], [0, 51, 102, 153, 204, 255]), { range: [0, 255] });
    expect(reds(picture)).toEqual([
      [0, 51, -1, 102, 153],
      [-1, -1, -1, -1, -1],
      [204, 255, -1, -1, -1],
    ]);
    expect(reds(channelImage(latents([3, 1, 1], [0, 51, 255]), { columns: 3 }))).toEqual([[0, -1, 51, -1, 255]]);
    expect(reds(channelImage(latents([2, 1, 1], [0, 255]), { columns: 9 }))).toEqual([[0, -1, 255]]);
    expect(reds(channelImage(latents([2, 1, 1], [0, 255]), { columns: 1 }))).toEqual([[0], [-1], [255]]);
  });
  it('has one scale for all channels also where one is drawn', () => {
    expect(reds(channelImage(latents([2, 1, 2], [0, 51, 102, 255]), { channel: 0 }))).toEqual([[0, 51]]);
  });
  it('shows what is not finite in a colour of its own', () => {
    const one = latents([1, 1, 4], [0, Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
    const pixels = (picture: ImageData) =>
      Array.from({ length: 4 }, (_, k) => [...picture.data.subarray(k * 4, k * 4 + 4)]);
    const magenta = [255, 0, 255, 255];
    expect(pixels(channelImage(one, { channel: 0, range: [-1, 1] }))).toEqual([
      [128, 128, 128, 255],
      magenta,
      magenta,
      magenta,
    ]);
    const own = pixels(channelImage(one, { nonFinite: [1, 2, 3] }));
    expect(own.slice(1)).toEqual([0, 1, 2].map(() => [1, 2, 3, 255]));
    const half = latentsFromArray(Uint16Array.of(0x3c00, 0x7e00), { shape: [1, 1, 2], dtype: 'float16' });
    expect(pixels(channelImage(half))[1]).toEqual(magenta);
  });
  it('diverges from near white at 0', () => {
    const picture = channelImage(latents([1, 1, 5], [-2, -1, 0, 1, 2]), { palette: 'diverging' });
    const colours = Array.from(
      { length: 5 },
      (_, k) => `rgb(${[...picture.data.subarray(k * 4, k * 4 + 3)].join(' ')})`,
    );
    expect(colours).toEqual(paletteColours('diverging'));
    expect(colours).toEqual([
      'rgb(20 40 110)',
      'rgb(80 140 210)',
      'rgb(244 244 244)',
      'rgb(232 130 70)',
      'rgb(120 20 30)',
    ]);
    // Half way between the first two.
    const [red, green, blue] = channelImage(latents([1, 1, 1], [-1.5]), { palette: 'diverging', range: [-2, 2] }).data;
    expect([red, green, blue]).toEqual([50, 90, 160]);
  });
  it('reads an item and a frame, the middle one by default', () => {
    const range = [0, 255] as const;
    const clip = counting([2, 2, 3, 1, 2]);
    expect(reds(channelImage(clip, { channel: 1, range }))).toEqual([[8, 9]]);
    expect(reds(channelImage(clip, { channel: 1, item: 1, frame: 2, range }))).toEqual([[22, 23]]);
  });
  it('unpacks patches and tokens, and reads channels last', () => {
    const range = [0, 255] as const;
    // Two tokens side by side, 2×2 pixels each: packed channel 4c + 2·row + column.
    const tokens = counting([2, 64], { layout: 'LC', size: { height: 2, width: 4 } });
    expect(reds(channelImage(tokens, { format: 'flux', channel: 3, range }))).toEqual([
      [12, 13, 76, 77],
      [14, 15, 78, 79],
    ]);
    expect(reds(channelImage(counting([1, 2, 2, 3], { layout: 'NHWC' }), { channel: 2, range }))).toEqual([
      [2, 5],
      [8, 11],
    ]);
  });
  it('enlarges without smoothing', () => {
    const picture = channelImage(latents([2, 1, 1], [0, 255]), { scale: 2 });
    expect(reds(picture)).toEqual([
      [0, 0, -1, -1, 255, 255],
      [0, 0, -1, -1, 255, 255],
    ]);
  });
  it.each<[string, object, RegExp]>([
    ['a channel that is not there', { channel: 2 }, /channel is 2; needed is a whole number of 0 to 1/],
    ['half a channel', { channel: 0.5 }, /channel is 0.5/],
    ['a palette', { palette: 'jet' }, /palette is 'jet', it can be 'grey' or 'diverging'/],
    ['a palette of every object', { palette: 'toString' }, /palette is 'toString'/],
    ['a scale', { scale: 0 }, /scale is 0; needed is a whole number of at least 1/],
    ['no columns', { columns: 0 }, /columns is 0/],
    ['a range the wrong way round', { range: [1, 0] }, /the smaller one first/],
    ['a picture beyond every canvas', { scale: 1e5 }, /the picture would be/],
    ['a format with other channels', { format: 'sdxl' }, /has 2 channels, format 'sdxl' has 4/],
  ])('refuses %s', (_, options, message) => {
    expect(() => channelImage(counting([2, 2, 2]), options)).toThrow(
      expect.objectContaining({ name: 'LatentPreviewError', code: 'shape', message: expect.stringMatching(message) }),
    );
  });
});

describeGpu('latents in GPU memory', () => {
  it('are refused, with the way out', () =>
    withDevice(async (device) => {
      const { latentsFromBuffer } = await import('../src/index');
      const buffer = device.createBuffer({ size: 64, usage: GPUBufferUsage.STORAGE });
      const there = latentsFromBuffer(buffer, { shape: [4, 2, 2] });
      for (const use of [channelImage, channelRange, channelStatistics, channelHistogram])
        expect(() => use(there)).toThrow(/lie in a GPU buffer; copy it to memory/);
    }));
});
