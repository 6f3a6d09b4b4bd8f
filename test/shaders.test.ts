// A shader that does not compile is an error that names the file and its line, not a line of the joined text.

import { readdirSync, readFileSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { joinShader, locate } from '../src/gpu/shaders';
import { createPreviewer, LatentPreviewError } from '../src/index';
import { combine } from '../src/ops/combine';
import {
  conv2d,
  groupNorm,
  latentMap,
  linear,
  mlp,
  pixelShuffle,
  polynomial,
  resize,
  smooth,
  unpack,
} from '../src/ops/index';
import { describeGpu, withDevice } from './setup/gpu';

const folder = new URL('../shaders/', import.meta.url);
const ops = [conv2d, groupNorm, latentMap, linear, mlp, pixelShuffle, polynomial, resize, smooth, unpack];

// The other forms of a convolution.
const convStages = [
  'winograd-tiles',
  'nine-tiles',
  'conv2d-products',
  'conv2d-products-quads',
  'winograd-pixels',
  'nine-pixels',
];
const forms = [...convStages, 'conv2d-narrow', 'conv2d-doubled', 'conv2d-single'].map((name) => ({
  name,
  input: 'activations' as const,
}));

it('has one file per op and form of a convolution, and no other', () =>
  expect(
    readdirSync(folder)
      .filter((name) => name.endsWith('.wgsl'))
      .sort(),
  ).toEqual([...ops, ...forms, combine].map(({ name }) => `${name}.wgsl`).sort()));

it.each([...ops, ...forms, { name: 'conv2d', input: 'unpacked' as const }])(
  'finds every line of $name again',
  ({ name, input }) => {
    for (const [output, precision] of [
      ['activations', 'float32'],
      ['picture', 'float32'],
      ['activations', 'float16'],
    ] as const) {
      const source = joinShader(name, input, output, precision);
      const lines = source.code.split('\n');
      for (const { name: file, firstLine } of source.files) {
        const original = readFileSync(new URL(file, folder), 'utf8').split('\n');
        original.forEach((text, index) => {
          expect(lines[firstLine - 1 + index]).toBe(text);
          expect(locate(firstLine + index, source)).toBe(`${file}:${index + 1}`);
        });
      }
    }
  },
);

describeGpu('compiler messages', () => {
  it('name the .wgsl file and line', () =>
    withDevice(async (device) => {
      const create = device.createShaderModule.bind(device);
      const spy = vi.spyOn(device, 'createShaderModule').mockImplementation((descriptor) =>
        create({
          ...descriptor,
          code: descriptor.code.replace('var sums = Sums(', 'var sums = Sumz('),
        }),
      );
      // The broken module is a GPU error of its own, provoked here.
      device.pushErrorScope('validation');
      const error = await createPreviewer({ format: 'sd15/sdcpp', device }).catch((error: unknown) => error);
      expect(await device.popErrorScope()).not.toBeNull();
      spy.mockRestore();
      expect(error).toBeInstanceOf(LatentPreviewError);
      const line =
        readFileSync(new URL('linear.wgsl', folder), 'utf8')
          .split('\n')
          .findIndex((text) => text.includes('var sums = Sums(')) + 1;
      expect((error as LatentPreviewError).code).toBe('shader');
      expect((error as LatentPreviewError).message).toContain(`linear.wgsl:${line}`);
    }));
});
