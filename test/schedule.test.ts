// What a conv decoder needs of a GPU, worked out without one: memory, bands, slices.

import { describe, expect, it } from 'vitest';
import { schedule } from '../src/gpu/schedule';
import { passesOf, scratchBytes, stagesOf } from '../src/gpu/stages';
import { LatentPreviewError } from '../src/index';
import type { Conv2dParams } from '../src/ops/conv2d';
import { conv2d, groupNorm, layer, unpack } from '../src/ops/index';
import type { Layer } from '../src/ops/op';

const conv = (inputs: number, outputs: number, rest: Partial<Conv2dParams> = {}, add?: number): Layer =>
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
    add === undefined ? {} : { add },
  );
const block = (width: number): Layer[] => [conv(width, width), conv(width, width), conv(width, width, {}, 3)];
const up = (width: number): Layer => conv(width, width, { upscale: 2, activation: 'none' });

/** The layers of TAESD, with the pools of TAEF2 where `pooled`. */
function taesd(pooled = false): Layer[] {
  const norm = {
    groups: 4,
    epsilon: 1e-5,
    weight: new Float32Array(256),
    bias: new Float32Array(256),
    activation: 'relu',
  } as const;
  const pool = [
    conv(64, 256, { size: 1, padding: 0, weight: new Float32Array(64 * 256), activation: 'none' }),
    layer(groupNorm, norm),
    conv(256, 64, { size: 1, padding: 0, weight: new Float32Array(64 * 256), activation: 'none' }, 3),
  ];
  const middle = [1, 2, 3].flatMap(() => [...(pooled ? pool : []), ...block(64)]);
  const three = [1, 2, 3].flatMap(() => block(64));
  return [
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
  ];
}

const MiB = 2 ** 20;
const limits = { bufferBytes: 64 * MiB, sliceWork: 10e9 };
const total = (bytes: readonly number[]): number => bytes.reduce((sum, size) => sum + size, 0);

describe('memory', () => {
  it('three buffers are enough while everything fits', () => {
    const { buffers, width, height } = schedule(taesd(), [4, 16, 24], limits);
    expect([width, height]).toEqual([192, 128]);
    expect(buffers).toHaveLength(3);
    expect(Math.max(...buffers)).toBe(192 * 128 * 64 * 4);
  });
  for (const [name, pooled] of [
    ['TAESD', false],
    ['TAEF2', true],
  ] as const)
    for (const side of [64, 128, 256])
      it(`${name} of ${side}×${side} latents stays within 256 MiB`, () => {
        const { buffers, slices, width } = schedule(taesd(pooled), [4, side, side], limits);
        expect(width).toBe(side * 8);
        expect(total(buffers)).toBeLessThanOrEqual(256 * MiB);
        for (const bytes of buffers) expect(bytes).toBeLessThanOrEqual(64 * MiB);
        // Each picture row is written once, in order.
        const writes = slices.flat().filter(({ output }) => output === 'picture');
        let row = 0;
        for (const { pictureRow, keepCount } of writes) {
          expect(pictureRow).toBe(row);
          row += keepCount;
        }
        expect(row).toBe(side * 8);
        if (side === 256) expect(writes.length).toBeGreaterThan(1);
      });
  it('no dispatch reads the buffer it writes', () => {
    for (const { input, added, output } of schedule(taesd(true), [4, 200, 200], limits).slices.flat()) {
      expect(input).not.toBe(output);
      if (added !== undefined) expect(added).not.toBe(output);
    }
  });
  it('what cannot fit is a clear error', () => {
    const run = () => schedule(taesd(), [4, 64, 64], { ...limits, bufferBytes: 1000 });
    expect(run).toThrow(LatentPreviewError);
    expect(run).toThrow(/not even a band of latents \(4, 64, 64\)/);
  });
});

describe('slices', () => {
  it('a small decode is one', () => expect(schedule(taesd(), [4, 8, 8], limits).slices).toHaveLength(1));
  it('a large one is cut, no slice over the work unless it is one dispatch', () => {
    const layers = taesd();
    const { slices } = schedule(layers, [4, 128, 128], limits);
    expect(slices.length).toBeGreaterThan(10);
    for (const slice of slices) {
      const work = slice.reduce((sum, { layer: k, width, height }) => sum + layers[k]!.work * width * height, 0);
      if (slice.length > 1) expect(work).toBeLessThanOrEqual(limits.sliceWork);
    }
  });
});

describe('stages', () => {
  const device = { maxComputeWorkgroupStorageSize: 16384, maxComputeInvocationsPerWorkgroup: 256 };
  const whole = { layer: 0, input: 0, output: 1, inputOffset: 0, keepFirst: 0, pictureRow: 0 };
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
      const size = { shape: [channels, height, width], width: width * upscale, height: height * upscale };
      const passes = passesOf(staged, { ...whole, ...size, inputPlane: height * width, keepCount: height * upscale });
      const covered = [0, 0, 0];
      for (const { stage, view } of passes) {
        expect(view[10]).toBe(covered[stage]);
        covered[stage]! += view[11]!;
      }
      const tiles = Math.ceil((width * upscale) / side) * Math.ceil((height * upscale) / side);
      expect(covered).toEqual([tiles, tiles, tiles]);
    });
  it('are not for real GPUs, nor for few channels', () => {
    expect(stagesOf(conv(64, 64), [64, 8, 8], device, 'direct').stages).toHaveLength(1);
    expect(stagesOf(conv(64, 8), [64, 8, 8], device, 'winograd').stages).toHaveLength(1);
  });
});
