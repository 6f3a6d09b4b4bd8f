// The fit against numpy's own least squares (scripts/make-fit-fixtures.py), maps that are known, and what goes wrong.

import { existsSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { decode as decodePng } from 'fast-png';
import { decode as decodeJpeg } from 'jpeg-js';
import { describe, expect, it, vi } from 'vitest';
import { readTensorFile } from '../src/files/index';
import { type FitOptions, type FitPair, fitLatentMap, type LatentMap, latentMap } from '../src/fit/index';
import { createSums } from '../src/fit/normal-equations';
import { createPreviewer, formats, type LatentFormat, latentsFromArray } from '../src/index';
import { noise } from '../src/ops/examples';
import { type Tensor, toFloat32 } from '../src/tensor';
import { differingPlanes, tolerances } from './tolerances';

const folder = new URL('./fixtures/fit/', import.meta.url);
const tensorIn = (url: URL): Tensor => [...readTensorFile(new Uint8Array(readFileSync(url))).tensors.values()][0]!;

const format: LatentFormat = {
  id: 'small',
  name: 'Small',
  base: 'small',
  channels: 3,
  dims: 2,
  spatialDownscale: 8,
  scalingFactor: 0.5,
  shiftFactor: 0.25,
  source: { repo: 'here', licence: 'MIT' },
};

interface Case {
  kind: LatentMap['kind'];
  neighbourhood: LatentMap['neighbourhood'];
  upscale: LatentMap['upscale'];
  ridge: number;
  coefficients: string;
  planes: string;
  psnr: number;
  r2: number;
}

const cases = JSON.parse(readFileSync(new URL('fit.json', folder), 'utf8')) as Case[];

/** RGB bytes (H, W, 3) as an image. */
function imageOf({ shape, data }: Pick<Tensor, 'shape' | 'data'>) {
  const [height, width] = shape as [number, number];
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) rgba[i * 4 + c] = data[i * 3 + c]!;
  return { width, height, data: rgba };
}

const pairs: FitPair[] = [0, 1, 2].map((index) => {
  const { data, shape } = tensorIn(new URL(`pair${index}.latents.npy`, folder));
  const image = imageOf(tensorIn(new URL(`pair${index}.image.npy`, folder)));
  return { name: `pair${index}`, latents: latentsFromArray(data, { shape, format }), image };
});

describe('the same map and figures as numpy', () => {
  it.each(cases)('$kind, $neighbourhood×$neighbourhood, ×$upscale, ridge $ridge', async (entry) => {
    const { kind, neighbourhood, upscale, ridge } = entry;
    const { map, report } = await fitLatentMap(pairs, { kind, neighbourhood, upscale, ridge, holdOut: ['pair2'] });
    const expected = tensorIn(new URL(entry.coefficients, folder));
    const [rows, features] = expected.shape as [number, number];
    expect(map.coefficients).toHaveLength(rows * features);
    expect(report.features).toBe(features);
    expect(differingPlanes(map.coefficients, expected.data, [1, rows, features], { maxAbs: 2e-7 })).toBeUndefined();

    const planes = toFloat32(tensorIn(new URL(entry.planes, folder)));
    const [layer] = latentMap(map).layers;
    const input = toFloat32(pairs[2]!.latents.tensor as Tensor);
    const shape = pairs[2]!.latents.tensor.shape.slice(1);
    const size = layer!.outputShape(shape);
    expect(differingPlanes(layer!.reference(input, shape), planes, size, tolerances.golden)).toBeUndefined();
    expect(report.images.map(({ heldOut }) => heldOut)).toEqual([false, false, true]);
    expect(report.heldOut!.psnr).toBeCloseTo(entry.psnr, 2);
    expect(report.heldOut!.r2).toBeCloseTo(entry.r2, 3);
    expect(report.images[2]).toMatchObject({ name: 'pair2', width: size[2], height: size[1] });
    expect(map.provenance).toMatchObject({ photos: 2, heldOutPhotos: 1, ridge });
  });
  it('has every kind, neighbourhood and upscale', () => {
    expect(new Set(cases.map(({ kind }) => kind)).size).toBe(4);
    expect(new Set(cases.map(({ neighbourhood }) => neighbourhood))).toEqual(new Set([1, 3, 5]));
    expect(new Set(cases.map(({ upscale }) => upscale))).toEqual(new Set([1, 2, 4, 8]));
  });
});

