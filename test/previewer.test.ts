// What a previewer promises beyond right pixels: what it allocates, when it submits, whose device it destroys, and what it
// says when something is wrong. Pixels are the op suite's.

import { describe, expect, it, vi } from 'vitest';
import {
  createPreviewer,
  LatentPreviewError,
  type Latents,
  latentsFromArray,
  latentsFromBuffer,
  mlp,
  type Previewer,
  polynomial,
  viewLatents,
} from '../src/index';
import { noise } from '../src/ops/examples';
import { describeGpu, withDevice } from './setup/gpu';
import { differingPictures } from './tolerances';

const sdxl = (height: number, width: number, seed = 1): Latents =>
  latentsFromArray(noise(4 * height * width, seed), { shape: [1, 4, height, width] });

const codeOf = (run: () => unknown): Promise<string> =>
  Promise.resolve()
    .then(run)
    .then(
      () => 'nothing was thrown',
      (error: unknown) => (error instanceof LatentPreviewError ? error.code : `${error}`),
    );

/** Calls on a device from now on, by method. */
function countCalls(device: GPUDevice) {
  const allocations = [
    'createBuffer',
    'createTexture',
    'createBindGroup',
    'createShaderModule',
    'createComputePipeline',
    'createComputePipelineAsync',
    'createSampler',
  ] as const;
  const spies = allocations.map((name) => vi.spyOn(device, name));
  const submit = vi.spyOn(device.queue, 'submit');
  return {
    allocations: () =>
      spies.flatMap((spy, index) => (spy.mock.calls.length ? [`${spy.mock.calls.length} ${allocations[index]}`] : [])),
    submits: () => submit.mock.calls.length,
    reset: () => [...spies, submit].map((spy) => spy.mockClear()),
  };
}

