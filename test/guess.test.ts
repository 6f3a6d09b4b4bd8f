// Guesses on the repo's own samples: format, domain, axis order, size of tokens, moments; which of them are clear. What the
// files of ../shared are guessed to be is first-guess.test.ts.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isClear } from '../src/guess/clear';
import { compareEdges } from '../src/guess/measure';
import {
  createPreviewer,
  formats,
  guessFormats,
  identifyLatents,
  type Latents,
  latentsFromArray,
  loadLatents,
  type Tensor,
} from '../src/index';
import { noise } from '../src/ops/examples';
import { toFloat32 } from '../src/tensor';
import { tokenGrids } from '../src/token-grids';

const samples = new URL('../demo/public/samples/', import.meta.url);
const { samples: list } = JSON.parse(readFileSync(new URL('manifest.json', samples), 'utf8')) as {
  samples: { id: string; file: string; format: string; kind: string }[];
};
const load = (file: string): Promise<Latents> => loadLatents(readFileSync(new URL(file, samples)));

/** The first item of a sample, unpacked: (C, H, W). */
async function planesOf(file: string) {
  const { tensor } = await load(file);
  const [, channels, height, width] = tensor.shape as [number, number, number, number];
  return { data: toFloat32(tensor as Tensor).subarray(0, channels * height * width), channels, height, width };
}

const model = list.filter(({ format, kind }) => kind === 'image' && format !== 'flux2');

describe('the built-in samples', () => {
  for (const { id, file, format } of list)
    it(`${id} is ${format}, in the model domain`, async () => {
      const guesses = await guessFormats(await load(file));
      expect(guesses[0]!.format.id).toBe(format);
      expect(guesses[0]!.domain).toBe('model');
      expect(guesses[0]!.reason).toMatch(
        /channels of \d+×\d+; their means, deviations .* and edges look (roughly )?like/,
      );
    });
  it('most are clear', async () => {
    const clear: string[] = [];
    for (const { file, format } of list)
      await load(file)
        .then(identifyLatents)
        .then((latents) => {
          expect([latents.format.id, latents.domain, latents.domainFrom]).toEqual([format, 'model', 'guess']);
          clear.push(file);
        })
        .catch((error: Error) => expect(error.message).toMatch(/the numbers do not say clearly which/));
    expect(clear.length).toBeGreaterThan(list.length / 2);
  });

  for (const { id, file, format } of model)
    it(`${id} as the VAE takes it is ${format}, in the VAE domain`, async () => {
      const { data, channels, height, width } = await planesOf(file);
      const { scalingFactor = 1, shiftFactor = 0 } = formats[format]!;
      const raw = data.map((value) => value / scalingFactor + shiftFactor);
      const guesses = await guessFormats(latentsFromArray(raw, { shape: [1, channels, height, width] }));
      const found = guesses.slice(0, 2).map((guess) => `${guess.format.id} ${guess.domain}`);
      // Raw ones of SD3 are but 1.5 times smaller: photos differ by as much.
      if (format === 'sd3') {
        expect(found).toContain('sd3 vae');
        expect(guesses[0]!.reason).toContain('nearly alike');
      } else expect(found[0]).toBe(`${format} vae`);
    });
});

