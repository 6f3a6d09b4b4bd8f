// What a conv decoder needs of a GPU, worked out without one: memory, tiles and what they compute twice, what one submit holds.

import { describe, expect, it } from 'vitest';
import { mini as miniDecoder } from '../src/decoders/index';
import { fuseLayers } from '../src/gpu/fuse';
import { RecentMap } from '../src/gpu/memory';
import { Pace } from '../src/gpu/pace';
import { type Dispatch, type Schedule, schedule } from '../src/gpu/schedule';
import { type KernelFamily, passesOf, scratchBytes, stagesOf } from '../src/gpu/stages';
import { LatentPreviewError } from '../src/index';
import type { Conv2dParams } from '../src/ops/conv2d';
import { conv2d, groupNorm, layer, unpack } from '../src/ops/index';
import type { Layer } from '../src/ops/op';
import { miniWeights, shipped } from './mini-net';

const conv = (inputs: number, outputs: number, rest: Partial<Conv2dParams> = {}, add?: number, from = 1): Layer =>
  layer(
    conv2d,
    {
      inputs,
      outputs,
      size: 3,
      padding: 1,
      weight: new Float32Array(inputs * outputs * 9),
      activation: 'relu',
      upscale: 1,
      ...rest,
    },
    { from, ...(add === undefined ? {} : { add }) },
  );
const block = (width: number): Layer[] => [conv(width, width), conv(width, width), conv(width, width, {}, 3)];
const up = (width: number): Layer => conv(width, width, { upscale: 2, activation: 'none' });

/** The layers of TAESD as a device runs them, with the pools of TAEF2 where `pooled`. */
function taesd(pooled = false): readonly Layer[] {
  const norm = {
    groups: 1,
    epsilon: 1e-5,
    weight: new Float32Array(64),
    bias: new Float32Array(64),
    activation: 'relu',
  } as const;
  const pointwise = { size: 1, padding: 0, weight: new Float32Array(64 * 64), activation: 'none' } as const;
  const pool = [0, 1, 2, 3].flatMap((group) => [
    conv(64, 64, pointwise, undefined, 3 * group + 1),
    layer(groupNorm, norm),
    conv(64, 64, pointwise, 3),
  ]);
  const middle = [1, 2, 3].flatMap(() => [...(pooled ? pool : []), ...block(64)]);
  const three = [1, 2, 3].flatMap(() => block(64));
  return fuseLayers([
    layer(unpack, { channels: 4, clamp: true }),
    conv(4, 64),
    ...middle,
    up(64),
    ...three,
    up(64),
    ...three,
    up(64),
    ...block(64),
    conv(64, 3, { activation: 'none' }),
  ]);
}

/** VAEApprox: it pads once, by more than its first kernel reaches, and no layer after it does. */
const vaeApprox = (): readonly Layer[] => {
  const leaky = { padding: 0, activation: 'leaky' } as const;
  const widths = [4, 8, 16, 32, 64, 32, 16, 8, 3];
  return fuseLayers([
    layer(unpack, { channels: 4, clamp: false }),
    ...[7, 5, 3, 3, 3, 3, 3, 3].map((size, k) => {
      const [inputs, outputs] = [widths[k]!, widths[k + 1]!];
      const first = k === 0 ? { padding: 11, upscale: 2 as const } : {};
      return conv(inputs, outputs, {
        ...leaky,
        ...first,
        size,
        weight: new Float32Array(inputs * outputs * size ** 2),
      });
    }),
  ]);
};

const mini = (): readonly Layer[] => fuseLayers(miniDecoder(miniWeights({ ...shipped, channels: 4 })).layers);

const device = { maxComputeWorkgroupStorageSize: 16384, maxComputeInvocationsPerWorkgroup: 256 };
const MiB = 2 ** 20;
// 200 MiB in three; tests of the plan hold it to the same.
const limits = { bufferBytes: (200 * MiB) / 3 };
const total = (bytes: readonly number[]): number => bytes.reduce((sum, size) => sum + size, 0);

/** Multiplications of all dispatches. */
const workOf = (layers: readonly Layer[], { dispatches }: Schedule): number =>
  dispatches.reduce((sum, { layer: k, view }) => sum + layers[k]!.work * view.width * view.height, 0);

