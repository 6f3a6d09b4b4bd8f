// Convolutions in WebAssembly against conv2d.reference, whole nets against PyTorch, and how long work behaves.

import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { hashSources } from '../scripts/build-wasm.mjs';
import type { Decoder } from '../src/decoders/decoder';
import { readTensorFile } from '../src/files/index';
import { taesd } from '../src/index';
import type { Conv2dParams } from '../src/ops/conv2d';
import { conv2dExamples } from '../src/ops/conv2d';
import { noise } from '../src/ops/examples';
import { conv2d, groupNorm, layer, unpack } from '../src/ops/index';
import type { Layer } from '../src/ops/op';
import { toFloat32 } from '../src/tensor';
import { convModule, sourceHash } from '../src/wasm/conv-module';
import { type ConvRunner, createConvRunner } from '../src/wasm/index';
import { scheduleLayers } from '../src/wasm/schedule';
import { convFixtures, runReferences } from './conv-fixtures';
import { differingPlanes } from './tolerances';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

async function runnerOf(layers: readonly Layer[], options?: { memory?: number }): Promise<ConvRunner> {
  const runner = await createConvRunner(layers, options);
  if (!runner) throw new Error('no runner: is there no WebAssembly SIMD here?');
  return runner;
}

const count = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

/** Undefined where the runner gives what the references give, to 2e-5 of the largest value. */
async function differingRun(
  layers: readonly Layer[],
  shape: readonly number[],
  options?: { memory?: number },
): Promise<string | undefined> {
  const input = noise(count(shape), 5);
  const expected = runReferences({ layers } as Decoder, input, shape);
  const actual = await (await runnerOf(layers, options)).run(input, shape);
  expect(actual.shape).toEqual(expected.shape);
  const scale = expected.planes.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  return differingPlanes(actual.planes, expected.planes, actual.shape, { maxAbs: 2e-5 * scale });
}

const randomConv = (inputs: number, outputs: number, size: number, rest: Partial<Conv2dParams> = {}): Conv2dParams => ({
  inputs,
  outputs,
  size,
  padding: (size - 1) / 2,
  weight: noise(outputs * inputs * size * size, inputs + outputs).map(
    (value) => value / Math.sqrt(inputs * size * size),
  ),
  bias: noise(outputs, outputs),
  activation: 'relu',
  upscale: 1,
  ...rest,
});

/** As wide and deep as a TAESD decoder where `width` is 64 and `blocks` 3. */
function taesdShaped(width: number, blocks: number): Layer[] {
  const block = [
    layer(conv2d, randomConv(width, width, 3)),
    layer(conv2d, randomConv(width, width, 3)),
    layer(conv2d, randomConv(width, width, 3), { add: 3 }),
  ];
  const level = Array.from({ length: blocks }, () => block).flat();
  const enlarging = layer(conv2d, randomConv(width, width, 3, { upscale: 2, bias: undefined, activation: 'none' }));
  return [
    layer(unpack, { channels: 4, clamp: true }),
    layer(conv2d, randomConv(4, width, 3)),
    ...[0, 1, 2].flatMap(() => [...level, enlarging]),
    block[0]!,
    block[1]!,
    layer(conv2d, randomConv(width, width, 3), { add: 3 }),
    layer(conv2d, randomConv(width, 3, 3, { activation: 'none' })),
  ];
}

describe('the compiled module', () => {
  it('is that of the C files; `node scripts/build-wasm.mjs` after editing them', () => {
    expect(sourceHash).toBe(hashSources());
  });
  it('stays small enough to be inlined', () => {
    expect(convModule.length).toBeLessThan(12_000);
  });
});

describe('one convolution = its reference', () => {
  conv2dExamples().forEach(({ shape, params, add }, index) => {
    it(`example ${index}: ${params.inputs}→${params.outputs} ${params.size}×${params.size} on (${shape})`, async () => {
      // What is added is another convolution's output, of the same shape.
      const twin = { ...params, weight: noise(params.weight.length, 77), activation: 'none' as const };
      const layers = add ? [layer(conv2d, twin), layer(conv2d, params, { from: 2, add: 1 })] : [layer(conv2d, params)];
      expect(await differingRun(layers, shape)).toBeUndefined();
    });
  });

  it('any shape', async () => {
    const cases = fc.record({
      inputs: fc.integer({ min: 1, max: 9 }),
      outputs: fc.integer({ min: 1, max: 9 }),
      size: fc.constantFrom(1, 3, 5, 7),
      padding: fc.integer({ min: 0, max: 11 }),
      upscale: fc.constantFrom(1 as const, 2 as const),
      activation: fc.constantFrom('none' as const, 'relu' as const, 'leaky' as const),
      height: fc.integer({ min: 1, max: 41 }),
      width: fc.integer({ min: 1, max: 41 }),
      add: fc.boolean(),
      bias: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        cases,
        async ({ inputs, outputs, size, padding, upscale, activation, height, width, add, bias }) => {
          fc.pre(Math.min(height, width) * upscale + 2 * padding >= size);
          const rest = { padding, upscale, activation, ...(bias ? {} : { bias: undefined }) };
          const params = randomConv(inputs, outputs, size, rest);
          const twin = randomConv(inputs, outputs, size, { ...rest, activation: 'none' });
          const layers = add
            ? [layer(conv2d, twin), layer(conv2d, params, { from: 2, add: 1 })]
            : [layer(conv2d, params)];
          expect(await differingRun(layers, [inputs, height, width])).toBeUndefined();
        },
      ),
      { numRuns: 150 },
    );
  });

  it.each([1, 3, 5] as const)('what is not finite shows in the output, %i×%i', async (size) => {
    for (const upscale of [1, 2] as const)
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const params = randomConv(2, 3, size, { upscale });
        const input = noise(2 * 9 * 9, 1);
        input[40] = value;
        const { planes } = await (await runnerOf([layer(conv2d, params)])).run(input, [2, 9, 9]);
        const expected = conv2d.reference(input, [2, 9, 9], params);
        expected.forEach((wanted, k) => {
          if (!Number.isFinite(wanted)) expect(planes[k]).not.toSatisfy(Number.isFinite);
        });
      }
  });
});

