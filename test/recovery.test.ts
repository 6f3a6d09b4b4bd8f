// What becomes of decodes when a device is lost, is destroyed or was never there. Devices are destroyed under the previewer, as
// Dawn tells a loss; a crash of the real GPU process is test/browser/canvas.spec.ts's.

import { describe, expect, it, vi } from 'vitest';
import {
  createPreviewer,
  type DeviceLoss,
  LatentPreviewError,
  type Latents,
  latentsFromArray,
  latentsFromBuffer,
  linear,
  type Previewer,
  type PreviewerOptions,
  requestDevice,
} from '../src/index';
import { noise } from '../src/ops/examples';
import { conv2d, layer, unpack } from '../src/ops/index';
import { describeGpu, takeGpuErrors, withDevice } from './setup/gpu';
import { differingPictures } from './tolerances';

const sdxl = (side: number, seed = 1): Latents =>
  latentsFromArray(noise(4 * side ** 2, seed), { shape: [1, 4, side, side] });

/** `gpu-lost: what it says`, or what else became of it. */
const outcome = (run: () => unknown): Promise<string> =>
  Promise.resolve()
    .then(run)
    .then(
      () => 'done',
      (error: unknown) =>
        error instanceof LatentPreviewError ? `${error.code}: ${error.message}` : `untyped: ${error}`,
    );

/** The same, where nothing hangs: it takes no time but what a busy machine takes. */
const soon = (run: () => unknown): Promise<string> =>
  Promise.race([outcome(run), new Promise<string>((resolve) => setTimeout(() => resolve('hangs'), 20_000))]);

// A small kernel: it compiles for each device anew.
const decoder = linear('sdxl');
const onCpu = await createPreviewer({ format: 'sdxl', decoder, backend: 'cpu' });
const isRight = async (picture: ImageData, latents: Latents): Promise<void> =>
  expect(differingPictures(picture, await onCpu.toImageData(latents))).toBeUndefined();

/** A net of few kernels, which compile for each device anew, but of work for several submits on a software adapter. */
const deep = (): PreviewerOptions => {
  const conv = (inputs: number, outputs: number) => {
    const weight = noise(outputs * inputs * 9, inputs + outputs).map((value) => value / Math.sqrt(inputs * 3));
    return layer(conv2d, { inputs, outputs, size: 3, padding: 1, weight, activation: 'none', upscale: 1 });
  };
  const layers = [
    layer(unpack, { channels: 4, clamp: false }),
    conv(4, 64),
    ...Array(8).fill(conv(64, 64)),
    conv(64, 3),
  ];
  return { format: 'sdxl', decoder: { ...linear('sdxl'), name: 'deep', layers } };
};

async function withLosses(
  run: (previewer: Previewer, losses: DeviceLoss[]) => Promise<void>,
  options: Partial<PreviewerOptions> = {},
): Promise<void> {
  const losses: DeviceLoss[] = [];
  const previewer = await createPreviewer({
    format: 'sdxl',
    decoder,
    backend: 'webgpu',
    onDeviceLost: (loss) => losses.push(loss),
    ...options,
  });
  await run(previewer, losses);
  previewer.destroy();
  await takeGpuErrors();
}

// Kernels compile for each device anew, which takes a busy machine a while.
const patience = { timeout: 180_000 };