describe('moments', () => {
  const withVariances = async (file: string, variance: (i: number) => number) => {
    const { data, channels, height, width } = await planesOf(file);
    const { format } = list.find((sample) => sample.file === file)!;
    const { scalingFactor = 1, shiftFactor = 0 } = formats[format]!;
    const means = data.map((value) => value / scalingFactor + shiftFactor);
    const both = Float32Array.from([...means, ...data.map((_, i) => variance(i))]);
    return { latents: latentsFromArray(both, { shape: [1, 2 * channels, height, width] }), means, channels };
  };
  const spread = noise(1 << 17, 3);
  for (const [file, format] of [
    ['sd15-coffee.npy', 'sd15'],
    ['sdxl-chelsea.npy', 'sdxl'],
    // 32 channels: FLUX.2's too.
    ['flux-chelsea.npy', 'flux'],
  ] as const)
    for (const [what, variance] of [
      ['logarithms of variances', (i: number) => -12 + 6 * spread[i]!],
      ['deviations', (i: number) => 0.02 + 0.01 * spread[i]!],
    ] as const)
      it(`of ${format} with ${what} are read by their mean, raw`, async () => {
        const { latents, means, channels } = await withVariances(file, variance);
        const [best] = await guessFormats(latents);
        expect([best!.format.id, best!.domain]).toEqual([format, 'vae']);
        expect(best!.reason).toContain(
          `the second ${channels} of its ${2 * channels} channels look like a VAE's variances`,
        );
        const previewer = await createPreviewer({ format, decoder: 'map', backend: 'cpu' });
        const shape = [1, channels, ...latents.tensor.shape.slice(2)];
        const expected = await previewer.toImageData(latentsFromArray(means, { shape, domain: 'vae' }));
        expect([...(await previewer.toImageData(best!.latents)).data]).toEqual([...expected.data]);
      });
  it('are not what latents of twice the channels look like', async () => {
    const [best] = await guessFormats(await load('flux2-astronaut.npy'));
    expect(best!.reason).not.toContain('variances');
  });
});

describe('tokens', () => {
  /** (1, H/2 · W/2, 4C) of a sample, or of its picture on its side. */
  async function tokens(file: string, onSide: boolean) {
    const { data, channels, height, width } = await planesOf(file);
    const [rows, columns] = onSide ? [width, height] : [height, width];
    const packed = new Float32Array(channels * rows * columns);
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < rows; y++)
        for (let x = 0; x < columns; x++) {
          const token = Math.floor(y / 2) * (columns / 2) + Math.floor(x / 2);
          const place = token * channels * 4 + c * 4 + (y % 2) * 2 + (x % 2);
          packed[place] = data[(c * height + (onSide ? x : y)) * width + (onSide ? y : x)]!;
        }
    const shape = [1, (rows * columns) / 4, channels * 4];
    return { latents: latentsFromArray(packed, { shape }), height: rows, width: columns };
  }
  for (const onSide of [false, true])
    it(`of FLUX.1 are told, with the size of the picture, ${onSide ? 'portrait' : 'landscape'}`, async () => {
      const { latents, height, width } = await tokens('flux-chelsea.npy', onSide);
      const identified = await identifyLatents(latents);
      expect([identified.format.id, identified.layout, identified.size]).toEqual(['flux', 'NLC', { height, width }]);
      expect(identified.reason).toContain(`in rows of ${width} neighbours are alike`);
    });
  it('of noise have likely sizes, and none is clear', async () => {
    const latents = latentsFromArray(noise(1536 * 64, 5), { shape: [1, 1536, 64], format: 'flux', domain: 'model' });
    const guesses = await guessFormats(latents);
    expect(guesses.map(({ size }) => size)).toEqual([
      { height: 64, width: 96 },
      { height: 96, width: 64 },
      { height: 48, width: 128 },
    ]);
    expect(guesses[0]!.reason).toContain('likeliest by its aspect ratio');
    await expect(identifyLatents(latents)).rejects.toThrow(/1536 tokens say nothing of their size/);
  });
  it('of a given size are not guessed again', async () => {
    const size = { height: 64, width: 96 };
    const latents = latentsFromArray(noise(1536 * 64, 5), { shape: [1, 1536, 64], format: 'flux', size });
    expect(new Set((await guessFormats(latents)).map((guess) => guess.size))).toEqual(new Set([size]));
  });
  it('of a given size are of formats that it fits', async () => {
    const latents = latentsFromArray(noise(1536 * 64, 5), { shape: [1, 1536, 64], size: { height: 64, width: 96 } });
    const read = (await guessFormats(latents)).filter(({ layout }) => layout === 'NLC');
    const ids = new Set(read.map(({ format }) => format.id));
    // Qwen-Image 2.1 has a token per pixel: these would be four times as many.
    expect([ids.has('flux'), ids.has('wan21'), ids.has('qwen_image_2_1')]).toEqual([true, true, false]);
  });
  it('may be any grid, the usual ones first', () => {
    const names = (tokens: number) => tokenGrids(tokens, 2).map(({ height, width }) => `${width}×${height}`);
    expect(names(4096)).toEqual(['128×128', '256×64', '64×256']);
    // 1360×768 pixels: 16 : 9, though 1088×960 would be squarer.
    expect(names(4080).slice(0, 2)).toEqual(['170×96', '96×170']);
    expect(names(4080)).toContain('136×120');
    expect(names(7)).toEqual(['14×2']);
    expect(names(1)).toEqual(['2×2']);
  });
});