/** A pair that a known map made: pictures of latent size × upscale, rounded to bytes. */
async function madeBy(map: LatentMap, height: number, width: number, seed: number): Promise<FitPair> {
  const data = noise(map.channels * height * width, seed);
  const latents = latentsFromArray(data, { shape: [1, map.channels, height, width], format });
  const previewer = await createPreviewer({ format, decoder: latentMap(map), backend: 'cpu' });
  return { latents, image: await previewer.toImageData(latents) };
}

const known: LatentMap = {
  version: 1,
  name: 'known',
  kind: 'quadratic',
  format: 'small',
  channels: 3,
  domain: 'model',
  neighbourhood: 3,
  upscale: 2,
  edges: 'replicate',
  outputRange: [-1, 1],
  coefficients: [...noise(12 * 34, 5)].map((value) => value / 20),
};

it('finds a known map again, from pictures of any size', async () => {
  const made = await Promise.all([madeBy(known, 31, 17, 1), madeBy(known, 24, 40, 2), madeBy(known, 9, 9, 3)]);
  const { map, report } = await fitLatentMap(made, { kind: 'quadratic', neighbourhood: 3, upscale: 2, ridge: 0 });
  // Bytes are steps of 1/127.5, averaged over some 1500 equations per output.
  const worst = Math.max(...map.coefficients.map((value, k) => Math.abs(value - known.coefficients[k]!)));
  expect(worst).toBeLessThan(1e-3);
  expect(report.heldOut!.psnr).toBeGreaterThan(50);
  expect(report.images.map(({ heldOut }) => heldOut)).toEqual([false, true, false]);
  expect(map.name).toBe('small quadratic 3×3 ×2');
});

it('fits latents of the VAE domain as the model latents that they stand for', async () => {
  const model = await Promise.all([1, 2].map((seed) => madeBy(known, 20, 20, seed)));
  const raw = model.map(({ latents, image }) => {
    const data = toFloat32(latents.tensor as Tensor).map((value) => value / 0.5 + 0.25);
    return { image, latents: latentsFromArray(data, { shape: latents.tensor.shape, format, domain: 'vae' }) };
  });
  const options = { kind: 'affine', neighbourhood: 3, upscale: 2, ridge: 0 } as const;
  const [a, b] = await Promise.all([fitLatentMap(model, options), fitLatentMap(raw, options)]);
  for (const [k, value] of a.map.coefficients.entries()) expect(b.map.coefficients[k]).toBeCloseTo(value, 5);
});

it('warns where latents look like the other domain and nobody said which', async () => {
  const shape = [1, 4, 24, 24];
  const data = noise(4 * 24 * 24, 4).map((value) => value * 9);
  const image = imageOf({ shape: [192, 192], data: new Uint8Array(192 * 192 * 3).map((_, k) => k % 251) });
  const fitted = (domain?: 'model') =>
    fitLatentMap([
      { name: 'one', latents: latentsFromArray(data, { shape, format: 'sd15', ...(domain ? { domain } : {}) }), image },
    ]);
  expect((await fitted()).report.warnings).toEqual([
    expect.stringContaining("'one' are taken as model ones, but look like vae"),
  ]);
  expect((await fitted('model')).report.warnings).toEqual([]);
});

