// Who computes in half floats. SwiftShader cannot, so Dawn's null backend stands in for a GPU that can: it compiles with
// Tint as any other and runs nothing. What half floats make of a decode is half-suite.ts, which Deno runs on lavapipe.

import { afterAll, describe, expect, it } from 'vitest';
import { create } from 'webgpu';
import { compileKernel } from '../src/gpu/kernel';
import { fitsHalves } from '../src/gpu/precision';
import { createPreviewer, LatentPreviewError, latentsFromArray, taesd } from '../src/index';
import { opExamples } from '../src/ops/index';
import type { Layer } from '../src/ops/op';
import { convFixtures } from './conv-fixtures';

// Kept where nothing collects it while its device lives: see setup/gpu.ts.
const holder = globalThis as { latentPreviewNullGpu?: GPU };
holder.latentPreviewNullGpu = create(['backend=null']);
const gpu = holder.latentPreviewNullGpu;
const adapter = await gpu.requestAdapter();
const device = (await adapter?.requestDevice({ requiredFeatures: ['shader-f16'] }))!;
afterAll(() => device.destroy());

const { format, decoder, weights } = convFixtures.find(({ name }) => name === 'taesd')!;
const chosen = async (options: Partial<Parameters<typeof createPreviewer>[0]>): Promise<string> => {
  const previewer = await createPreviewer({ format, decoder: decoder(), device, ...options });
  previewer.destroy();
  return previewer.precision;
};

describe('91 on a GPU with shader-f16', () => {
  it('is one here', () => expect(device.adapterInfo.isFallbackAdapter).toBe(false));
  it('conv decoders get half floats', async () => {
    expect(await chosen({})).toBe('float16');
    expect(await chosen({ precision: 'auto' })).toBe('float16');
    for (const { format, decoder } of convFixtures)
      expect(await chosen({ format, decoder: decoder() })).toBe('float16');
  });
  it('float32 where that is asked for', async () => expect(await chosen({ precision: 'float32' })).toBe('float32'));
  it('per-pixel maps stay float32, whatever is asked for', async () => {
    const previewer = await createPreviewer({ format: 'sdxl', decoder: 'map', device, precision: 'float16' });
    expect(previewer.precision).toBe('float32');
    previewer.destroy();
  });
  it.each([65520, -1e6, Number.NaN])('a weight of %d is decoded in float32', async (weight) => {
    const tensor = weights().get('3.conv.0.weight')!;
    const data = new Float32Array(tensor.data.length).fill(0.5);
    data[7] = weight;
    const odd = new Map([...weights(), ['3.conv.0.weight', { dtype: 'float32' as const, shape: tensor.shape, data }]]);
    expect(await chosen({ decoder: taesd(odd), precision: 'float16' })).toBe('float32');
    data[7] = 65504;
    expect(await chosen({ decoder: taesd(odd) })).toBe('float16');
  });
  it('weights and activations take half the bytes', async () => {
    const bytes = async (precision: 'float16' | 'float32'): Promise<Map<string, number>> => {
      const sizes = new Map<string, number>();
      const create = device.createBuffer.bind(device);
      device.createBuffer = (descriptor) => {
        sizes.set(`${descriptor.label}`, descriptor.size);
        return create(descriptor);
      };
      const previewer = await createPreviewer({ format, decoder: decoder(), device, precision });
      previewer.record(device.createCommandEncoder(), latentsFromArray(new Float32Array(256), { shape: [1, 4, 8, 8] }));
      previewer.destroy();
      device.createBuffer = create;
      return sizes;
    };
    const [halves, floats] = [await bytes('float16'), await bytes('float32')];
    const counted = [...floats].filter(([label]) => / weights$|^activations \d/.test(label));
    expect(counted.length).toBeGreaterThan(20);
    for (const [label, size] of counted) expect([label, halves.get(label)]).toEqual([label, Math.max(16, size / 2)]);
  });
});

describe('Tint takes the half-float form of', () => {
  const able = opExamples().filter(({ layer, shape }) => layer.kernel(shape, device.limits).takesHalves);
  it('some kernels', () => expect(new Set(able.map(({ layer: { name } }) => name)).size).toBeGreaterThan(2));
  const compile = ({ layer, shape }: { layer: Layer; shape: readonly number[] }, output: 'activations' | 'picture') =>
    compileKernel(device, {
      kernel: layer.kernel(shape, device.limits),
      input: layer.input,
      output,
      precision: 'float16',
    });
  for (const [index, example] of able.entries())
    it(`${example.layer.name} #${index}`, async () => {
      for (const output of ['activations', 'picture'] as const) expect(await compile(example, output)).toBeDefined();
    });
});

it('91 on a device without shader-f16, asking for half floats is an error that says what is missing', async () => {
  const device = (await (await gpu.requestAdapter())?.requestDevice())!;
  const error = await chosen({ device, precision: 'float16' }).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(LatentPreviewError);
  expect((error as LatentPreviewError).code).toBe('gpu-unavailable');
  expect((error as LatentPreviewError).message).toMatch(/'float16' needs a device with the feature 'shader-f16'/);
  expect(await chosen({ device })).toBe('float32');
  device.destroy();
});

it('the CPU computes in float32', async () => {
  const previewer = await createPreviewer({ format, decoder: decoder(), backend: 'cpu', precision: 'float16' });
  expect(previewer.precision).toBe('float32');
});

it('halves end at 65504', () => {
  expect(fitsHalves(Float32Array.of(0, 65504, -65504, 1e-30))).toBe(true);
  for (const value of [65505, -65505, 65520, Number.NaN, Number.POSITIVE_INFINITY])
    expect(fitsHalves(Float32Array.of(0, value))).toBe(false);
});