describeGpu('a device that the previewer made', patience, () => {
  it('94 is replaced where it is lost while nothing is decoded, and the next picture is right', () =>
    withLosses(async (previewer, losses) => {
      const first = previewer.device!;
      await isRight(await previewer.toImageData(sdxl(6)), sdxl(6));
      first.destroy();
      await first.lost;
      await isRight(await previewer.toImageData(sdxl(6, 2)), sdxl(6, 2));
      expect(losses).toEqual([{ reason: 'destroyed', message: expect.any(String), recovering: true }]);
      expect(previewer.device).not.toBe(first);
      // And again, as often as it takes: each picture is a new start.
      for (let seed = 3; seed < 8; seed++) {
        previewer.device!.destroy();
        await isRight(await previewer.toImageData(sdxl(6, seed)), sdxl(6, seed));
      }
      expect(losses.map(({ recovering }) => recovering)).toEqual(Array(6).fill(true));
    }));

  it('94 is replaced where it is lost at work, and what was under way is decoded again, in order', () =>
    withLosses(async (previewer, losses) => {
      const first = previewer.device!;
      const all = [sdxl(6, 1), sdxl(9, 2), sdxl(6, 3)];
      const pictures = all.map((latents) => previewer.toImageData(latents));
      first.destroy();
      for (const [k, latents] of all.entries()) await isRight(await pictures[k]!, latents);
      expect(losses).toHaveLength(1);
    }));

  it('94 takes the weights of a net with it, and begins a decode of many submits anew', async () => {
    const cpu = await createPreviewer({ ...deep(), backend: 'cpu' });
    const expected = await cpu.toImageData(sdxl(32));
    await withLosses(async (previewer, losses) => {
      const told: number[] = [];
      const onProgress = (fraction: number): void => {
        if (!told.length) previewer.device!.destroy();
        told.push(fraction);
      };
      expect(differingPictures(await previewer.toImageData(sdxl(32), { onProgress }), expected)).toBeUndefined();
      // A GPU may do it in one.
      if (told.length) expect(losses).toHaveLength(1);
      else expect(previewer.device!.adapterInfo.isFallbackAdapter).toBe(false);
    }, deep());
  });

  it('95 is given up after three new ones, and says so', async () => {
    // Each lives until something was made on it.
    const { requestDevice: request } = GPUAdapter.prototype;
    const made: GPUDevice[] = [];
    const dying = vi.spyOn(GPUAdapter.prototype, 'requestDevice').mockImplementation(async function (
      this: GPUAdapter,
      descriptor,
    ) {
      const device = await request.call(this, descriptor);
      made.push(device);
      setTimeout(() => device.destroy());
      return device;
    });
    const losses: DeviceLoss[] = [];
    const onDeviceLost = (loss: DeviceLoss) => losses.push(loss);
    const message = await outcome(async () => {
      const previewer = await createPreviewer({ format: 'sdxl', decoder, backend: 'webgpu', onDeviceLost });
      for (;;) {
        await made.at(-1)!.lost;
        await previewer.toImageData(sdxl(4));
      }
    });
    dying.mockRestore();
    expect(message).toMatch(/^gpu-lost: previewer: the GPU was lost \(.+\), and 3 new devices did not help; create/);
    expect(made).toHaveLength(4);
    expect(losses.map(({ recovering }) => recovering)).toEqual([true, true, true, false]);
    expect(losses.at(-1)!.error!.message).toBe(message.slice('gpu-lost: '.length));
    await takeGpuErrors();
  });

  it('95 is given up where no adapter is left, after three tries with pauses; later calls say so at once', () =>
    withLosses(async (previewer, losses) => {
      const none = vi.spyOn(navigator.gpu, 'requestAdapter').mockResolvedValue(null);
      const started = performance.now();
      previewer.device!.destroy();
      const message = await outcome(() => previewer.toImageData(sdxl(4)));
      expect(message).toMatch(/^gpu-lost: .*3 new devices did not help; create a new previewer, or use backend 'cpu'/);
      expect(performance.now() - started).toBeGreaterThan(1400);
      expect(none).toHaveBeenCalledTimes(3);
      expect(losses.map(({ recovering }) => recovering)).toEqual([true, false]);
      expect(losses[1]!.error).toMatchObject({ code: 'gpu-lost', cause: { code: 'gpu-unavailable' } });
      expect(await soon(() => previewer.toImageData(sdxl(4)))).toBe(message);
      expect(await soon(() => previewer.record({} as GPUCommandEncoder, sdxl(4)))).toBe(message);
      none.mockRestore();
    }));

  it('95 comes back at the third try', () =>
    withLosses(async (previewer) => {
      const none = vi
        .spyOn(navigator.gpu, 'requestAdapter')
        .mockResolvedValueOnce(null)
        .mockRejectedValueOnce(new Error('the GPU process is starting'));
      previewer.device!.destroy();
      await isRight(await previewer.toImageData(sdxl(5)), sdxl(5));
      expect(none).toHaveBeenCalledTimes(3);
      none.mockRestore();
    }));

  it('104 a call that waits for a new one can be aborted', () =>
    withLosses(async (previewer) => {
      const none = vi.spyOn(navigator.gpu, 'requestAdapter').mockResolvedValueOnce(null);
      previewer.device!.destroy();
      await previewer.device!.lost;
      await new Promise((resolve) => setTimeout(resolve, 20));
      const controller = new AbortController();
      const reason = new Error('closed');
      const waiting = previewer.toImageData(sdxl(4), { signal: controller.signal });
      controller.abort(reason);
      await expect(waiting).rejects.toBe(reason);
      await expect(previewer.toImageData(sdxl(4), { signal: controller.signal })).rejects.toBe(reason);
      await isRight(await previewer.toImageData(sdxl(4)), sdxl(4));
      none.mockRestore();
    }));

  it('96 buffers of the lost one are refused, as nobody else can make them again', () =>
    withLosses(async (previewer) => {
      const device = previewer.device!;
      const buffer = device.createBuffer({ size: 256, usage: GPUBufferUsage.STORAGE });
      const reading = outcome(() => previewer.toImageData(latentsFromBuffer(buffer, { shape: [1, 4, 4, 4] })));
      device.destroy();
      expect(await reading).toMatch(/^gpu-lost: latents: .*make them again on `previewer.device`/);
      await isRight(await previewer.toImageData(sdxl(4)), sdxl(4));
    }));

  it('96 record() says that it waits for a new one, and works on it', () =>
    withLosses(async (previewer) => {
      previewer.device!.destroy();
      await previewer.device!.lost;
      expect(await outcome(() => previewer.record({} as GPUCommandEncoder, sdxl(4)))).toMatch(
        /^gpu-lost: .*a new one is being made/,
      );
      await previewer.toImageData(sdxl(4));
      const device = previewer.device!;
      const encoder = device.createCommandEncoder();
      expect(previewer.record(encoder, sdxl(4)).width).toBe(4);
      device.queue.submit([encoder.finish()]);
    }));

  it('105 destroy() ends the wait for a new one, and frees the one that comes', () =>
    withLosses(async (previewer, losses) => {
      const { requestDevice: request } = GPUAdapter.prototype;
      const made: GPUDevice[] = [];
      const watched = vi.spyOn(GPUAdapter.prototype, 'requestDevice').mockImplementation(async function (
        this: GPUAdapter,
        descriptor,
      ) {
        const device = await request.call(this, descriptor);
        made.push(device);
        previewer.destroy();
        return device;
      });
      previewer.device!.destroy();
      expect(await soon(() => previewer.toImageData(sdxl(4)))).toMatch(/^gpu-lost: previewer: it was destroyed/);
      expect(made).toHaveLength(1);
      expect((await made[0]!.lost).reason).toBe('destroyed');
      expect(losses).toHaveLength(1);
      watched.mockRestore();
    }));
});