describeGpu('on the GPU', () => {
  it('allocates nothing and submits once per frame after the first frame of a size', () =>
    withDevice(async (device) => {
      // InvokeAI's SDXL map has two layers, the second with planes between.
      const previewer = await createPreviewer({ format: 'sdxl/invokeai', device });
      const calls = countCalls(device);
      const enlarged = { size: 'image', resample: 'bicubic' } as const;
      for (const options of [{}, enlarged])
        for (const size of [8, 6]) await previewer.toImageData(sdxl(size, size), options);
      expect(calls.allocations()).not.toEqual([]);
      calls.reset();
      for (let frame = 0; frame < 3; frame++)
        for (const options of [{}, enlarged])
          for (const size of [8, 6]) await previewer.toImageData(sdxl(size, size, frame), options);
      expect(calls.allocations()).toEqual([]);
      expect(calls.submits()).toBe(12);
      previewer.destroy();
    }));

  it('records into the caller’s encoder: no submit, no allocation, several frames at once', () =>
    withDevice(async (device) => {
      const previewer = await createPreviewer({ format: 'wan21', device });
      const cpu = await createPreviewer({ format: 'wan21', backend: 'cpu' });
      const shape = [2, 16, 3, 4, 5];
      const data = noise(2 * 16 * 3 * 4 * 5, 3);
      const buffer = device.createBuffer({
        size: data.byteLength,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
      });
      device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
      const latents = latentsFromBuffer(buffer, { shape });
      const frames = [0, 1].flatMap((item) => [0, 1, 2].map((frame) => ({ item, frame })));
      const readable = device.createBuffer({
        size: frames.length * 4 * 256,
        usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
      });

      const record = (): GPUCommandBuffer => {
        const encoder = device.createCommandEncoder();
        frames.forEach((options, index) => {
          const texture = previewer.record(encoder, latents, options);
          encoder.copyTextureToBuffer(
            { texture },
            { buffer: readable, offset: index * 4 * 256, bytesPerRow: 256 },
            [5, 4],
          );
        });
        return encoder.finish();
      };
      record();
      const calls = countCalls(device);
      const commands = record();
      expect(calls.submits()).toBe(0);
      // Bind groups follow the frame; nothing else is made.
      expect(calls.allocations().filter((line) => !line.includes('BindGroup'))).toEqual([]);
      device.queue.submit([commands]);
      await readable.mapAsync(GPUMapMode.READ);
      const bytes = new Uint8Array(readable.getMappedRange().slice(0));
      for (const [index, options] of frames.entries()) {
        const expected = await cpu.toImageData(latentsFromArray(data, { shape }), options);
        const rows = [0, 1, 2, 3].flatMap((y) => [
          ...bytes.subarray(index * 1024 + y * 256, index * 1024 + y * 256 + 20),
        ]);
        expect(differingPictures({ width: 5, height: 4, data: rows }, expected)).toBeUndefined();
      }
      readable.destroy();
      buffer.destroy();
      previewer.destroy();
    }));

  it('103 keeps the order of concurrent read-backs of different sizes', () =>
    withDevice(async (device) => {
      const previewer = await createPreviewer({ format: 'sdxl', decoder: 'map', device });
      const cpu = await createPreviewer({ format: 'sdxl', decoder: 'map', backend: 'cpu' });
      const all = Array.from({ length: 12 }, (_, k) => sdxl(3 + (k % 4), 5, k));
      const pictures = await Promise.all(all.map((latents) => previewer.toImageData(latents)));
      for (const [k, picture] of pictures.entries())
        expect(differingPictures(picture, await cpu.toImageData(all[k]!))).toBeUndefined();
      previewer.destroy();
    }));

  it('shares a device between two previewers, interleaved', () =>
    withDevice(async (device) => {
      const [one, two] = await Promise.all([
        createPreviewer({ format: 'sd15', decoder: 'map', device }),
        createPreviewer({ format: 'sdxl', decoder: 'map', device }),
      ]);
      const [first, second] = await Promise.all([one.toImageData(sdxl(4, 4)), two.toImageData(sdxl(4, 4))]);
      one.destroy();
      expect(await two.toImageData(sdxl(4, 4))).toEqual(second);
      expect(first.data).not.toEqual(second.data);
      two.destroy();
    }));

  it('105 frees every buffer and texture, and only the device it made', async () => {
    const made = new Set<object>();
    await withDevice(async (device) => {
      for (const name of ['createBuffer', 'createTexture'] as const) {
        const create = device[name].bind(device) as (descriptor: never) => GPUBuffer | GPUTexture;
        vi.spyOn(device, name).mockImplementation(((descriptor: never) => {
          const thing = create(descriptor);
          // Small immutable buffers may be held by unsubmitted encoders and are left to the collector.
          if (!/latent view|domain map/.test(thing.label)) made.add(thing);
          const destroy = thing.destroy.bind(thing);
          thing.destroy = () => {
            made.delete(thing);
            destroy();
            return undefined;
          };
          return thing;
        }) as never);
      }
      const previewer = await createPreviewer({ format: 'sdxl/invokeai', device });
      for (let size = 2; size < 14; size++) await previewer.toImageData(sdxl(size, size), { size: 'image' });
      expect(made.size).toBeGreaterThan(10);
      previewer.destroy();
      previewer.destroy();
      expect([...made].map((thing) => (thing as GPUBuffer).label)).toEqual([]);
      // The caller's device lives on.
      device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE }).destroy();
    });
    const own = await createPreviewer({ format: 'sdxl', decoder: 'map', backend: 'webgpu' });
    own.destroy();
    expect((await own.device!.lost).reason).toBe('destroyed');
  });

  it('88 chooses the CPU where the only adapter is a software one, unless told otherwise', async () => {
    const adapter = await navigator.gpu.requestAdapter();
    const auto = await createPreviewer({ format: 'sdxl', decoder: 'map' });
    expect(auto.backend).toBe(adapter!.info.isFallbackAdapter ? 'cpu' : 'webgpu');
    auto.destroy();
    const told = await createPreviewer({ format: 'sdxl', decoder: 'map', backend: 'webgpu' });
    expect(told.backend).toBe('webgpu');
    told.destroy();
    await withDevice(async (device) => {
      const given = await createPreviewer({ format: 'sdxl', decoder: 'map', device });
      expect(given.backend).toBe('webgpu');
      expect(given.device).toBe(device);
      given.destroy();
    });
  });

  it('90 says gpu-limit before it allocates', () =>
    withDevice(async (device) => {
      const previewer = await createPreviewer({ format: 'sdxl', decoder: 'map', device });
      const calls = countCalls(device);
      expect(await codeOf(() => previewer.toImageData(sdxl(1, 2), { size: { width: 100_000, height: 2 } }))).toBe(
        'gpu-limit',
      );
      expect(calls.allocations().filter((line) => line.includes('Texture') && !line.startsWith('1 '))).toEqual([]);
      previewer.destroy();
    }));

  it('98 refuses a buffer that is too small, misaligned or lacks STORAGE', () =>
    withDevice(async (device) => {
      const buffer = device.createBuffer({ size: 4 * 4 * 4 * 4, usage: GPUBufferUsage.STORAGE });
      const plain = device.createBuffer({ size: 256, usage: GPUBufferUsage.COPY_DST });
      expect(await codeOf(() => latentsFromBuffer(buffer, { shape: [1, 4, 4, 5] }))).toBe('shape');
      expect(await codeOf(() => latentsFromBuffer(buffer, { shape: [1, 4, 4, 3], offset: 2 }))).toBe('shape');
      expect(await codeOf(() => latentsFromBuffer(plain, { shape: [1, 4, 4, 4] }))).toBe('shape');
      const cpu = await createPreviewer({ format: 'sdxl', decoder: 'map', backend: 'cpu' });
      expect(await codeOf(() => cpu.toImageData(latentsFromBuffer(buffer, { shape: [1, 4, 4, 4] })))).toBe('shape');
      expect(await codeOf(() => cpu.record(device.createCommandEncoder(), sdxl(4, 4)))).toBe('gpu-unavailable');
      buffer.destroy();
      plain.destroy();
    }));

  it('rejects with what the GPU objects to where a first frame of a size is made', () =>
    withDevice(async (device) => {
      const previewer = await createPreviewer({ format: 'sdxl', decoder: 'map', device });
      const create = device.createTexture.bind(device);
      const refused = vi
        .spyOn(device, 'createTexture')
        .mockImplementation((descriptor) => create({ ...descriptor, sampleCount: 3 }));
      expect(await codeOf(() => previewer.toImageData(sdxl(5, 5)))).toBe('shader');
      refused.mockRestore();
      previewer.destroy();
    }));

  it('97 rejects with what the GPU objects to: a buffer of another device', () =>
    withDevice((one) =>
      withDevice(async (two) => {
        const buffer = two.createBuffer({ size: 256, usage: GPUBufferUsage.STORAGE });
        const previewer = await createPreviewer({ format: 'sdxl', decoder: 'map', device: one });
        expect(await codeOf(() => previewer.toImageData(latentsFromBuffer(buffer, { shape: [1, 4, 4, 4] })))).toBe(
          'shader',
        );
        // And goes on.
        expect((await previewer.toImageData(sdxl(4, 4))).width).toBe(4 * previewer.decoder.upscale);
        previewer.destroy();
      }),
    ));

  it('runs quadratic and MLP decoders through the same previewer', () =>
    withDevice(async (device) => {
      const decoders = [
        polynomial({ channels: 4, degree: 2, coefficients: noise(63, 5) }),
        polynomial({ channels: 4, degree: 3, coefficients: noise(105, 6), outputActivation: 'sigmoid' }),
        polynomial({ channels: 4, degree: 1, coefficients: noise(15, 7), outputRange: [0, 1] }),
        mlp({
          '0.weight': [
            [1, 0, 0, 1],
            [0, 1, 0, 0.5],
            [0, 0, 1, -1],
          ],
          '0.bias': [0.1, 0.2, 0.3],
        }),
      ];
      for (const decoder of decoders) {
        const gpu = await createPreviewer({ format: 'sdxl', decoder, device });
        const cpu = await createPreviewer({ format: 'sdxl', decoder, backend: 'cpu' });
        expect(differingPictures(await gpu.toImageData(sdxl(7, 9)), await cpu.toImageData(sdxl(7, 9)))).toBeUndefined();
        gpu.destroy();
      }
    }));
});