/** How much more is computed than in one piece. */
const extraWork = (layers: readonly Layer[], side: number, bufferBytes = limits.bufferBytes): number => {
  const shape = [4, side, side];
  const whole = schedule(layers, shape, { ...limits, bufferBytes: Number.POSITIVE_INFINITY });
  return workOf(layers, schedule(layers, shape, { ...limits, bufferBytes })) / workOf(layers, whole) - 1;
};

/** How often each pixel of the picture is written. */
function writes({ dispatches, width, height }: Schedule): Uint8Array {
  const counts = new Uint8Array(width * height);
  for (const { output, view } of dispatches)
    if (output === 'picture')
      for (let y = view.pictureRow; y < view.pictureRow + view.height; y++)
        for (let x = view.pictureColumn; x < view.pictureColumn + view.width; x++) counts[y * width + x]!++;
  return counts;
}

/** Each dispatch reads no more than what is in its buffers, as one before it left them there. */
function expectInside(layers: readonly Layer[], [, height, width]: readonly number[], { dispatches }: Schedule): void {
  const held = new Map<number, Dispatch>();
  for (const dispatch of dispatches) {
    const { layer: k, input, added, output, view } = dispatch;
    const source = input === 'latents' ? { width, height } : held.get(input)!.view;
    expect([view.inputWidth, view.inputHeight]).toEqual([source.width, source.height]);
    if (input !== 'latents') expect(held.get(input)!.layer).toBe(k - (layers[k]!.from ?? 1));
    if (added !== undefined) {
      const { layer: addedLayer, view: addedView } = held.get(added)!;
      expect(addedLayer).toBe(k - layers[k]!.add!);
      expect([view.addedWidth, view.addedPlane]).toEqual([addedView.width, addedView.width * addedView.height]);
      const [column, row] = [view.addedOffset % view.addedWidth, Math.floor(view.addedOffset / view.addedWidth)];
      expect(column + view.width).toBeLessThanOrEqual(addedView.width);
      expect(row + view.height).toBeLessThanOrEqual(addedView.height);
    }
    if (typeof output === 'number') held.set(output, dispatch);
  }
}