it('chooses the ridge that does best on what is held out', async () => {
  const { report } = await fitLatentMap(pairs, { kind: 'cubic', neighbourhood: 5, ridge: 'auto', holdOut: ['pair2'] });
  const best = Math.max(...report.ridges!.map(({ psnr }) => psnr));
  expect(report.ridges!.find(({ ridge }) => ridge === report.ridge)!.psnr).toBe(best);
  // 92 coefficients from 141 pixels: without a ridge they fit the noise.
  expect(report.ridge).toBeGreaterThan(0);
  expect(report.heldOut!.psnr).toBeGreaterThan(
    (await fitLatentMap(pairs, { kind: 'cubic', neighbourhood: 5, ridge: 0, holdOut: ['pair2'] })).report.heldOut!.psnr,
  );
});

it('holds out whole images, evenly spread, the same each time', async () => {
  const many = Array.from({ length: 10 }, (_, k) => pairs[k % 3]!);
  const out = async (holdOut?: FitOptions['holdOut']) =>
    (await fitLatentMap(many, { ridge: 0, ...(holdOut === undefined ? {} : { holdOut }) })).report.images.flatMap(
      ({ heldOut }, k) => (heldOut ? [k] : []),
    );
  expect(await out()).toEqual([2, 7]);
  expect(await out(0.3)).toEqual([1, 5, 8]);
  expect(await out(0.001)).toEqual([5]);
  expect(await out(0.999)).toHaveLength(9);
  expect(await out(0)).toEqual([]);
  expect(await out(['pair1'])).toEqual([1, 4, 7]);
});

it('takes references of other sizes of the same field', async () => {
  const [pair] = pairs;
  const { width, height, data } = pair!.image;
  const doubled = new Uint8ClampedArray(data.length * 4);
  for (let y = 0; y < 2 * height; y++)
    for (let x = 0; x < 2 * width; x++)
      for (let c = 0; c < 4; c++) doubled[(y * 2 * width + x) * 4 + c] = data[((y >> 1) * width + (x >> 1)) * 4 + c]!;
  const image = { width: 2 * width, height: 2 * height, data: doubled };
  const [a, b] = await Promise.all([fitLatentMap([pair!]), fitLatentMap([{ ...pair!, image }])]);
  expect(b.map.coefficients).toEqual(a.map.coefficients);
});

it('keeps one loaded picture at a time, and sums that do not grow', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const loaded: WeakRef<object>[] = [];
  let alive = 0;
  const load = (seed: number) => async () => {
    // What a WeakRef has shown stays until the task ends.
    await new Promise((resolve) => setTimeout(resolve));
    collect();
    alive = Math.max(alive, loaded.filter((image) => image.deref()).length);
    const image = imageOf({ shape: [128, 128], data: new Uint8Array(128 * 128 * 3).map((_, k) => (k * seed) % 253) });
    loaded.push(new WeakRef(image));
    return { latents: latentsFromArray(noise(3 * 256, seed), { shape: [3, 16, 16], format }), image };
  };
  await fitLatentMap(Array.from({ length: 12 }, (_, k) => load(k + 3)));
  expect(loaded).toHaveLength(1 + 2 * 12);
  // The first, which says the format, and the one before.
  expect(alive).toBeLessThanOrEqual(2);
  const { products, totals } = createSums(37, 192, new Float64Array(37));
  expect(products.length + totals.length).toBeLessThan(10_000);
});