describe('whole nets', () => {
  for (const entry of convFixtures)
    it(`${entry.name} = references`, async () => {
      const { layers, channels } = entry.decoder();
      for (const shape of [entry.inputShape.slice(1), [channels, 11, 6], [channels, 1, 1]])
        expect(await differingRun(layers, shape)).toBeUndefined();
    });

  it('a net of the shape of TAESD', async () => {
    expect(await differingRun(taesdShaped(16, 3), [4, 7, 9])).toBeUndefined();
  });

  it('a net without layers gives what it was given, in memory of its own', async () => {
    const input = noise(4 * 3 * 5, 1);
    const { planes, shape } = await (await runnerOf([])).run(input, [4, 3, 5]);
    expect(shape).toEqual([4, 3, 5]);
    expect(planes).toEqual(input);
    expect(planes).not.toBe(input);
  });

  const shared = new URL('../../shared/fixtures/', import.meta.url);
  const present = existsSync(shared);
  if (!present) console.log('skipped: TAESD decoders in WebAssembly against PyTorch – ../shared is not there');
  describe.skipIf(!present)('with published weights = PyTorch', () => {
    const read = (file: string) => readTensorFile(readFileSync(new URL(file, shared))).tensors;
    for (const [family, weights] of [
      ['sd1', 'taesd'],
      ['sdxl', 'taesdxl'],
      ['sd3', 'taesd3'],
      ['flux1', 'taef1'],
      ['flux2', 'taef2'],
    ])
      it(`${weights}`, async () => {
        const { layers } = taesd(read(`weights/${weights}_decoder.safetensors`));
        const [[input], [expected]] = [`${family}.z.npy`, `${family}.y.npy`].map((file) => [
          ...read(`golden/${file}`).values(),
        ]);
        const actual = await (await runnerOf(layers)).run(toFloat32(input!), input!.shape.slice(-3));
        expect(differingPlanes(actual.planes, toFloat32(expected!), actual.shape, { maxAbs: 1e-4 })).toBeUndefined();
      });
  });
});

