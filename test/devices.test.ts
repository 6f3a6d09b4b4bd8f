// Devices and buffers of every sort: at default limits, with features that nobody needs, in states that forbid their use.

import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
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
import { checked, describeGpu, withDevice } from './setup/gpu';
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
        { format: 'sdxl' },
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

  it('92 may have subgroups of any size, or none: no kernel asks for them', async () => {
    const folder = new URL('../shaders/', import.meta.url);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.wgsl'));
    expect(files.length).toBeGreaterThan(10);
    for (const file of files)
      expect(readFileSync(new URL(file, folder), 'utf8')).not.toMatch(
        /^\s*enable\b.*subgroups|\bsubgroup[A-Z]\w*\s*\(/m,
      );
    const adapter = await navigator.gpu.requestAdapter();
    const decode = async (device: GPUDevice): Promise<ImageData> => {
      const previewer = await createPreviewer({ format: 'sdxl', decoder: linear('sdxl'), device });
      return previewer.toImageData(latents());
    };
    const plain = await decode(device!);
    if (adapter!.features.has('subgroups'))
      await withDevice(async (other) => expect(await decode(other)).toEqual(plain), {
        requiredFeatures: ['subgroups'],
      });
    else console.log('skipped: a device with subgroups – the adapter has none');
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
