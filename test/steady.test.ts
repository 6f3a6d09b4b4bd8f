// What stays the same however long it goes on: GPU objects, and who listens to a device that others use too. Everything that a
// device makes is counted, and what is destroyed is taken off.

import { afterAll, expect, it, vi } from 'vitest';
import { createPreviewer, type Latents, latentsFromArray, linear, type Previewer } from '../src/index';
import { noise } from '../src/ops/examples';
import { conv2d, layer, unpack } from '../src/ops/index';
import { checked, describeGpu, takeGpuErrors } from './setup/gpu';
import { differingPictures } from './tolerances';

const latentsOf = (side: number, seed = 1): Latents =>
  latentsFromArray(noise(4 * side ** 2, seed), { shape: [1, 4, side, side] });

/** By kind, what a device made: in all, and of what can be destroyed what is not. */
function countObjects(device: GPUDevice) {
  const made: Record<string, number> = {};
  const live = new Set<object>();
  const kinds = Object.getOwnPropertyNames(GPUDevice.prototype).filter((name) => name.startsWith('create'));
  for (const name of kinds as (keyof GPUDevice)[]) {
    const create = (device[name] as (descriptor: unknown) => object).bind(device);
    vi.spyOn(device, name as 'createBuffer').mockImplementation(((descriptor: unknown) => {
      made[name] = (made[name] ?? 0) + 1;
      const thing = create(descriptor) as GPUBuffer;
      if (typeof thing.destroy !== 'function') return thing;
      live.add(thing);
      const destroy = thing.destroy.bind(thing);
      thing.destroy = () => {
        live.delete(thing);
        destroy();
        return undefined;
      };
      return thing;
    }) as never);
  }
  // One per submit, gone with it.
  const lasting = () => Object.entries(made).filter(([name]) => name !== 'createCommandEncoder');
  return { live, lasting: () => Object.fromEntries(lasting()) };
}

/** A net with weights, scratch, an addition and planes between: everything that a plan keeps. */
const net = {
  ...linear('sdxl'),
  name: 'small net',
  layers: [4, 8, 8].map((inputs, index) =>
    layer(
      conv2d,
      {
        ...{ inputs, outputs: index < 2 ? 8 : 3, size: 3, padding: 1, upscale: 1 },
        weight: noise((index < 2 ? 8 : 3) * inputs * 9, index).map((value) => value / 8),
        activation: index < 2 ? 'relu' : 'none',
      },
      {},
    ),
  ),
};
net.layers.unshift(layer(unpack, { channels: 4, clamp: true }));

// One device for all: its kernels are compiled once, which takes a software adapter most of the time.
const theDevice = await (await navigator.gpu.requestAdapter())?.requestDevice();
afterAll(() => theDevice?.destroy());
const withDevice = (run: (device: GPUDevice) => Promise<void>): Promise<void> =>
  checked(theDevice!, () => run(theDevice!)).finally(() => vi.restoreAllMocks());