describe('bands', () => {
  const nets: readonly { name: string; layers: readonly Layer[]; shape: readonly number[] }[] = [
    { name: 'TAESD', layers: taesdShaped(8, 2), shape: [4, 21, 13] },
    ...convFixtures.map((entry) => {
      const { layers, channels } = entry.decoder();
      return { name: entry.name, layers, shape: [channels, 61, 11] };
    }),
    {
      name: 'group norm in the middle, rows read across it',
      layers: [
        layer(conv2d, randomConv(3, 8, 3)),
        layer(conv2d, randomConv(8, 8, 5)),
        layer(groupNorm, { groups: 2, epsilon: 1e-5, weight: noise(8, 1), bias: noise(8, 2), activation: 'relu' }),
        layer(conv2d, randomConv(8, 8, 3), { add: 3 }),
        layer(conv2d, randomConv(3, 8, 1), { from: 5, add: 1 }),
        layer(conv2d, randomConv(8, 8, 3, { upscale: 2 })),
        layer(conv2d, randomConv(8, 8, 5, { upscale: 2 })),
        layer(conv2d, randomConv(8, 8, 7, { padding: 1 })),
        layer(conv2d, randomConv(8, 4, 3, { padding: 2 })),
      ],
      shape: [3, 33, 10],
    },
  ];
  it.each(nets)('change no bit: $name', async ({ layers, shape }) => {
    const input = noise(count(shape), 9);
    const whole = await (await runnerOf(layers)).run(input, shape);
    const { floats } = scheduleLayers(layers, shape, Number.POSITIVE_INFINITY);
    for (const part of [0.8, 0.5, 0]) {
      const { tasks } = scheduleLayers(layers, shape, floats * part);
      expect(tasks.filter(({ kind }) => kind === 'store').length).toBeGreaterThan(1);
      // The weights lie in the same memory: take what holds them and the part.
      const weights = await memoryOf(layers);
      const banded = await (await runnerOf(layers, { memory: weights + floats * 4 * part })).run(input, shape);
      expect(banded.shape).toEqual(whole.shape);
      expect(Buffer.from(banded.planes.buffer).equals(Buffer.from(whole.planes.buffer))).toBe(true);
    }
  });

  /** Bytes of a runner before its first run, to within a page. */
  async function memoryOf(layers: readonly Layer[]): Promise<number> {
    const instantiate = vi.spyOn(WebAssembly, 'instantiate');
    await runnerOf(layers);
    const { instance } = (await instantiate.mock.results[0]!.value) as WebAssembly.WebAssemblyInstantiatedSource;
    instantiate.mockRestore();
    return (instance.exports.memory as WebAssembly.Memory).buffer.byteLength;
  }

  it('keep a TAESD decode of 256×256 latents within 256 MiB, and nothing is done twice', () => {
    const layers = taesdShaped(64, 3);
    const budget = (256 * 2 ** 20) / 4 - layers.length * 36 * 64 * 64;
    const { tasks, floats } = scheduleLayers(layers, [4, 256, 256], budget);
    expect(floats).toBeLessThanOrEqual(budget);
    const done = layers.map(() => 0);
    for (const task of tasks) {
      if (task.kind !== 'run') continue;
      expect(task.first).toBe(done[task.layer]);
      done[task.layer] = task.end;
    }
    let height = 256;
    layers.forEach((current, index) => {
      [, height] = current.outputShape([index < 2 ? 4 : 64, height, 1]) as [number, number, number];
      expect(done[index]).toBe(height);
    });
  });

  it('says what is needed where even the smallest band has no room', async () => {
    const runner = await runnerOf([layer(conv2d, randomConv(1, 2048, 1))]);
    const width = 2 ** 20;
    await expect(runner.run(new Float32Array(width), [1, 1, width])).rejects.toMatchObject({
      code: 'gpu-limit',
      message: expect.stringMatching(/^conv: \(1, 1, 1048576\) needs \d+ MiB/),
    });
  });
});

describe('long work', () => {
  const layers = taesdShaped(32, 3);
  const shape = [4, 40, 40];
  const input = noise(count(shape), 3);

  it('tells its progress and lets others have turns', async () => {
    const runner = await runnerOf(layers);
    const fractions: number[] = [];
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await runner.run(input, shape, { onProgress: (fraction) => fractions.push(fraction) });
    clearInterval(timer);
    expect(fractions.length).toBeGreaterThan(2);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions[0]).toBeGreaterThan(0);
    expect(fractions.at(-2)).toBeLessThan(1);
    expect(fractions.at(-1)).toBe(1);
    expect(turns).toBeGreaterThan(1);
  });

  it('ends with the reason of an abort, and can be run again', async () => {
    const runner = await runnerOf(layers);
    const abort = new AbortController();
    const reason = new Error('enough');
    let last = 0;
    const onProgress = (fraction: number): void => {
      last = fraction;
      abort.abort(reason);
    };
    await expect(runner.run(input, shape, { signal: abort.signal, onProgress })).rejects.toBe(reason);
    expect(last).toBeLessThan(0.9);
    await expect(runner.run(input, shape, { signal: abort.signal })).rejects.toBe(reason);
    const again = await runner.run(input, shape);
    expect(again.planes).toEqual((await (await runnerOf(layers)).run(input, shape)).planes);
  });

  it('answers calls in order, each with its own picture', async () => {
    const runner = await runnerOf(layers);
    const small = noise(4 * 5 * 7, 8);
    const order: string[] = [];
    const [large, little] = await Promise.all([
      runner.run(input, shape).finally(() => order.push('large')),
      runner.run(small, [4, 5, 7]).finally(() => order.push('little')),
    ]);
    expect(order).toEqual(['large', 'little']);
    expect(large.planes).toEqual((await runner.run(input, shape)).planes);
    expect(little.planes).toEqual((await runner.run(small, [4, 5, 7])).planes);
  });

  it('rejects what does not fit, by shape', async () => {
    const runner = await runnerOf(layers);
    await expect(runner.run(new Float32Array(5 * 4 * 4), [5, 4, 4])).rejects.toMatchObject({ code: 'shape' });
    await expect(runner.run(new Float32Array(7), [4, 4, 4])).rejects.toMatchObject({ code: 'shape' });
  });
});

describe('where WebAssembly cannot be had', () => {
  it('there is no runner: a policy forbids it', async () => {
    vi.spyOn(WebAssembly, 'instantiate').mockRejectedValue(
      new WebAssembly.CompileError("'wasm-unsafe-eval' is missing"),
    );
    expect(await createConvRunner([])).toBeUndefined();
  });
  it('there is no runner: it is missing', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    expect(await createConvRunner([])).toBeUndefined();
  });
});
