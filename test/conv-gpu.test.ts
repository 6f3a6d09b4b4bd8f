// Conv decoders on Dawn: real weights against PyTorch, tiles against the whole, progress, cancellation, memory.

import { existsSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { nextTurn } from '../src/clock';
import { outputScale } from '../src/decoders/decoder';
import { mini } from '../src/decoders/index';
import { createGpuDecoder, type GpuDecoder } from '../src/gpu/decode';
import { fuseLayers } from '../src/gpu/fuse';
import { Pace } from '../src/gpu/pace';
import type { PlanLimits } from '../src/gpu/plan';
import { schedule } from '../src/gpu/schedule';
import { familyOf, type KernelFamily, stagesOf } from '../src/gpu/stages';
import { createPreviewer, LatentPreviewError, latentsFromArray, requestDevice } from '../src/index';
import { noise } from '../src/ops/examples';
import { conv2d, layer, unpack } from '../src/ops/index';
import { type Layer, paramsOf } from '../src/ops/op';
import { domainMap, viewLatents } from '../src/view';
import { type ConvFixture, convFixtures } from './conv-fixtures';
import { goldenCases } from './golden-suite';
import { miniWeights } from './mini-net';
import { checked, describeGpu, withDevice as withFreshDevice } from './setup/gpu';
import { differingPictures } from './tolerances';

const fixture = (name: string): ConvFixture => convFixtures.find((one) => one.name === name)!;

// One device for all: its pipelines are compiled once, which takes a software adapter most of the time.
const theDevice = (await navigator.gpu.requestAdapter()) ? await requestDevice('webgpu') : undefined;
afterAll(() => theDevice?.destroy());
const withDevice = (run: (device: GPUDevice) => Promise<void>): Promise<void> =>
  checked(theDevice!, () => run(theDevice!));

type Net = Pick<ConvFixture, 'decoder' | 'format'>;

/** A net of enough channels for kernels in stages, enlarging three times: the fixtures are narrower. */
const netOf = (width: number): Net => ({
  format: fixture('taesd').format,
  decoder: () => {
    const conv = (inputs: number, outputs: number, upscale: 1 | 2, add?: number): Layer => {
      const weight = noise(outputs * inputs * 9, inputs + outputs).map((value) => value / Math.sqrt(inputs * 3));
      const activation = outputs === 3 ? 'none' : 'relu';
      const bias = noise(outputs, 3).map((value) => value / 4);
      const params = { inputs, outputs, size: 3, padding: 1, weight, bias, activation, upscale } as const;
      return layer(conv2d, params, add === undefined ? {} : { add });
    };
    const stage = [conv(width, width, 2), conv(width, width, 1), conv(width, width, 1, 2)];
    const layers = [layer(unpack, { channels: 4, clamp: true }), conv(4, width, 1), ...stage, ...stage, ...stage];
    const output = { activation: 'clamp', range: [-2, 2] } as const;
    return { ...fixture('taesd').decoder(), layers: [...layers, conv(width, 3, 1)], output };
  },
});
const wide = netOf(16);

/** The same for mini decoders. */
const wideMini: Net = {
  format: fixture('mini-tiny').format,
  decoder: () => mini(miniWeights({ channels: 4, low: 20, lowBlocks: 1, high: 16, highBlocks: 1, riseSize: 3 })),
};

/** A decoder of a net, and a function that decodes latents of any size with it. */
async function gpuDecoder(
  device: GPUDevice,
  { decoder, format }: Net,
  limits: Partial<PlanLimits>,
  family?: KernelFamily,
) {
  const { channels, layers, output, upscale } = decoder();
  const scale = { activation: output.activation, ...outputScale(output) };
  const gpu: GpuDecoder = await createGpuDecoder(device, channels, layers, scale, {
    ...limits,
    ...(family ? { family } : {}),
  });
  const decodeAll = (count: number, height: number, width: number, options = {}): Promise<Uint8ClampedArray[]> => {
    const data = noise(channels * height * width, 5).map((value) => value * 2);
    const view = viewLatents(latentsFromArray(data, { shape: [1, channels, height, width] }), format);
    const map = domainMap(format, 'model', 'model', 1, 0);
    const source = () => ({
      ...gpu.upload({ dtype: 'float32', data, strides: view.strides }),
      base: 0,
      dtype: 'float32' as const,
      view,
      domainMap: map,
    });
    const size = { width: width * upscale, height: height * upscale, filter: 'nearest' } as const;
    return gpu.readBack(Array(count).fill({ source, view, size }), options);
  };
  const decode = async (height: number, width: number, options = {}): Promise<Uint8ClampedArray> =>
    (await decodeAll(1, height, width, options))[0]!;
  return { gpu, decode, decodeAll };
}

/** Submits of so much work, however long they take. */
const inSlices = (): Partial<PlanLimits> => ({
  pace: Object.assign(new Pace(200_000), { took: () => {} }),
  dispatchWork: 50_000,
});

const inQuads = theDevice && familyOf(theDevice, 'float32') === 'winograd-quads';

/** What the layers' kernels round together, as a plan passes it on. */
const blocksOf = (layers: readonly Layer[], family: KernelFamily): number[] =>
  layers.map((one) => {
    const channels = paramsOf(one, conv2d)?.inputs;
    return channels ? (stagesOf(one, [channels, 32, 32], theDevice!.limits, family).tiling?.side ?? 1) : 1;
  });

describeGpu('tiles', () => {
  // From the latents; from a cut after the whole-picture layers; from the latents where a conv pads far more than it reaches.
  for (const [name, net, bufferBytes, start, family] of [
    ['taesd', fixture('taesd'), 60_000, 'latents', 'direct'],
    ['taef2', fixture('taef2'), 60_000, 'a cut', 'direct'],
    ['vae-approx', fixture('vae-approx'), 40_000, 'latents', 'direct'],
    ['mini, 16 wide', wideMini, 36_000, 'latents', 'direct'],
    ['mini, 16 wide', wideMini, 36_000, 'a cut', 'winograd'],
    ['16 wide', wide, 120_000, 'latents', 'direct'],
    ['16 wide', wide, 120_000, 'a cut', 'winograd'],
    ...(inQuads ? ([['64 wide', netOf(64), 480_000, 'a cut', 'winograd-quads']] as const) : []),
  ] as const)
    it(`90 ${name}, ${family}: tiles from ${start} are the whole picture, bit for bit`, () =>
      withDevice(async (device) => {
        const { decoder, format } = net;
        const { upscale } = decoder();
        const layers = fuseLayers(decoder().layers);
        const whole = await gpuDecoder(device, net, {}, family);
        const tiles = await gpuDecoder(device, net, { bufferBytes }, family);
        for (const [height, width] of [
          [13, 9],
          [3, 24],
          // Longer than a tile looks.
          [60, 1],
        ] as const) {
          const shape = [format.channels, height, width];
          const planned = schedule(layers, shape, { bufferBytes }, blocksOf(layers, family));
          const dispatches = planned.dispatches;
          const count = dispatches.filter(({ output }) => output === 'picture').length;
          expect(count).toBeGreaterThan(height === 13 ? 3 : 1);
          expect(dispatches.filter(({ input }) => input === 'latents').length > 1).toBe(start === 'latents');
          expect(planned.buffers.length).toBeLessThanOrEqual(start === 'latents' ? 3 : 4);
          const [expected, actual] = [await whole.decode(height, width), await tiles.decode(height, width)];
          const picture = (data: Uint8ClampedArray) => ({ width: width * upscale, height: height * upscale, data });
          const exact = { maxSteps: 0, equalShare: 1 };
          expect(differingPictures(picture(actual), picture(expected), exact)).toBeUndefined();
          expect(new Set(expected).size).toBeGreaterThan(20);
        }
        whole.gpu.destroy();
        tiles.gpu.destroy();
      }));
});

describeGpu('kernels in stages', () => {
  it.each([
    ['a net', wide],
    ['a mini decoder', wideMini],
  ])('draw the picture that direct ones draw: %s', (_, net) =>
    withDevice(async (device) => {
      const direct = await gpuDecoder(device, net, {}, 'direct');
      const staged = await gpuDecoder(device, net, {}, 'winograd');
      const dispatch = vi.spyOn(GPUComputePassEncoder.prototype, 'dispatchWorkgroups');
      const data = await direct.decode(7, 6);
      const few = dispatch.mock.calls.length;
      const picture = { width: 48, height: 56, data: await staged.decode(7, 6) };
      expect(dispatch.mock.calls.length).toBeGreaterThan(3 * few);
      dispatch.mockRestore();
      expect(differingPictures(picture, { ...picture, data })).toBeUndefined();
      direct.gpu.destroy();
      staged.gpu.destroy();
    }),
  );
});

describeGpu('long decodes', () => {
  it('report progress, and are the same picture in slices', () =>
    withDevice(async (device) => {
      const whole = await gpuDecoder(device, fixture('taesd'), {});
      const sliced = await gpuDecoder(device, fixture('taesd'), inSlices());
      const seen: number[] = [];
      const expected = await whole.decode(6, 5);
      const submit = vi.spyOn(device.queue, 'submit');
      const write = vi.spyOn(device.queue, 'writeBuffer');
      expect(await sliced.decode(6, 5, { onProgress: (fraction: number) => seen.push(fraction) })).toEqual(expected);
      expect(submit.mock.calls.length).toBeGreaterThan(3);
      // The latents once, whatever the number of submits; what a first frame of a size writes besides is its views.
      const uploads = write.mock.calls.filter(([buffer]) => buffer.label === 'latents');
      expect(uploads).toHaveLength(1);
      expect(seen.at(-1)).toBe(1);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
      whole.gpu.destroy();
      sliced.gpu.destroy();
    }));

  it('learn from each submit how much the next may hold, and keep two at a time', () =>
    withDevice(async (device) => {
      const fast = await gpuDecoder(device, fixture('taesd'), { pace: new Pace(200_000) });
      const expected = await fast.decode(6, 5);
      // A clock by which the device needs a millisecond for 2500 multiplications.
      const pace = new Pace(50_000);
      const sliced = await gpuDecoder(device, fixture('taesd'), { pace, dispatchWork: 20_000 });
      let clock = 1e6;
      const amounts: number[] = [];
      const took = vi.spyOn(pace, 'took').mockImplementation((work, milliseconds) => {
        amounts.push(work);
        Pace.prototype.took.call(pace, work, milliseconds);
      });
      const cut = vi.spyOn(pace, 'cut');
      const now = vi.spyOn(performance, 'now').mockImplementation(() => clock);
      let [waiting, most] = [0, 0];
      const done = device.queue.onSubmittedWorkDone.bind(device.queue);
      let last: Promise<unknown> = Promise.resolve();
      const spy = vi.spyOn(device.queue, 'onSubmittedWorkDone').mockImplementation(() => {
        most = Math.max(most, ++waiting);
        const [works, from] = cut.mock.lastCall!;
        const work = works.slice(from, cut.mock.results.at(-1)!.value).reduce((sum, one) => sum + one, 0);
        last = Promise.all([last.then(nextTurn), done()]).then(() => {
          waiting--;
          clock += work / 2500;
        });
        return last.then(() => undefined);
      });
      const picture = await sliced.decode(6, 5);
      for (const mock of [spy, now, took, cut]) mock.mockRestore();
      expect(picture).toEqual(expected);
      expect(most).toBe(2);
      expect(amounts.length).toBeGreaterThan(6);
      // None of more than a tenth of a second, though more than the first.
      expect(Math.max(...amounts)).toBeLessThanOrEqual(250_000);
      expect(Math.max(...amounts)).toBeGreaterThan(60_000);
      fast.gpu.destroy();
      sliced.gpu.destroy();
    }));

  it('103 do not mix when several run at once', () =>
    withDevice(async (device) => {
      const { gpu, decode } = await gpuDecoder(device, fixture('taesd'), inSlices());
      const sizes = [
        [3, 4],
        [5, 2],
        [3, 4],
        [2, 6],
      ] as const;
      const alone: Uint8ClampedArray[] = [];
      for (const [height, width] of sizes) alone.push(await decode(height, width));
      expect(await Promise.all(sizes.map(([height, width]) => decode(height, width)))).toEqual(alone);
      gpu.destroy();
    }));

  it('104 stop when their signal aborts, with its reason, and the next one is right', () =>
    withDevice(async (device) => {
      const { gpu, decode } = await gpuDecoder(device, fixture('taesd'), inSlices());
      const expected = await decode(5, 5);
      const reason = new Error('superseded');
      const controller = new AbortController();
      const seen: number[] = [];
      const onProgress = (fraction: number): void => {
        seen.push(fraction);
        controller.abort(reason);
      };
      await expect(decode(5, 5, { signal: controller.signal, onProgress })).rejects.toBe(reason);
      expect(seen).toHaveLength(1);
      await expect(decode(5, 5, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      expect(await decode(5, 5)).toEqual(expected);
      gpu.destroy();
    }));

  it('106 compile each kernel once, though many layers ask for it at the same time', () =>
    withFreshDevice(async (device) => {
      const compile = vi.spyOn(device, 'createComputePipelineAsync');
      const { gpu } = await gpuDecoder(device, fixture('taesd-rgba'), {});
      const made = compile.mock.calls.map(([{ label, compute }]) => `${label} ${JSON.stringify(compute.constants)}`);
      expect(made.length).toBeGreaterThan(2);
      expect(new Set(made).size).toBe(made.length);
      expect(made.length).toBeLessThan(fixture('taesd-rgba').decoder().layers.length / 2);
      gpu.destroy();
    }));

  it('allocate nothing after the first frame of a size', () =>
    withDevice(async (device) => {
      const { decoder, format } = fixture('taef2');
      const previewer = await createPreviewer({ format, decoder: decoder(), device });
      const latents = latentsFromArray(noise(format.channels * 12, 1), { shape: [1, format.channels, 3, 4] });
      await previewer.toImageData(latents);
      const spies = (['createBuffer', 'createTexture', 'createBindGroup', 'createComputePipeline'] as const).map(
        (name) => vi.spyOn(device, name),
      );
      await previewer.toImageData(latents);
      for (const spy of spies) expect(spy).not.toHaveBeenCalled();
      previewer.destroy();
    }));
});

/** Bytes of all buffers and textures of a device from now on: of those alive, and the most there ever were. */
function countBytes(device: GPUDevice) {
  const alive = new Map<string, number>();
  let peak = 0;
  for (const name of ['createBuffer', 'createTexture'] as const) {
    const create = device[name].bind(device) as (descriptor: never) => GPUBuffer | GPUTexture;
    // No spy: tests put theirs over it.
    device[name] = ((descriptor: never) => {
      const thing = create(descriptor);
      const bytes = 'size' in thing ? thing.size : thing.width * thing.height * 4;
      const key = `${thing.label} ${Math.random()}`;
      alive.set(key, bytes);
      peak = Math.max(peak, total());
      const destroy = thing.destroy.bind(thing);
      thing.destroy = () => {
        alive.delete(key);
        destroy();
        return undefined;
      };
      return thing;
    }) as never;
  }
  const total = (label = /./): number =>
    [...alive].reduce((sum, [key, bytes]) => sum + (label.test(key) ? bytes : 0), 0);
  return {
    total,
    peak: () => peak,
    count: (label: RegExp) => [...alive.keys()].filter((key) => label.test(key)).length,
  };
}

/** A device that has no memory for buffers over a size, with a device's manners: an invalid buffer, an error in its scope. */
function refuseBuffers(device: GPUDevice, { over, throws = false }: { over: number; throws?: boolean }) {
  const create = device.createBuffer.bind(device);
  const [push, pop] = [device.pushErrorScope.bind(device), device.popErrorScope.bind(device)];
  const scopes: { readonly filter: GPUErrorFilter; error: GPUError | null }[] = [];
  const refused: string[] = [];
  const spies = [
    vi.spyOn(device, 'pushErrorScope').mockImplementation((filter) => {
      scopes.push({ filter, error: null });
      return push(filter);
    }),
    vi.spyOn(device, 'popErrorScope').mockImplementation(async () => {
      const scope = scopes.pop();
      return (await pop()) ?? scope?.error ?? null;
    }),
    vi.spyOn(device, 'createBuffer').mockImplementation((descriptor) => {
      // A tiny net's views, 256 bytes for each dispatch of each tile, outweigh its activations.
      if (descriptor.size <= over || descriptor.label === 'dispatch views') return create(descriptor);
      refused.push(`${descriptor.label}`);
      if (throws) throw new RangeError('no memory for a mapping');
      const scope = [...scopes].reverse().find(({ filter }) => filter === 'out-of-memory');
      if (!scope) throw new Error('an out-of-memory error that nobody catches');
      scope.error ??= new GPUOutOfMemoryError('refused by the test');
      push('validation');
      const invalid = create({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.MAP_WRITE });
      void pop();
      return invalid;
    }),
  ];
  return {
    refused,
    restore: () => {
      for (const spy of spies) spy.mockRestore();
    },
  };
}

describeGpu('memory', () => {
  for (const [name, buffers] of [
    ['taesd', 3],
    ['taef2', 4],
  ] as const)
    it(`${name}: a decode in tiles takes ${buffers} buffers, and nothing that was not counted`, () =>
      withFreshDevice(async (device) => {
        const bufferBytes = 60_000;
        const bytes = countBytes(device);
        const { gpu, decode } = await gpuDecoder(device, fixture(name), { bufferBytes });
        const weights = bytes.total();
        await decode(13, 9);
        const channels = fixture(name).format.channels;
        const latents = channels * 13 * 9 * 4;
        expect(bytes.count(/^activations/)).toBe(buffers);
        expect(bytes.total(/^activations/)).toBeGreaterThan(bufferBytes);
        expect(bytes.total(/^activations/)).toBeLessThanOrEqual(3 * bufferBytes);
        // The picture, its read-back in rows of 512 bytes, the latents in steps of 256, the views; views of the latents.
        const pictures = 104 * 72 * 4 + 104 * 512;
        const besides = bytes.total(/^dispatch views/) + weights + pictures + latents + 256 + 1024;
        expect(bytes.peak()).toBeLessThanOrEqual(3 * bufferBytes + besides);
        gpu.destroy();
      }));

  for (const [manner, throws] of [
    ['an error in the scope', false],
    ['a throw', true],
  ] as const)
    it(`99 too little of it, told by ${manner}: smaller tiles, the same picture`, () =>
      withFreshDevice(async (device) => {
        const { gpu, decode } = await gpuDecoder(device, fixture('taesd-16'), {});
        const expected = await decode(9, 7);
        gpu.destroy();
        const again = await gpuDecoder(device, fixture('taesd-16'), {});
        const bytes = countBytes(device);
        const little = refuseBuffers(device, { over: 50_000, throws });
        expect(await again.decode(9, 7)).toEqual(expected);
        expect(little.refused.length).toBeGreaterThan(1);
        expect(little.refused.every((label) => label.startsWith('activations'))).toBe(true);
        const attempts = little.refused.length;
        // And knows it from then on.
        expect(await again.decode(9, 7)).toEqual(expected);
        expect(little.refused).toHaveLength(attempts);
        little.restore();
        again.gpu.destroy();
        // Nothing of the refused attempts is left.
        expect(bytes.total(/^activations|^decoded|^pixels|^latents/)).toBe(0);
      }));

  it('99 none for the smallest tiles either: says so and what to do, and starts anew at the next decode', () =>
    withFreshDevice(async (device) => {
      const { gpu, decode } = await gpuDecoder(device, fixture('taesd-16'), {});
      const expected = await decode(5, 4);
      gpu.destroy();
      const again = await gpuDecoder(device, fixture('taesd-16'), {});
      const little = refuseBuffers(device, { over: 3000 });
      const error = await again.decode(5, 4).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(LatentPreviewError);
      expect((error as LatentPreviewError).code).toBe('gpu-limit');
      expect((error as LatentPreviewError).message).toMatch(/\(16, 5, 4\).*not even in the smallest tiles.*'cpu'/);
      little.restore();
      expect(await again.decode(5, 4)).toEqual(expected);
      again.gpu.destroy();
    }));
});

describeGpu('batches', () => {
  it('of conv decoders: one upload, one set of buffers, each item as decoded alone, progress over all', () =>
    withDevice(async (device) => {
      const { decoder, format } = fixture('taesd');
      const previewer = await createPreviewer({ format, decoder: decoder(), device });
      const shape = [3, format.channels, 3, 4];
      const latents = latentsFromArray(noise(3 * format.channels * 12, 2), { shape });
      const alone: ImageData[] = [];
      for (const item of [0, 1, 2]) alone.push(await previewer.toImageData(latents, { item }));
      const write = vi.spyOn(device.queue, 'writeBuffer').mockClear();
      const create = vi.spyOn(device, 'createTexture').mockClear();
      expect(await previewer.toImageDatas(latents)).toEqual(alone);
      expect(alone[0]!.data).not.toEqual(alone[1]!.data);
      expect(write.mock.calls.filter(([{ label }]) => label === 'latents')).toHaveLength(1);
      expect(create).not.toHaveBeenCalled();
      previewer.destroy();
      write.mockRestore();
      create.mockRestore();
    }));

  it('104 in slices: item after item, progress rises, an abort stops between', () =>
    withDevice(async (device) => {
      const { gpu, decodeAll, decode } = await gpuDecoder(device, fixture('taesd'), inSlices());
      const alone = await decode(3, 4);
      const seen: number[] = [];
      const pictures = await decodeAll(3, 3, 4, { onProgress: (fraction: number) => seen.push(fraction) });
      expect(pictures).toEqual([alone, alone, alone]);
      expect(seen.length).toBeGreaterThan(6);
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
      expect(seen.at(-1)).toBe(1);
      const reason = new Error('superseded');
      const controller = new AbortController();
      const onProgress = (fraction: number): void => {
        if (fraction > 0.4) controller.abort(reason);
      };
      await expect(decodeAll(3, 3, 4, { signal: controller.signal, onProgress })).rejects.toBe(reason);
      expect(await decode(3, 4)).toEqual(alone);
      gpu.destroy();
    }));
});

const shared = new URL('../../shared/fixtures/', import.meta.url);
const present = existsSync(shared);
if (!present) console.log('skipped: real TAESD weights on the GPU – ../shared is not there');
const read = async (path: string): Promise<Uint8Array> => new Uint8Array(readFileSync(new URL(path, shared)));

describeGpu('real weights', () => {
  describe.skipIf(!present)('against PyTorch', () => {
    // A software adapter takes its time, longer beside other work: the kernels for GPUs with one net of each architecture
    // here, with all under Deno.
    for (const { name, run } of goldenCases(read, ['taesd', 'taef2', 'vaeApprox sdxl']))
      it(name, { timeout: 240_000 }, () => withDevice(async (device) => expect(await run(device)).toBeUndefined()));
  });
});