// So many frames take a busy machine a while.
describeGpu('on a device of others', { timeout: 180_000 }, () => {
  it('101 a thousand decodes make nothing after the first ones, at two sizes, into pictures and encoders', () =>
    withDevice(async (device) => {
      const previewer = await createPreviewer({ format: 'sdxl', decoder: net, device });
      const { live, lasting } = countObjects(device);
      const waiting = vi.spyOn(device.lost, 'then');
      const decode = async (seed: number): Promise<void> => {
        const side = seed % 2 ? 4 : 7;
        if (seed % 5 === 0) {
          const encoder = device.createCommandEncoder();
          previewer.record(encoder, latentsOf(side, seed % 3), { size: 'image' });
          device.queue.submit([encoder.finish()]);
        } else
          await previewer.toImageData(latentsOf(side, seed % 3), seed % 4 ? {} : { size: { width: 9, height: 5 } });
      };
      for (let seed = 0; seed < 40; seed++) await decode(seed);
      const [before, made] = [live.size, lasting()];
      expect(before).toBeGreaterThan(3);
      for (let seed = 0; seed < 1000; seed += 20)
        await Promise.all(Array.from({ length: 20 }, (_, k) => decode(seed + k)));
      expect(live.size).toBe(before);
      expect(lasting()).toEqual(made);
      // Who waits for a device waits for its loss too, but leaves when done: nothing hangs on that promise for each frame.
      expect(waiting).not.toHaveBeenCalled();
      previewer.destroy();
      expect([...live].map((thing) => (thing as GPUBuffer).label).filter((label) => !shortLived.test(label))).toEqual(
        [],
      );
    }));

  it('101 two hundred previewers, made and destroyed, leave no buffer, texture or listener behind', () =>
    withDevice(async (device) => {
      const { live, lasting } = countObjects(device);
      const lost = vi.spyOn(device.lost, 'then');
      const listening = vi.spyOn(device, 'addEventListener');
      let first: Record<string, number> = {};
      const cycle = async (options: object): Promise<void> => {
        const previewer = await createPreviewer({ format: 'sdxl', device, ...options });
        await previewer.toImageData(latentsOf(3), { size: 'image' });
        previewer.destroy();
      };
      for (let round = 0; round < 100; round++) {
        await cycle({ decoder: net });
        await cycle({ decoder: linear('sdxl') });
        if (round === 0) first = lasting();
      }
      // Buffers of a few bytes that encoders may hold are left to the collector.
      expect([...live].map((thing) => (thing as GPUBuffer).label).filter((label) => !shortLived.test(label))).toEqual(
        [],
      );
      // Kernels are compiled once for the device.
      const { createShaderModule, createComputePipelineAsync } = lasting();
      expect([createShaderModule, createComputePipelineAsync]).toEqual([
        first.createShaderModule,
        first.createComputePipelineAsync,
      ]);
      expect(lost.mock.calls.length).toBeLessThanOrEqual(1);
      expect(listening).not.toHaveBeenCalled();
      expect(device.onuncapturederror).toBeNull();
    }));

  it('102 two previewers in turn, and at once, are each what they are alone', () =>
    withDevice(async (device) => {
      const decoders = [linear('sdxl'), net];
      const alone: Previewer[] = await Promise.all(
        decoders.map((decoder) => createPreviewer({ format: 'sdxl', decoder, backend: 'cpu' })),
      );
      const pair = await Promise.all(decoders.map((decoder) => createPreviewer({ format: 'sdxl', decoder, device })));
      for (let round = 0; round < 8; round++) {
        const latents = latentsOf(3 + (round % 3), round);
        // In one task, every second round one after the other.
        const pictures =
          round % 2 === 0
            ? await Promise.all([...pair, ...pair].map((previewer) => previewer.toImageData(latents)))
            : [
                await pair[0]!.toImageData(latents),
                await pair[1]!.toImageData(latents),
                await pair[0]!.toImageData(latents),
                await pair[1]!.toImageData(latents),
              ];
        for (const [k, picture] of pictures.entries())
          expect(differingPictures(picture, await alone[k % 2]!.toImageData(latents))).toBeUndefined();
      }
      for (const previewer of pair) previewer.destroy();
    }));

  it('100 an uncaptured error of the device fails a test, and a good run has none', async () => {
    await withDevice(async (device) => {
      const previewer = await createPreviewer({ format: 'sdxl', decoder: net, device });
      await previewer.toImageData(latentsOf(4), { size: 'image', resample: 'bicubic' });
      previewer.destroy();
    });
    expect(await takeGpuErrors()).toEqual([]);
    const device = (await (await navigator.gpu.requestAdapter())!.requestDevice())!;
    device.createBuffer({ size: 7, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
    expect(await takeGpuErrors()).toEqual([expect.stringContaining('GPUValidationError')]);
    device.destroy();
  });
});

const shortLived = /latent view|domain map/;