describe('axes', () => {
  /** A clip of 16 channels and 16 frames that pans over a sample: (1, C, T, H, W), or with frames first. */
  async function clip(framesFirst: boolean): Promise<Latents> {
    const { data, height, width } = await planesOf('flux-chelsea.npy');
    const [rows, columns] = [24, 30];
    const values = new Float32Array(256 * rows * columns);
    for (let i = 0; i < values.length; i++) {
      const [first, second] = [Math.floor(i / (16 * rows * columns)), Math.floor(i / (rows * columns)) % 16];
      const [c, t] = framesFirst ? [second, first] : [first, second];
      const [y, x] = [Math.floor(i / columns) % rows, (i % columns) + t];
      values[i] = data[(c * height + y) * width + x]!;
    }
    return latentsFromArray(values, { shape: [1, 16, 16, rows, columns] });
  }
  for (const framesFirst of [false, true])
    it(`frames are told from channels, ${framesFirst ? 'frames' : 'channels'} first`, async () => {
      const wan = (await guessFormats(await clip(framesFirst))).filter(({ format }) => format.id === 'wan21');
      expect(wan[0]!.layout).toBe(framesFirst ? 'NTCHW' : 'NCTHW');
      expect(wan[0]!.reason).toMatch(/both axis orders fit; read as \w+ first \(N\w+\), frames next to each other/);
      expect(new Set(wan.map(({ layout }) => layout))).toEqual(new Set(['NCTHW', 'NTCHW']));
    });
  it('of noise are said to be undecided', async () => {
    const latents = latentsFromArray(noise(256 * 64, 5), { shape: [1, 16, 16, 8, 8], format: 'wan21' });
    const [best] = await guessFormats(latents);
    expect(best!.reason).toContain('both axis orders fit and the numbers do not say which');
    await expect(identifyLatents(latents)).rejects.toMatchObject({ code: 'format' });
  });
  it('of a picture four pixels wide are not taken for channels', async () => {
    const flat = Float32Array.from({ length: 48 }, (_, i) => [0.9, -0.8, -0.7][Math.floor(i / 16)]!);
    const guesses = await guessFormats(latentsFromArray(flat, { shape: [1, 3, 4, 4] }));
    expect(guesses.map(({ format, layout }) => [format.id, layout])).toEqual([['pixel', 'NCHW']]);
  });
  it('may have channels last', async () => {
    const { data, channels, height, width } = await planesOf('sd15-coffee.npy');
    const last = data.map((_, i) => data[(i % channels) * height * width + Math.floor(i / channels)]!);
    const [best] = await guessFormats(latentsFromArray(last, { shape: [1, height, width, channels] }));
    expect([best!.format.id, best!.layout]).toEqual(['sd15', 'NHWC']);
    expect(best!.reason).toContain('channels are taken to be the last axis');
  });
});

it('puts families that few people have behind the others where the numbers say nothing', async () => {
  // Of unit size, as the first step is.
  const data = noise(4 * 15 * 16, 5).map((value) => value * Math.sqrt(3));
  const latents = latentsFromArray(data, { shape: [1, 4, 15, 16] });
  expect((await guessFormats(latents)).slice(0, 2).map(({ format }) => format.id)).toEqual(['sd15', 'sdxl']);
});