describe('memory', () => {
  it('three buffers are enough while everything fits', () => {
    const { buffers, width, height } = schedule(taesd(), [4, 16, 24], limits);
    expect([width, height]).toEqual([192, 128]);
    expect(buffers).toHaveLength(3);
    expect(Math.max(...buffers)).toBe(192 * 128 * 64 * 4);
  });
  for (const [name, layers, most] of [
    ['TAESD', taesd(), 3],
    // What its tiles start from stays in a fourth.
    ['TAEF2', taesd(true), 4],
    ['mini', mini(), 3],
  ] as const)
    for (const side of [64, 128, 256])
      it(`${name} of ${side}×${side} latents stays within 256 MiB`, () => {
        const shape = [4, side, side];
        const planned = schedule(layers, shape, limits);
        const { buffers, width, height } = planned;
        expect([width, height]).toEqual([side * 8, side * 8]);
        expect(buffers.length).toBeLessThanOrEqual(most);
        for (const bytes of buffers) expect(bytes).toBeLessThanOrEqual(80 * MiB);
        // With the picture, its read-back, float32 latents of 32 channels and the weights.
        const besides = 2 * width * height * 4 + 32 * side * side * 4 + 8 * MiB;
        expect(total(buffers) + besides).toBeLessThanOrEqual(256 * MiB);
        expect(writes(planned).every((count) => count === 1)).toBe(true);
        expectInside(layers, shape, planned);
        const extra = extraWork(layers, side);
        console.log(
          `${name} ${side}×${side}: ${buffers.map((bytes) => (bytes / MiB).toFixed(1))} MiB, +${(extra * 100).toFixed(1)} % work`,
        );
        expect(extra).toBeLessThan(0.1);
      });
  for (const side of [72, 128, 256])
    it(`what rounds in blocks is computed in the blocks of the whole picture: ${side}×${side}`, () => {
      const layers = taesd();
      const shape = [4, side, side - 3];
      const blocks = layers.map((one, index) => {
        const { stages, tiling } = stagesOf(one, [index === 0 ? 4 : 64, 32, 32], device, 'winograd');
        expect(stages).toHaveLength(tiling ? 3 : 1);
        return tiling?.side ?? 1;
      });
      expect(new Set(blocks)).toEqual(new Set([1, 2, 4]));
      const planned = schedule(layers, shape, limits, blocks);
      expect(planned.buffers.length).toBeLessThanOrEqual(4);
      expect(total(planned.buffers)).toBeLessThanOrEqual(3 * limits.bufferBytes);
      expect(writes(planned).every((count) => count === 1)).toBe(true);
      expectInside(layers, shape, planned);
      const sizes: (readonly number[])[] = [];
      for (const [k, one] of layers.entries()) sizes.push(one.outputShape(sizes[k - (one.from ?? 1)] ?? shape));
      let cut = 0;
      for (const { layer: k, view } of planned.dispatches) {
        const [, height, width] = sizes[k]!;
        const [block, right, below] = [blocks[k]!, view.pictureColumn + view.width, view.pictureRow + view.height];
        expect(view.pictureColumn % block).toBe(0);
        expect(view.pictureRow % block).toBe(0);
        if (right % block) expect(right).toBe(width);
        if (below % block) expect(below).toBe(height);
        if (view.width < width! || view.height < height!) cut++;
      }
      expect(cut).toBeGreaterThan(1);
      const whole = schedule(layers, shape, { ...limits, bufferBytes: Number.POSITIVE_INFINITY });
      const extra = planned.work / whole.work - 1;
      console.log(`TAESD in blocks ${side}×${side}: +${(extra * 100).toFixed(1)} % work`);
      expect(extra).toBeLessThan(0.35);
    });
  it('a picture far larger than memory is computed in tiles too', () => {
    const planned = schedule(taesd(), [4, 130, 1024], limits);
    expect(writes(planned).every((count) => count === 1)).toBe(true);
    expect(planned.buffers).toHaveLength(3);
    expect(extraWork(taesd(), 1024)).toBeLessThan(0.12);
  });
  it('nets that pad unevenly are computed in tiles too', () => {
    const shape = [4, 70, 50];
    const planned = schedule(vaeApprox(), shape, { ...limits, bufferBytes: 300_000 });
    expect([planned.width, planned.height]).toEqual([100, 140]);
    expect(writes(planned).every((count) => count === 1)).toBe(true);
    expect(planned.dispatches.length).toBeGreaterThan(8);
    expectInside(vaeApprox(), shape, planned);
  });
  it('mini decoders, which grow by shuffling, are computed in tiles too', () => {
    const shape = [4, 37, 50];
    const planned = schedule(mini(), shape, { ...limits, bufferBytes: 500_000 });
    expect([planned.width, planned.height]).toEqual([400, 296]);
    expect(writes(planned).every((count) => count === 1)).toBe(true);
    expect(planned.dispatches).toHaveLength(4 * mini().length);
    expectInside(mini(), shape, planned);
    // What a tile takes of the stem beyond its edge: a pixel for each of two convs, half a one for each of five.
    // The first tile has an edge of the picture on the other side.
    const [tile] = planned.dispatches.filter(({ output }) => output === 'picture');
    const from = planned.dispatches.find(({ input }) => input === 'latents')!;
    expect(from.view.width - tile!.view.width / 8).toBe(2 + 3);
  });
  it('half floats take half of it, and fewer tiles', () => {
    const [small, large] = [
      [4, 16, 24],
      [4, 256, 256],
    ];
    const halves = { ...limits, elementBytes: 2 };
    const floats = schedule(taesd(), small!, limits).buffers;
    expect(schedule(taesd(), small!, halves).buffers).toEqual(floats.map((bytes) => bytes / 2));
    const tiles = (of: typeof halves): number =>
      schedule(taesd(), large!, of).dispatches.filter(({ output }) => output === 'picture').length;
    expect(tiles(halves)).toBeGreaterThan(1);
    expect(tiles(halves)).toBeLessThan(tiles({ ...limits, elementBytes: 4 }));
  });
  it('sizes are kept as long as all fit, and room is made before the next is', () => {
    const gone: string[] = [];
    const sizes = new RecentMap<string>(3, (value) => gone.push(value), 100);
    const get = (name: string, bytes: number, before: string[]): void => {
      sizes.get(
        name,
        () => {
          expect(gone).toEqual(before);
          return name;
        },
        bytes,
      );
    };
    get('a', 40, []);
    get('b', 40, []);
    sizes.get('a', () => 'not again');
    get('c', 50, ['b']);
    get('d', 300, ['b', 'a', 'c']);
    get('e', 1, ['b', 'a', 'c', 'd']);
  });
  it('no dispatch reads the buffer it writes', () => {
    for (const { input, added, output } of schedule(taesd(true), [4, 200, 200], limits).dispatches) {
      expect(input).not.toBe(output);
      if (added !== undefined) expect(added).not.toBe(output);
    }
  });
  it('where nothing smaller will do, what runs as a whole takes all that a device binds', () => {
    const tooMuch = () => schedule(taesd(true), [4, 600, 600], limits);
    expect(tooMuch).toThrow(LatentPreviewError);
    const planned = schedule(taesd(true), [4, 600, 600], { ...limits, mostBytes: 128 * MiB });
    expect(Math.max(...planned.buffers)).toBeGreaterThan(limits.bufferBytes);
    expect(Math.max(...planned.buffers)).toBeLessThanOrEqual(128 * MiB);
    expect(writes(planned).every((count) => count === 1)).toBe(true);
    // Where less does, it takes no more.
    const small = schedule(taesd(true), [4, 400, 400], { ...limits, mostBytes: 128 * MiB });
    expect(small).toEqual(schedule(taesd(true), [4, 400, 400], limits));
  });
  it('what cannot fit is a clear error', () => {
    const run = () => schedule(taesd(), [4, 64, 64], { ...limits, bufferBytes: 1000 });
    expect(run).toThrow(LatentPreviewError);
    expect(run).toThrow(/not even the smallest tile of latents \(4, 64, 64\)/);
  });
});

