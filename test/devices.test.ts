// Devices and buffers of every sort: at default limits, with features that nobody needs, in states that forbid their use.

import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { familyOf } from '../src/gpu/stages';
import {
  createPreviewer,
  LatentPreviewError,
  type Latents,
  latentsFromArray,
  latentsFromBuffer,
  linear,
} from '../src/index';
import { noise } from '../src/ops/examples';
import { convFixtures } from './conv-fixtures';
import { checked, describeGpu } from './setup/gpu';
import { differingPictures } from './tolerances';

const latents = (channels = 4): Latents => latentsFromArray(noise(channels * 30, 1), { shape: [1, channels, 5, 6] });

// Kernels compile for a device anew, which takes a busy machine a while.
describeGpu('a device', { timeout: 180_000 }, async () => {
  const device = await (await navigator.gpu.requestAdapter())?.requestDevice();
  afterAll(() => device?.destroy());

  it('89 at default limits decodes with a table, a fitted map and a net, as the CPU does', () =>
    checked(device!, async () => {
      // As the specification has them.
      const { maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupStorageSize, maxStorageBufferBindingSize } =
        device!.limits;
      expect([maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupStorageSize, maxStorageBufferBindingSize]).toEqual([
        256,
        16384,
        2 ** 27,
      ]);
      const { format, decoder } = convFixtures.find(({ name }) => name === 'vae-approx')!;
      for (const options of [
        { format: 'sdxl', decoder: linear('sdxl') },
        { format: 'sdxl', decoder: 'map' as const },
        { format, decoder: decoder() },
      ]) {
        const gpu = await createPreviewer({ ...options, device: device! });
        const cpu = await createPreviewer({ ...options, backend: 'cpu' });
        const { channels } = gpu.format;
        const [found, expected] = [await gpu.toImageData(latents(channels)), await cpu.toImageData(latents(channels))];
        expect(differingPictures(found, expected)).toBeUndefined();
        gpu.destroy();
      }
    }));

  it('92 has subgroups of one size, or of several, or none: kernels with quads are for quads alone', () => {
    const family = (sizes: readonly [number, number] | undefined, isFallbackAdapter = true): string => {
      const [subgroupMinSize, subgroupMaxSize] = sizes ?? [4, 128];
      const features = new Set(sizes ? ['subgroups'] : []);
      const adapterInfo = { isFallbackAdapter, subgroupMinSize, subgroupMaxSize };
      return familyOf({ features, adapterInfo } as unknown as GPUDevice, 'float32');
    };
    expect(family([4, 4])).toBe('winograd-quads');
    for (const sizes of [[8, 8], [32, 32], [64, 64], [4, 8], [4, 128], undefined] as const)
      expect(family(sizes)).toBe('winograd');
    expect(family([32, 32], false)).toBe('direct');
    // No other kernel asks for them.
    const folder = new URL('../shaders/', import.meta.url);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.wgsl'));
    const asking = files.filter((file) =>
      /^\s*enable\b.*subgroups|\b(subgroup|quad)[A-Z]\w*\s*\(/m.test(readFileSync(new URL(file, folder), 'utf8')),
    );
    expect(asking.map((file) => basename(file)).sort()).toEqual(['conv2d-products-quads.wgsl', 'subgroups.wgsl']);
  });

  for (const [state, put] of [
    ['destroyed', (buffer: GPUBuffer) => buffer.destroy()],
    ['mapped', () => {}],
  ] as const)
    it(`98 whose buffer is ${state} objects, the call rejects with its words, and the next is right`, () =>
      checked(device!, async () => {
        const previewer = await createPreviewer({ format: 'sdxl', decoder: linear('sdxl'), device: device! });
        const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
        const buffer = device!.createBuffer({ label: 'theirs', size: 480, usage, mappedAtCreation: true });
        new Float32Array(buffer.getMappedRange()).set(noise(120, 1));
        put(buffer);
        const given = latentsFromBuffer(buffer, { shape: [1, 4, 5, 6] });
        const error = await previewer.toImageData(given).catch((error: unknown) => error);
        expect(error).toBeInstanceOf(LatentPreviewError);
        expect((error as LatentPreviewError).code).toBe('shader');
        expect((error as LatentPreviewError).message).toMatch(new RegExp(`theirs.*${state}`));
        const expected = await previewer.toImageData(latents());
        if (state === 'mapped') {
          buffer.unmap();
          expect(await previewer.toImageData(given)).toEqual(expected);
        }
        buffer.destroy();
        previewer.destroy();
      }));
});