describeGpu('a device of the caller’s', patience, () => {
  it('96 is not replaced, destroyed or blamed: calls reject, and the event says what to do', async () => {
    const device = (await requestDevice('webgpu'))!;
    await withLosses(
      async (previewer, losses) => {
        await previewer.toImageData(sdxl(4));
        const request = vi.spyOn(navigator.gpu, 'requestAdapter');
        const destroy = vi.spyOn(device, 'destroy');
        const pending = soon(() => previewer.toImageData(sdxl(4)));
        destroy.mockRestore();
        device.destroy();
        const said = /^gpu-lost: previewer: your device was lost \(.+\); create a previewer with a new one$/;
        expect(await pending).toMatch(said);
        expect(await soon(() => previewer.toImageData(sdxl(4)))).toMatch(said);
        expect(await soon(() => previewer.record({} as GPUCommandEncoder, sdxl(4)))).toMatch(said);
        expect(losses).toEqual([
          {
            reason: 'destroyed',
            message: expect.any(String),
            recovering: false,
            error: expect.any(LatentPreviewError),
          },
        ]);
        expect(`gpu-lost: ${losses[0]!.error!.message}`).toMatch(said);
        expect(previewer.device).toBe(device);
        expect(request).not.toHaveBeenCalled();
        request.mockRestore();
      },
      { device },
    );
  });

  it('96 that is lost already makes no previewer', async () => {
    const device = (await requestDevice('webgpu'))!;
    device.destroy();
    expect(await soon(() => createPreviewer({ format: 'sdxl', decoder, device }))).toMatch(
      /^gpu-lost: .*your device was lost/,
    );
    await takeGpuErrors();
  });

  it('94 may come from a function, which several previewers ask for the next', async () => {
    let shared: Promise<GPUDevice | undefined> | undefined;
    let asked = 0;
    const device = (): Promise<GPUDevice | undefined> => {
      asked++;
      shared ??= requestDevice('webgpu').then((made) => {
        made?.lost.then(() => {
          shared = undefined;
        });
        return made;
      });
      return shared;
    };
    const [one, two] = await Promise.all([
      createPreviewer({ format: 'sdxl', decoder, device }),
      createPreviewer({ format: 'sdxl', decoder, device }),
    ]);
    const first = one.device!;
    expect(two.device).toBe(first);
    first.destroy();
    const [left, right] = await Promise.all([one.toImageData(sdxl(4)), two.toImageData(sdxl(4, 2))]);
    await isRight(left, sdxl(4));
    await isRight(right, sdxl(4, 2));
    expect(one.device).not.toBe(first);
    expect(two.device).toBe(one.device);
    expect(asked).toBe(4);
    // It is the caller's all the same.
    const destroyed = vi.spyOn(one.device!, 'destroy');
    one.destroy();
    two.destroy();
    expect(destroyed).not.toHaveBeenCalled();
    destroyed.mockRestore();
    one.device!.destroy();
    await takeGpuErrors();
    // None is the CPU, unless a GPU is demanded.
    const none = async () => undefined;
    expect((await createPreviewer({ format: 'sdxl', device: none })).backend).toBe('cpu');
    expect(await outcome(() => createPreviewer({ format: 'sdxl', backend: 'webgpu', device: none }))).toMatch(
      /^gpu-unavailable: /,
    );
  });
});