describe('batches and frames', () => {
  // Frames between channels, of halves; and a packed family's tokens, of which each item has an odd place in its words.
  const cases: [string, string, Latents, number][] = [
    ['a batch', 'sdxl', latentsFromArray(noise(5 * 4 * 6, 1), { shape: [5, 4, 2, 3] }), 5],
    ['a clip', 'wan21', latentsFromArray(noise(2 * 16 * 3 * 20, 2), { shape: [2, 16, 3, 4, 5] }), 6],
    [
      'a clip of halves',
      'wan21',
      latentsFromArray(
        Uint16Array.from(noise(16 * 3 * 15, 3), (value) => 0x3c00 + value * 500),
        {
          shape: [16, 3, 3, 5],
          dtype: 'float16',
        },
      ),
      3,
    ],
    ['doubles', 'sdxl', latentsFromArray(Float64Array.from(noise(2 * 4 * 6, 4)), { shape: [2, 4, 2, 3] }), 2],
  ];
  const each = async (previewer: Previewer, latents: Latents, options = {}): Promise<ImageData[]> => {
    const { items, frames } = viewLatents(latents, previewer.format);
    const pictures: ImageData[] = [];
    for (let item = 0; item < items; item++)
      for (let frame = 0; frame < frames; frame++)
        pictures.push(await previewer.toImageData(latents, { ...options, item, frame }));
    return pictures;
  };

  for (const [name, format, latents, count] of cases)
    it(`${name} on the CPU: one call is as many`, async () => {
      const previewer = await createPreviewer({ format, decoder: 'map', backend: 'cpu' });
      const seen: number[] = [];
      const pictures = await previewer.toImageDatas(latents, { onProgress: (fraction) => seen.push(fraction) });
      expect(pictures).toHaveLength(count);
      expect(pictures).toEqual(await each(previewer, latents));
      expect(seen).toEqual(Array.from({ length: count }, (_, k) => (k + 1) / count));
    });

  it('104 on the CPU an abort stops between pictures, with its reason', async () => {
    const previewer = await createPreviewer({ format: 'sdxl', decoder: 'map', backend: 'cpu' });
    const controller = new AbortController();
    const reason = new Error('closed');
    let told = 0;
    const onProgress = (): void => {
      if (++told === 2) controller.abort(reason);
    };
    const batch = latentsFromArray(noise(5 * 4 * 6, 1), { shape: [5, 4, 2, 3] });
    await expect(previewer.toImageDatas(batch, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    expect(told).toBe(2);
  });

  it('item and frame restrict it', async () => {
    const previewer = await createPreviewer({ format: 'wan21', backend: 'cpu' });
    const latents = cases[1]![2];
    const all = await each(previewer, latents);
    expect(await previewer.toImageDatas(latents, { item: 1 })).toEqual(all.slice(3));
    expect(await previewer.toImageDatas(latents, { frame: 2 })).toEqual([all[2], all[5]]);
    expect(await codeOf(() => previewer.toImageDatas(latents, { item: 2 }))).toBe('shape');
  });

  describeGpu('on the GPU', () => {
    for (const [name, format, latents, count] of cases)
      it(`${name}: one call is as many, in one upload and one submit`, () =>
        withDevice(async (device) => {
          const previewer = await createPreviewer({ format, decoder: 'map', device });
          const options = { size: 'image', resample: 'nearest' } as const;
          const expected = await each(previewer, latents, options);
          const calls = countCalls(device);
          const write = vi.spyOn(device.queue, 'writeBuffer');
          const seen: number[] = [];
          const pictures = await previewer.toImageDatas(latents, { ...options, onProgress: (done) => seen.push(done) });
          expect(pictures).toHaveLength(count);
          expect(pictures).toEqual(expected);
          expect(calls.submits()).toBe(1);
          expect(write.mock.calls.filter(([{ label }]) => label === 'latents')).toHaveLength(1);
          expect(seen).toEqual([1]);
          previewer.destroy();
        }));

    it('five seconds of Wan 2.1 at the size of the video go up once and take one submit', () =>
      withDevice(async (device) => {
        const previewer = await createPreviewer({ format: 'wan21', device });
        const [frames, height, width] = [21, 60, 104];
        // One colour per frame: channel 0 is the frame's number.
        const data = new Float32Array(16 * frames * height * width);
        for (let frame = 0; frame < frames; frame++)
          data.fill(frame / 10 - 1, frame * height * width, (frame + 1) * height * width);
        const latents = latentsFromArray(data, { shape: [1, 16, frames, height, width] });
        const calls = countCalls(device);
        const write = vi.spyOn(device.queue, 'writeBuffer');
        const pictures = await previewer.toImageDatas(latents, { size: 'image', resample: 'nearest' });
        expect(calls.submits()).toBe(1);
        expect(write.mock.calls.filter(([{ label }]) => label === 'latents')).toHaveLength(1);
        expect(pictures.map((picture) => [picture.width, picture.height])).toEqual(Array(frames).fill([832, 480]));
        // Its factor for blue is the largest, so blue rises from frame to frame.
        const blues = pictures.map((picture) => picture.data[2]!);
        expect(blues).toEqual([...blues].sort((a, b) => a - b));
        expect(new Set(blues).size).toBe(frames);
        previewer.destroy();
      }));

    it('latents in a buffer are read where they are', () =>
      withDevice(async (device) => {
        const previewer = await createPreviewer({ format: 'wan21', device });
        const data = noise(2 * 16 * 3 * 20, 2);
        const buffer = device.createBuffer({ size: data.byteLength, usage: 0x88 });
        device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
        const pictures = await previewer.toImageDatas(latentsFromBuffer(buffer, { shape: [2, 16, 3, 4, 5] }));
        expect(pictures).toEqual(await each(previewer, cases[1]![2]));
        buffer.destroy();
        previewer.destroy();
      }));

    it('what one binding cannot hold goes up frame by frame', () =>
      withDevice(async (device) => {
        const previewer = await createPreviewer({ format: 'wan21', device });
        // Half of what may be bound is less than a frame's channels span.
        Object.defineProperty(device, 'limits', {
          value: new Proxy(device.limits, {
            get: (limits, name) => (name === 'maxStorageBufferBindingSize' ? 4000 : Reflect.get(limits, name, limits)),
          }),
        });
        expect(await previewer.toImageDatas(cases[1]![2])).toEqual(await each(previewer, cases[1]![2]));
        previewer.destroy();
      }));
  });
});

describe('without a GPU', () => {
  const withGpu = async (gpu: unknown, run: () => Promise<void>): Promise<void> => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, 'navigator')!;
    Object.defineProperty(globalThis, 'navigator', { value: gpu === undefined ? {} : { gpu }, configurable: true });
    await run().finally(() => Object.defineProperty(globalThis, 'navigator', descriptor));
  };

  for (const [name, gpu] of [
    ['84 no navigator.gpu', undefined],
    ['86 no adapter', { requestAdapter: async () => null }],
    ['86 a refused adapter', { requestAdapter: async () => Promise.reject(new Error('blocked')) }],
    [
      '87 a refused device',
      {
        requestAdapter: async () => ({
          features: new Set(),
          requestDevice: async () => Promise.reject(new Error('no')),
        }),
      },
    ],
  ] as const)
    it(`${name}: auto decodes on the CPU, webgpu says gpu-unavailable`, () =>
      withGpu(gpu, async () => {
        const previewer = await createPreviewer({ format: 'sdxl', decoder: 'map' });
        expect(previewer.backend).toBe('cpu');
        const { upscale } = previewer.decoder;
        expect((await previewer.toImageData(sdxl(2, 3))).data).toHaveLength(24 * upscale ** 2);
        expect(await codeOf(() => createPreviewer({ format: 'sdxl', decoder: 'map', backend: 'webgpu' }))).toBe(
          'gpu-unavailable',
        );
      }));

  it('85 on an insecure page the error says that it is one', () =>
    withGpu(undefined, async () => {
      vi.stubGlobal('isSecureContext', false);
      const message = await createPreviewer({ format: 'sdxl', backend: 'webgpu' }).catch(
        (error: Error) => error.message,
      );
      vi.unstubAllGlobals();
      expect(message).toMatch(/WebGPU is only there on secure pages; serve the page over https or from localhost/);
    }));

  it('84 no navigator at all', async () => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, 'navigator')!;
    Object.defineProperty(globalThis, 'navigator', { value: undefined, configurable: true });
    const previewer = await createPreviewer({ format: 'sdxl', decoder: 'map' });
    expect(previewer.backend).toBe('cpu');
    Object.defineProperty(globalThis, 'navigator', descriptor);
  });
});