/** What the passes of a decode of TAESD take, as a plan cuts them. */
function worksOf(side: number, family: KernelFamily, mostWork: number): number[] {
  const layers = taesd();
  const planned = schedule(layers, [4, side, side], limits);
  return planned.dispatches.flatMap((dispatch) => {
    const staged = stagesOf(layers[dispatch.layer]!, dispatch.shape, device, family);
    return passesOf(staged, dispatch.view, mostWork).map(({ work }) => work);
  });
}

/** Decodes at the pace on a device whose passes take so long: the milliseconds of each submit. */
function submitsOf(pace: Pace, works: readonly number[], timeOf: (work: number, index: number) => number): number[] {
  const times: number[] = [];
  for (let from = 0, to = 0; from < works.length; from = to) {
    to = pace.cut(works, from);
    const own = works.slice(from, to);
    const milliseconds = own.reduce((sum, work, k) => sum + timeOf(work, from + k), 0);
    pace.took(
      own.reduce((sum, work) => sum + work, 0),
      milliseconds,
    );
    times.push(milliseconds);
  }
  return times;
}

describe('the pace of submits', () => {
  // Multiplications in a millisecond; in the longest dispatch, which a plan cuts once it knows the device.
  for (const [name, rate, family, first, dispatchWork, side] of [
    ['SwiftShader', 2e6, 'winograd', 6e7, 4e7, 32],
    ['SwiftShader on a busy machine', 1e6, 'winograd', 6e7, 4e7, 64],
    ['an integrated GPU', 1e8, 'direct', 5e9, 4e9, 64],
    ['a GPU ten times as slow', 1e7, 'direct', 5e8, 5e8, 32],
  ] as const)
    it(`${name}: submits of a tenth of a second at most, and not many small ones`, () => {
      const works = worksOf(side, family, dispatchWork);
      // Some kernels do their work faster than others.
      const timeOf = (work: number, k: number): number => (work / rate) * (k % 3 === 0 ? 1.4 : 0.9);
      const [begin, ...rest] = submitsOf(new Pace(first), works, timeOf);
      expect(begin).toBeLessThan(150);
      expect(rest.length).toBeGreaterThan(4);
      expect(Math.max(...rest)).toBeLessThan(100);
      expect(rest.reduce((sum, time) => sum + time, 0) / rest.length).toBeGreaterThan(20);
    });
  it('a fast GPU gets all it can take after some submits, and then at once', () => {
    const works = worksOf(64, 'direct', Number.POSITIVE_INFINITY);
    const pace = new Pace(5e9);
    const fast = (work: number): number => work / 1e10 + 0.2;
    expect(submitsOf(pace, works, fast).length).toBeLessThan(5);
    expect(submitsOf(pace, works, fast)).toHaveLength(1);
  });
  it('goes down at once where a submit took longer than it should, and up again step by step', () => {
    const pace = new Pace(1e8);
    pace.took(1e8, 10);
    expect(pace.amount).toBe(4e8);
    pace.took(4e8, 400);
    expect(pace.amount).toBe(4e7);
    // Two that are seen to be done at once: the second took no time of its own.
    pace.took(4e7, 0);
    expect(pace.amount).toBeCloseTo((4.4e8 / 400) * 40);
    pace.took(4e7, 1);
    expect(pace.amount).toBeCloseTo(4 * ((4.4e8 / 400) * 40));
    // A tail of a decode says nothing.
    const { amount } = pace;
    pace.took(1e4, 50);
    expect(pace.amount).toBe(amount);
  });
  it('one pass at least, whatever it takes', () => expect(new Pace(10).cut([100, 100], 1)).toBe(2));
  it('bands cover a direct convolution once, and are no longer than asked', () => {
    for (const one of [conv(64, 64), conv(64, 3), conv(64, 64, { upscale: 2 })]) {
      const staged = stagesOf(one, [64, 75, 50], device, 'direct');
      const [view] = schedule([conv(64, 64), one, conv(one.outputShape([64, 75, 50])[0]!, 3)], [64, 75, 50], limits)
        .dispatches.slice(1)
        .map((dispatch) => dispatch.view);
      const whole = passesOf(staged, view!);
      expect(whole).toHaveLength(1);
      const bands = passesOf(staged, view!, whole[0]!.work / 2.5);
      expect(bands.length).toBeGreaterThan(2);
      const { groupRows } = staged.stages[0]!;
      let row = 0;
      for (const { workgroups, view, work } of bands) {
        expect(view[14]).toBe(row);
        row += workgroups[1] * groupRows!;
        expect(work).toBeLessThanOrEqual(whole[0]!.work / 2.5);
        expect([workgroups[0], workgroups[2]]).toEqual([whole[0]!.workgroups[0], whole[0]!.workgroups[2]]);
      }
      expect(row).toBeGreaterThanOrEqual(view!.height);
      expect(row - groupRows!).toBeLessThan(view!.height);
    }
  });
});