describe('destroy()', () => {
  describeGpu('on the GPU', patience, () => {
    for (const [name, options, side] of [
      ['a map', { format: 'sdxl', decoder }, 8],
      ['a net', deep(), 32],
    ] as const)
      it(`93 before, during and after decodes with ${name}: what is pending ends in gpu-lost, or in its picture`, () =>
        withDevice(async (device) => {
          const latents = latentsFromArray(noise(4 * side ** 2, 1), { shape: [4, side, side] });
          const makes = [vi.spyOn(device, 'createBuffer'), vi.spyOn(device, 'createTexture')];
          const well = /^(done|gpu-lost: previewer: it was destroyed.*)$/;
          // At once, after some turns, and in the middle of slices.
          for (const turns of [0, 1, 5]) {
            const previewer = await createPreviewer({ ...options, device });
            let slices = 0;
            const onProgress = () => void (++slices === 2 && previewer.destroy());
            const pending = [1, 2, 3].map(() => soon(() => previewer.toImageData(latents, { onProgress })));
            for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setTimeout(resolve));
            previewer.destroy();
            const ended = performance.now();
            const live = makes.map(({ mock }) => mock.calls.length);
            for (const end of await Promise.all(pending)) expect(end).toMatch(well);
            expect(performance.now() - ended).toBeLessThan(1000);
            // Nothing is made that nobody would free.
            expect(makes.map(({ mock }) => mock.calls.length)).toEqual(live);
            expect(await soon(() => previewer.toImageData(latents))).toMatch(/^gpu-lost: .*it was destroyed/);
          }
          // The device is well.
          const after = await createPreviewer({ format: 'sdxl', decoder, device });
          await isRight(await after.toImageData(sdxl(4)), sdxl(4));
          after.destroy();
        }));
  });

  it('105 twice is once, and every call after it says so', async () => {
    const previewer = await createPreviewer({ format: 'sdxl', backend: 'cpu' });
    previewer.destroy();
    previewer.destroy();
    for (const call of [
      () => previewer.toImageData(sdxl(2)),
      () => previewer.toImageDatas(sdxl(2)),
      () => previewer.toImageBitmap(sdxl(2)),
      () => previewer.toBlob(sdxl(2)),
      () => previewer.toCanvas(sdxl(2), {} as OffscreenCanvas),
      () => previewer.record({} as GPUCommandEncoder, sdxl(2)),
    ])
      expect(await outcome(call)).toBe('gpu-lost: previewer: it was destroyed; create a new one');
  });
});