describe('bad input is a typed error that names the way out', () => {
  const message = async (run: () => unknown): Promise<string> =>
    Promise.resolve()
      .then(run)
      .then(
        () => 'nothing was thrown',
        (error: unknown) =>
          error instanceof LatentPreviewError ? `${error.code}: ${error.message}` : `untyped: ${error}`,
      );
  const decode = async (latents: Latents, format = 'sdxl', options = {}): Promise<unknown> =>
    (await createPreviewer({ format, decoder: 'map', backend: 'cpu' })).toImageData(latents, options);
  const zeros = (...shape: number[]): Latents =>
    latentsFromArray(new Float32Array(shape.reduce((a, b) => a * b, 1)), { shape });

  const cases: [string, () => unknown, RegExp][] = [
    [
      '77 wrong channel count',
      () => decode(zeros(1, 16, 4, 4)),
      /^shape: .*has 16 channels, format 'sdxl' has 4; formats with 16: sd3/,
    ],
    ['77 a channel count nobody has', () => decode(zeros(1, 7, 4, 4)), /^shape: .*has 7 channels.*pass `format`/],
    [
      '78 item out of range',
      () => decode(zeros(2, 4, 4, 4), 'sdxl', { item: 2 }),
      /^shape: .*item 2 is out of range; there are 2/,
    ],
    ['78 frame out of range', () => decode(zeros(1, 16, 3, 4, 4), 'wan21', { frame: -1 }), /^shape: .*frame -1/],
    ['78 fractional item', () => decode(zeros(2, 4, 4, 4), 'sdxl', { item: 0.5 }), /^shape: .*item 0.5/],
    ['79 no elements', () => decode(zeros(1, 4, 0, 4)), /^shape: .*no elements/],
    ['79 one axis', () => decode(zeros(16)), /^shape: .*has 1 axes/],
    [
      '76 a layout of another rank',
      () => decode({ ...zeros(1, 4, 4, 4), layout: 'CHW' }),
      /^shape: .*'CHW' has 3 axes/,
    ],
    [
      '76 a layout that does not fit',
      () => decode({ ...zeros(1, 4, 4, 5), layout: 'NHWC' }),
      /^shape: .*read as NHWC has 5 channels/,
    ],
    [
      '76 tokens that cannot have that size',
      () => decode({ ...zeros(1, 12, 64), size: { height: 6, width: 6 } }, 'flux'),
      /^shape: .*12 tokens.*must be 48/,
    ],
    [
      '81 latents of another family',
      () => decode(latentsFromArray(new Float32Array(64), { shape: [1, 4, 4, 4], format: 'sd15' })),
      /^format: .*'sd15'.*'sdxl'/,
    ],
    ['unknown format', () => createPreviewer({ format: 'sdxxl' }), /^format: .*sdxl/],
    [
      'a format without a map',
      () => createPreviewer({ format: 'hunyuanvideo' }),
      /^format: .*no RGB factors.*copyleft/,
    ],
    [
      'a decoder of another channel count',
      () =>
        createPreviewer({
          format: 'sd3',
          decoder: polynomial({ channels: 4, degree: 2, coefficients: new Float32Array(45) }),
        }),
      /^format: .*4 channels.*16/,
    ],
    [
      'coefficients of no known form',
      () => polynomial({ channels: 4, degree: 2, coefficients: new Float32Array(62) }),
      /^weights: .*45.*63.*got 62/,
    ],
    [
      'a coefficient that is no number',
      () => polynomial({ channels: 1, degree: 1, coefficients: [0, 0, 0, 0, Number.NaN, 0] }),
      /^weights: .*coefficient 4 is NaN/,
    ],
    ['MLP without layers', () => mlp(new Map()), /^weights: .*no '….weight'/],
    [
      'MLP layers that do not meet',
      () =>
        mlp({
          '0.weight': [[1, 2]],
          '1.weight': [
            [1, 2],
            [1, 2],
            [1, 2],
          ],
        }),
      /^weights: .*takes 2 values.*gives 1/,
    ],
    ['MLP that gives no RGB', () => mlp({ '0.weight': [[1, 2]] }), /^weights: .*gives 1 values, RGB has 3/],
    [
      'MLP bias of another length',
      () => mlp({ '0.weight': [[1], [1], [1]], '0.bias': [1] }),
      /^weights: .*bias.*1 values/,
    ],
    [
      'a size that is none',
      () => decode(zeros(1, 4, 2, 2), 'sdxl', { size: { width: 0, height: 4 } }),
      /^shape: .*0×4/,
    ],
    [
      'an array of another length',
      () => latentsFromArray(new Float32Array(3), { shape: [1, 4, 1, 1] }),
      /^shape: .*4 elements, the array has 3/,
    ],
    [
      'an array of another dtype',
      () => latentsFromArray(new Float32Array(4), { shape: [4], dtype: 'float16' }),
      /^shape: .*float16.*Uint16Array/,
    ],
    [
      'a negative dimension',
      () => latentsFromArray(new Float32Array(4), { shape: [-4] }),
      /^shape: .*-4 is not a dimension/,
    ],
  ];
  for (const [name, run, expected] of cases) it(name, async () => expect(await message(run)).toMatch(expected));
});