describe('stages', () => {
  for (const [channels, upscale, side] of [
    [16, 1, 4],
    [64, 1, 4],
    [64, 2, 2],
    [512, 1, 4],
  ] as const)
    it(`strips cover ${channels} channels enlarged ×${upscale} once, over little scratch`, () => {
      const [height, width] = [123, 200];
      const layer = conv(channels, channels, { upscale });
      const staged = stagesOf(layer, [channels, height, width], device, 'winograd');
      for (const scratch of ['tiles', 'sums'] as const)
        expect(scratchBytes([staged], scratch)).toBeLessThanOrEqual(5 * MiB);
      const [view] = schedule([layer, conv(channels, 3)], [channels, height, width], {
        bufferBytes: Number.POSITIVE_INFINITY,
      }).dispatches.map((dispatch) => dispatch.view);
      const passes = passesOf(staged, view!);
      const covered = [0, 0, 0];
      for (const { stage, view } of passes) {
        expect(view[11]).toBe(covered[stage]);
        covered[stage]! += view[12]!;
      }
      const tiles = Math.ceil((width * upscale) / side) * Math.ceil((height * upscale) / side);
      expect(covered).toEqual([tiles, tiles, tiles]);
    });
  it('are not for real GPUs, nor for few channels', () => {
    expect(stagesOf(conv(64, 64), [64, 8, 8], device, 'direct').stages).toHaveLength(1);
    expect(stagesOf(conv(64, 8), [64, 8, 8], device, 'winograd').stages).toHaveLength(1);
  });
});
