// What becomes of single numbers: those that are none, huge or tiny ones, and where a step of 8 bits begins. Expected values
// are worked by hand from the identity map (RGB in −1..1). Pictures of odd sizes, too.

import { describe, expect, it } from 'vitest';
import {
  createPreviewer,
  type DType,
  type Latents,
  latentsFromArray,
  type PreviewerOptions,
  type Tensor,
} from '../src/index';
import { noise } from '../src/ops/examples';
import { numberToFloat16 } from '../src/tensor';
import { convFixtures } from './conv-fixtures';
import { describeGpu, withDevice } from './setup/gpu';
import { differingPictures } from './tolerances';

/** Red, green, blue and alpha of every pixel. */
async function shown(latents: Latents, options: PreviewerOptions): Promise<number[][]> {
  const previewer = await createPreviewer(options);
  const { data } = await previewer.toImageData(latents);
  previewer.destroy();
  return Array.from({ length: data.length / 4 }, (_, i) => [...data.subarray(4 * i, 4 * i + 4)]);
}

/** A row of grey pixels, as latents of the identity map. */
function greys(values: readonly number[], dtype: DType = 'float32'): Latents {
  const all = [...values, ...values, ...values];
  const bits = new Uint32Array(Float32Array.from(all).buffer);
  const data: Tensor['data'] =
    dtype === 'float16'
      ? Uint16Array.from(all, numberToFloat16)
      : dtype === 'bfloat16'
        ? Uint16Array.from(bits, (word) => word >>> 16)
        : dtype === 'float64'
          ? Float64Array.from(all)
          : Float32Array.from(all);
  return latentsFromArray(data, { shape: [3, 1, values.length], dtype, format: 'pixel' });
}

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

// Value, and the byte that (value / 2 + 1/2) × 255 rounds to; what is not finite reads as 0.
const odd: [number, number][] = [
  [nan, 128],
  [infinity, 128],
  [-infinity, 128],
  [0, 128], // (0 / 2 + 1/2) × 255 is 127.5
  [-0, 128],
  [1e30, 255],
  [-1e30, 0],
  [65504, 255],
  [1e-40, 128], // subnormal in float32
  [1, 255],
  [-1, 0],
  [0.5, 191],
];

// The middle of a step, just below and just above: bytes round half up and are not cut off.
const steps: [number, number][] = [3, 64, 127, 200, 254].flatMap((step): [number, number][] => [
  [(2 * step) / 255 - 1, step],
  [(2 * (step + 0.499)) / 255 - 1, step],
  [(2 * (step + 0.501)) / 255 - 1, step + 1],
]);

/** Runs on the CPU, and on a GPU where there is one. */
function everywhere(name: string, run: (options: Pick<PreviewerOptions, 'backend' | 'device'>) => Promise<void>): void {
  it(`${name}, on the CPU`, () => run({ backend: 'cpu' }));
  describeGpu('on the GPU', () => {
    it(name, () => withDevice((device) => run({ device })));
  });
}

describe('80 numbers of every sort', () => {
  for (const dtype of ['float32', 'float64', 'float16', 'bfloat16'] as const)
    everywhere(dtype, async (options) => {
      // 65504 is no bfloat16, 1e30 no float16: there it is an infinity, which reads as 0.
      const cases = odd
        .filter(([value]) => Math.abs(value) > 1e-3 || value === 0 || Number.isNaN(value) || dtype === 'float32')
        .map(([value, byte]) => (dtype === 'float16' && Math.abs(value) === 1e30 ? [value, 128] : [value, byte]));
      const pixels = await shown(
        greys(
          cases.map(([value]) => value as number),
          dtype,
        ),
        { format: 'pixel', ...options },
      );
      expect(pixels).toEqual(cases.map(([, byte]) => [byte, byte, byte, 255]));
    });

  everywhere('82 bytes round half up', async (options) => {
    const pixels = await shown(greys(steps.map(([value]) => value)), { format: 'pixel', ...options });
    expect(pixels).toEqual(steps.map(([, byte]) => [byte, byte, byte, 255]));
  });
});

// Every kind of decoder: what is not finite reads as 0, before any sum could spread it.
const decoders = [
  ['a table', { format: 'pixel' }, 3],
  ['a fitted map', { format: 'sdxl', decoder: 'map' }, 4],
  ...convFixtures
    .filter(({ name }) => ['taesd', 'taef2', 'vae-approx'].includes(name))
    .map(
      ({ name, format, decoder }) =>
        [name, { format, decoder: decoder() }, format.channels] as [string, object, number],
    ),
] as [string, PreviewerOptions, number][];

describe('80 latents that are broken', () => {
  for (const [name, decoder, channels] of decoders)
    everywhere(name, async (options) => {
      const previewer = await createPreviewer({ ...decoder, ...options });
      const size = 4;
      const picture = async (change: (values: Float32Array) => void): Promise<number[]> => {
        const values = noise(channels * size ** 2, 7);
        change(values);
        return [...(await previewer.toImageData(latentsFromArray(values, { shape: [channels, size, size] }))).data];
      };
      const places = [0, 5, size ** 2 + 3, 2 * size ** 2];
      const broken = [nan, infinity, -infinity, nan];
      const some = await picture((values) => places.map((place, k) => values.fill(broken[k]!, place, place + 1)));
      expect(some).toEqual(await picture((values) => places.map((place) => values.fill(0, place, place + 1))));
      expect(some).not.toEqual(await picture(() => {}));
      expect(await picture((values) => values.fill(nan))).toEqual(await picture((values) => values.fill(0)));
      expect(await picture((values) => values.fill(1e30))).toEqual(await picture((values) => values.fill(65504)));
      previewer.destroy();
    });
});

describe('79 odd sizes, on the GPU as on the CPU', () => {
  describeGpu('on the GPU', () => {
    for (const [height, width] of [
      [1, 1],
      [1, 37],
      [53, 1],
      [37, 53],
    ] as const)
      for (const [name, decoder, channels] of decoders.slice(0, 2))
        it(`${name}, ${height}×${width}`, () =>
          withDevice(async (device) => {
            const latents = latentsFromArray(noise(channels * height * width, 3), {
              shape: [channels, height, width],
            });
            const gpu = await createPreviewer({ ...decoder, device });
            const cpu = await createPreviewer({ ...decoder, backend: 'cpu' });
            const [found, expected] = [await gpu.toImageData(latents), await cpu.toImageData(latents)];
            const { upscale } = gpu.decoder;
            expect([found.width, found.height]).toEqual([width * upscale, height * upscale]);
            expect(differingPictures(found, expected)).toBeUndefined();
            gpu.destroy();
          }));

    // Longer than a texture may be at default limits: the CPU shows it, the GPU says why not before it allocates.
    it('79 16384×1', () =>
      withDevice(async (device) => {
        const values = noise(3 * 16384, 3);
        const latents = latentsFromArray(values, { shape: [3, 16384, 1], format: 'pixel' });
        const pixels = await shown(latents, { format: 'pixel', backend: 'cpu' });
        expect(pixels).toHaveLength(16384);
        const last = Math.floor((Math.min(1, Math.max(-1, values[16383]!)) / 2 + 0.5) * 255 + 0.5);
        expect(pixels[16383]![0]).toBe(last);
        const previewer = await createPreviewer({ format: 'pixel', device });
        await expect(previewer.toImageData(latents)).rejects.toMatchObject({
          code: 'gpu-limit',
          message: expect.stringMatching(/16384.*8192/s),
        });
        previewer.destroy();
      }));
  });
});