describe('what a guess is', () => {
  it('the latents as it reads them, ready for a previewer', async () => {
    const data = noise(64 * 6, 2).map((value) => value * 9);
    const guesses = await guessFormats(latentsFromArray(data, { shape: [1, 6, 64] }));
    const guess = guesses.find(({ format, domain }) => format.id === 'flux' && domain === 'vae')!;
    const { format, domain, domainFrom, formatFrom, layout, size, reason } = guess.latents;
    expect({ format, domain, layout, size, reason }).toEqual({
      ...{ format: guess.format, domain: 'vae', layout: 'NLC', size: guess.size, reason: guess.reason },
    });
    expect([formatFrom, domainFrom]).toEqual(['guess', 'guess']);
    const previewer = await createPreviewer({ format: guess.format, decoder: 'map', backend: 'cpu' });
    const { width, height } = await previewer.toImageData(guess.latents);
    expect([width, height]).toEqual([2 * guess.size!.width, 2 * guess.size!.height]);
  });
  it('keeps to what the caller says', async () => {
    const data = new Float32Array(4 * 63).fill(9);
    const guesses = await guessFormats(latentsFromArray(data, { shape: [1, 4, 7, 9], domain: 'model' }));
    expect(new Set(guesses.map(({ domain }) => domain))).toEqual(new Set(['model']));
    const named = await guessFormats(latentsFromArray(data, { shape: [1, 4, 7, 9], format: 'sdxl/sdnext' }));
    expect(named.map(({ format, domain }) => [format.id, domain])).toEqual([
      ['sdxl/sdnext', 'vae'],
      ['sdxl/sdnext', 'model'],
    ]);
    expect(named[0]!.latents.formatFrom).toBe('caller');
  });
  it('none for channels that no format has', async () => {
    const latents = latentsFromArray(new Float32Array(7 * 45), { shape: [1, 7, 5, 9] });
    expect(await guessFormats(latents)).toEqual([]);
    await expect(identifyLatents(latents)).rejects.toThrow(
      /format: no known format fits latents of shape \(1, 7, 5, 9\); pass `format`/,
    );
  });
  it.each([0, Number.NaN, 1e30])('of a tensor of nothing but %d, it is not clear', async (value) => {
    const latents = latentsFromArray(new Float32Array(4 * 64).fill(value), { shape: [1, 4, 8, 8] });
    for (const { distance } of await guessFormats(latents)) expect(distance).not.toBeNaN();
    await expect(identifyLatents(latents)).rejects.toMatchObject({ code: 'format' });
  });
});

it('covariances are as far apart as Gaussians are: ½ (ln tr − ln det), worked by hand', () => {
  // Usual: the unit matrix. Found: diag(1, 4), of mean 2.5 and determinant 4.
  const { shape, scale } = compareEdges(
    [
      [1, 0],
      [0, 4],
    ],
    [[1], [0, 1]],
  );
  expect(scale).toBeCloseTo(2.5, 2);
  expect(shape).toBeCloseTo((Math.log(2.5) - Math.log(4) / 2) / 2, 3);
  // The same, turned and ten times as large, against its like: nothing but the size differs.
  const same = compareEdges(
    [
      [20, 0],
      [10, 30],
    ],
    [[2], [1, 3]],
  );
  expect(same.shape).toBeCloseTo(0, 3);
  expect(same.scale).toBeCloseTo(10, 2);
});

describe('a guess is clear', () => {
  const clear = (...distances: number[]): boolean =>
    isClear(
      distances.map((distance) => ({
        ...{ distance, format: formats.sdxl!, domain: 'model', layout: 'NCHW', reason: '' },
        latents: latentsFromArray(new Float32Array(4), { shape: [1, 4, 1, 1] }),
      })),
    );
  it('where it fits, and no other comes near', () => {
    expect(clear()).toBe(false);
    expect(clear(0.2)).toBe(true);
    expect(clear(0.2, 0.5)).toBe(true);
  });
  it('not where it fits badly', () => expect(clear(0.5, 3)).toBe(false));
  it('not where another is less than twice as far', () => expect(clear(0.2, 0.39)).toBe(false));
  it('not where both are next to nothing', () => expect(clear(0.01, 0.05)).toBe(false));
});