describe('what goes wrong is said', () => {
  const [one] = pairs as [FitPair, FitPair, FitPair];
  const plain = (value: (c: number, x: number, y: number) => number, size = 16): FitPair => ({
    latents: latentsFromArray(
      Float32Array.from({ length: 3 * size * size }, (_, k) =>
        value(Math.floor(k / size / size), k % size, Math.floor(k / size) % size),
      ),
      { shape: [3, size, size], format },
    ),
    image: imageOf({ shape: [size * 8, size * 8], data: new Uint8Array(size * size * 64 * 3).map((_, k) => k % 255) }),
  });
  const random = noise(3 * 256, 9);
  const spoilt = (value: number): FitPair => {
    const data = toFloat32(one.latents.tensor as Tensor).slice();
    data[63 + 7 + 2] = value;
    return { ...one, latents: latentsFromArray(data, { shape: one.latents.tensor.shape, format }) };
  };
  const bad: [string, FitPair[], FitOptions, string, RegExp][] = [
    ['no pairs', [], {}, 'shape', /there are no pairs/],
    ['a kind', pairs, { kind: 'quartic' as never }, 'shape', /kind is quartic, it can be linear, affine/],
    ['an upscale', pairs, { upscale: 3 as never }, 'shape', /upscale is 3, it can be 1, 2, 4, 8/],
    ['a ridge', pairs, { ridge: -1 }, 'shape', /ridge is -1/],
    ['a share of 1', pairs, { holdOut: 1 }, 'shape', /holdOut is 1/],
    [
      'an unknown name',
      pairs,
      { holdOut: ['none'] },
      'shape',
      /no pair is called 'none'.*there are pair0, pair1, pair2/,
    ],
    ['all held out', [one], { holdOut: ['pair0'] }, 'shape', /every pair is held out/],
    ['auto without judges', [one], { ridge: 'auto' }, 'shape', /'auto' is chosen on images that are held out/],
    [
      'no format',
      [{ ...one, latents: { ...one.latents, format: undefined } as never }],
      {},
      'format',
      /'pair0' do not say their format/,
    ],
    [
      'two formats',
      [one, { ...one, latents: { ...one.latents, format: formats.sdxl! } }],
      {},
      'format',
      /'sdxl', the fit is for 'small'/,
    ],
    ['other channels', [one], { format: 'sdxl' }, 'format', /are 'small', the fit is for 'sdxl'/],
    [
      'another picture',
      [{ ...one, image: pairs[1]!.image }],
      {},
      'shape',
      /image of 'pair0' is 111×51, its latents of 7×9 stand for 56×72/,
    ],
    [
      'a picture too small',
      [{ ...one, image: imageOf({ shape: [18, 14], data: new Uint8Array(18 * 14 * 3) }) }],
      { upscale: 4 },
      'shape',
      /needs at least 28×36/,
    ],
    [
      'no picture',
      [{ ...one, image: { width: 56, height: 72, data: [] as never } }],
      {},
      'shape',
      /image of 'pair0'.data is/,
    ],
    ['NaN', [spoilt(Number.NaN)], {}, 'shape', /'pair0' hold NaN at channel 1, row 1, column 2/],
    ['infinity', [spoilt(Number.POSITIVE_INFINITY)], {}, 'shape', /hold Infinity at channel 1/],
    ['too few pixels', [one], { neighbourhood: 5 }, 'shape', /63 latent pixels are too few for 76 coefficients/],
    [
      'a constant channel',
      [plain((c, x, y) => (c === 1 ? 0.7 : random[c * 256 + y * 16 + x]!))],
      {},
      'shape',
      /channel 1 is the same in every pixel/,
    ],
    [
      'a repeated channel',
      [plain((c, x, y) => random[(c % 2) * 256 + y * 16 + x]!)],
      { ridge: 0 },
      'shape',
      /channel 2 is given by the features before.*ridge above 0/,
    ],
    [
      'stripes',
      [plain((c, x) => random[c * 256 + x]!)],
      { neighbourhood: 3 },
      'shape',
      /channel 0 at \(-1, 0\), .* more features are given/,
    ],
    [
      'too many features',
      [
        {
          latents: latentsFromArray(new Float32Array(128 * 4), {
            shape: [128, 2, 2],
            format: { ...format, channels: 128 },
          }),
          image: one.image,
        },
      ],
      { kind: 'cubic' },
      'shape',
      /features of 128 channels are too many/,
    ],
  ];
  it.each(bad)('%s', async (_, given, options, code, message) => {
    const error = await fitLatentMap(given, options).catch((error: unknown) => error);
    expect(error).toMatchObject({ name: 'LatentPreviewError', code, message: expect.stringMatching(message) });
  });
  it('fits a repeated channel all the same where a ridge is given', async () => {
    const { map } = await fitLatentMap([plain((c, x, y) => random[(c % 2) * 256 + y * 16 + x]!)], { ridge: 0.01 });
    expect(map.coefficients[1]).toBeCloseTo(map.coefficients[3]!, 4);
  });
});

describe('long fits', () => {
  const many = Array.from({ length: 8 }, () => pairs[1]!).map((pair) => () => pair);
  it('stop with the signal’s reason', async () => {
    const stop = new AbortController();
    let loads = 0;
    const stopping = many.map((load) => () => {
      if (++loads === 4) stop.abort(new Error('enough'));
      return load();
    });
    await expect(fitLatentMap(stopping, { signal: stop.signal })).rejects.toThrow('enough');
    expect(loads).toBe(4);
    await expect(fitLatentMap(many, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
  });
  it('tell their progress and give the page turns', async () => {
    const seen: number[] = [];
    let turns = 0;
    let next = setImmediate(function count() {
      turns++;
      next = setImmediate(count);
    });
    // A clock on which every part of the work is long, however fast the machine.
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 20));
    await fitLatentMap(many, { kind: 'affine', onProgress: (fraction) => seen.push(fraction) });
    clock.mockRestore();
    clearImmediate(next);
    expect(turns).toBeGreaterThan(2);
    expect(seen.length).toBeGreaterThan(2);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
    expect(seen.filter((fraction) => fraction === 1)).toHaveLength(1);
    expect(seen.at(-1)).toBe(1);
  });
});

const shared = new URL('../../shared/fixtures/', import.meta.url);
const present = existsSync(shared);
if (!present) console.log('skipped: fits on photos – ../shared is not there');
describe.skipIf(!present)('held out one by one on the shared photos', () => {
  const photo = (name: string) => {
    const file = (type: string) => new URL(`photos/${name}.${type}`, shared);
    if (existsSync(file('jpg'))) return decodeJpeg(readFileSync(file('jpg')), { useTArray: true });
    const { width, height, data, channels } = decodePng(readFileSync(file('png')));
    expect(channels).toBe(3);
    return imageOf({ shape: [height, width], data: data as Uint8Array });
  };
  const read = (format: string, suffix: string): FitPair[] =>
    ['astronaut', 'brushes', 'chelsea', 'coffee', 'dogs', 'hubble', 'tulips'].flatMap((name) => {
      const url = new URL(`latents/${name}.${suffix}.npy`, shared);
      if (!existsSync(url)) return [];
      const { data, shape, dtype } = tensorIn(url);
      return [{ name, latents: latentsFromArray(data, { shape, dtype, format }), image: photo(name) }];
    });
  // PSNR at latent size, dB, averaged over the photos, each by a map that has not seen it.
  it.each([
    ['sd15', 'sd1', 20, 24],
    ['sdxl', 'sdxl', 19.8, 25.3],
    ['sd3', 'sd3', 25.8, 26.2],
  ])('%s, latents %s: more than %d dB affine, %d dB over 3×3 neighbours', async (format, suffix, pixel, neighbours) => {
    const photos = read(format, suffix);
    const heldOut = async (neighbourhood: 1 | 3): Promise<number> => {
      let sum = 0;
      for (const { name } of photos) {
        const { report } = await fitLatentMap(photos, { neighbourhood, ridge: 1e-4, holdOut: [name!] });
        expect(report.warnings).toEqual([]);
        sum += report.heldOut!.psnr;
      }
      return sum / photos.length;
    };
    const [affine, spatial] = [await heldOut(1), await heldOut(3)];
    console.log(`${format}, held out one by one: affine ${affine.toFixed(2)} dB, 3×3 ${spatial.toFixed(2)} dB`);
    expect(affine).toBeGreaterThan(pixel);
    expect(spatial).toBeGreaterThan(neighbours);
  });
});
