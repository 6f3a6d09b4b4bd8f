// Previewers in a worker, both sides in one process: what crosses, what is copied, how errors, signals and progress come
// back. A real worker, canvases and policies are browser/worker.spec.ts's.

import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Decoder } from '../src/decoders/decoder';
import { formats, LatentPreviewError, latentsFromArray } from '../src/index';
import { noise } from '../src/ops/examples';
import { opExamples } from '../src/ops/index';
import { receivedDecoder } from '../src/worker/decoder';
import { createWorkerPreviewer, type WorkerPreviewer } from '../src/worker/index';
import { receivedError, sentError } from '../src/worker/messages';
import { serve } from '../src/worker/serve';
import { convFixtures } from './conv-fixtures';

/** A worker that is this process. */
function fakeWorker() {
  const listeners: ((event: { message: string }) => void)[] = [];
  const posted: unknown[] = [];
  const worker = {
    addEventListener: (_: string, listener: (event: { message: string }) => void) => listeners.push(listener),
    postMessage(message: { port: MessagePort }) {
      posted.push(message);
      ports.push(message.port);
      serve(message.port);
    },
  } as unknown as Worker;
  const fail = (message: string) => {
    for (const listener of listeners) listener({ message });
  };
  return { worker, posted, fail };
}

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

/** A tiny conv net that PyTorch has run. */
const net = convFixtures.find(({ kind }) => kind === 'taesd')!;

/** Work for it that takes several slices of time. */
const plenty = () => {
  const [channels] = net.inputShape.slice(1) as [number];
  return latentsFromArray(noise(channels * 160 * 160, 1), { shape: [1, channels, 160, 160] });
};

const open = (options: Partial<Parameters<typeof createWorkerPreviewer>[0]> = {}): Promise<WorkerPreviewer> =>
  createWorkerPreviewer({ format: 'pixel', backend: 'cpu', worker: fakeWorker().worker, ...options });

/** (1, 3, 1, 2) of pixel space: black and white. */
const blackAndWhite = () => latentsFromArray(Float32Array.from([-1, 1, -1, 1, -1, 1]), { shape: [1, 3, 1, 2] });

const failure = async (run: Promise<unknown>): Promise<LatentPreviewError> => {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LatentPreviewError);
  return error as LatentPreviewError;
};

describe('a previewer in a worker', () => {
  it('says what it is', async () => {
    const previewer = await open();
    const { backend, precision, device, format, decoder } = previewer;
    expect({ backend, precision, device, id: format.id }).toEqual({
      ...{ backend: 'cpu', precision: 'float32', device: undefined, id: 'pixel' },
    });
    expect(decoder).toEqual({ name: 'linear pixel', channels: 3, domain: 'model', upscale: 1 });
  });

  it('gives pictures', async () => {
    const previewer = await open();
    const { width, height, data } = await previewer.toImageData(blackAndWhite());
    expect({ width, height, data: [...data] }).toEqual({
      width: 2,
      height: 1,
      data: [0, 0, 0, 255, 255, 255, 255, 255],
    });
    const larger = await previewer.toImageData(blackAndWhite(), { size: { width: 4, height: 2 }, resample: 'nearest' });
    expect([...larger.data].filter((_, i) => i % 4 === 0)).toEqual([0, 0, 255, 255, 0, 0, 255, 255]);
    const batch = latentsFromArray(Float32Array.from([-1, -1, -1, 1, 1, 1]), { shape: [2, 3, 1, 1] });
    expect((await previewer.toImageDatas(batch)).map((image) => image.data[0])).toEqual([0, 255]);
    expect((await previewer.toImageDatas(batch, { item: 1 })).map((image) => image.data[0])).toEqual([255]);
  });

  it('takes the package’s own formats for what they are, whole or by id, and others as they are', async () => {
    // The fitted map is chosen where the format is the package's.
    expect((await open({ format: formats.sdxl, decoder: 'map' })).decoder.name).toBe('sdxl cubic 5×5 ×2');
    expect((await open({ format: 'sdxl', decoder: 'map' })).decoder.name).toBe('sdxl cubic 5×5 ×2');
    expect((await open({ format: { ...formats.sdxl, latentRgbBias: [0, 0, 1] } })).decoder.name).toBe('affine sdxl');
  });

  it('decodes by the decoder that it is given', async () => {
    const previewer = await open({ format: net.format, decoder: net.decoder() });
    expect(previewer.decoder.name).toBe(net.decoder().name);
    const latents = latentsFromArray(net.latents, { shape: net.inputShape, domain: net.domain });
    const { width, height, data } = await previewer.toImageData(latents);
    expect([height, width]).toEqual(net.outputShape.slice(2));
    // (planes, H, W) in the decoder's range, 0..1.
    const expected = net.expected();
    const count = width * height;
    for (let i = 0; i < 3 * count; i++) {
      const byte = Math.min(1, Math.max(0, expected[i]!)) * 255;
      expect(Math.abs(data[(i % count) * 4 + Math.floor(i / count)]! - byte)).toBeLessThanOrEqual(1);
    }
    expect(new Set(data).size).toBeGreaterThan(10);
  });

  it('copies latents, of a part of a buffer that part alone, or takes them over', async () => {
    const previewer = await open();
    const own = blackAndWhite();
    await previewer.toImageData(own);
    expect(own.tensor).toHaveProperty('data.byteLength', 24);

    const buffer = new Float32Array(1_000_006).fill(-1);
    const part = latentsFromArray(buffer.subarray(6, 12).fill(1), { shape: [1, 3, 1, 2] });
    const sent = vi.spyOn(MessagePort.prototype, 'postMessage');
    for (const transfer of [false, true]) {
      expect((await previewer.toImageData(part, { transfer })).data[0]).toBe(255);
      const { latents } = sent.mock.calls.map(([message]) => message).find(({ kind }) => kind === 'decode');
      // Handed over: nothing is left of the copy.
      expect(latents.tensor.data.byteLength).toBe(0);
      sent.mockClear();
    }
    sent.mockRestore();
    expect(buffer.length).toBe(1_000_006);

    const given = blackAndWhite();
    expect((await previewer.toImageData(given, { transfer: true })).data[4]).toBe(255);
    expect(given.tensor).toHaveProperty('data.byteLength', 0);

    const shared = new Float32Array(new SharedArrayBuffer(24)).fill(1);
    const inShared = latentsFromArray(shared as Float32Array<ArrayBufferLike> as Float32Array<ArrayBuffer>, {
      shape: [1, 3, 1, 2],
    });
    expect((await previewer.toImageData(inShared, { transfer: true })).data[0]).toBe(255);
    expect(shared.byteLength).toBe(24);
  });

  it('rejects with the library’s errors, code, message and cause', async () => {
    expect(await failure(open({ format: 'sdxxl' }))).toMatchObject({
      ...{ code: 'format', message: expect.stringMatching(/no latent format is called 'sdxxl'/) },
    });
    const previewer = await open();
    const wrong = latentsFromArray(new Float32Array(4), { shape: [1, 4, 1, 1] });
    expect(await failure(previewer.toImageData(wrong))).toMatchObject({
      ...{ code: 'shape', message: expect.stringMatching(/has 4 channels, format 'pixel' has 3/) },
    });
    const inner = Object.assign(new Error('inner', { cause: 'text' }), { name: 'OperationError' });
    const error = receivedError(
      structuredClone(sentError(new LatentPreviewError('gpu-limit', 'outer', { cause: inner }))),
    );
    expect(error).toBeInstanceOf(LatentPreviewError);
    expect(error).toMatchObject({ code: 'gpu-limit', message: 'outer', name: 'LatentPreviewError' });
    expect(error.stack).toMatch(/worker\.test/);
    expect(error.cause).toMatchObject({ name: 'OperationError', message: 'inner', cause: { message: 'text' } });
    // As WebGPU's are.
    expect(receivedError(sentError({ message: 'no memory' }))).toMatchObject({ name: 'Error', message: 'no memory' });
  });

  it('refuses what cannot be sent, before anything is', async () => {
    const { worker, posted } = fakeWorker();
    const previewer = await open({ worker });
    const tensor = { buffer: {} as GPUBuffer, offset: 0, dtype: 'float32', shape: [1, 3, 1, 1] } as const;
    const inBuffer = { tensor, domain: 'model', domainFrom: 'default' } as const;
    expect(await failure(previewer.toImageData(inBuffer))).toMatchObject({ code: 'gpu-unavailable' });
    const canvas = { transferControlToOffscreen: vi.fn() } as unknown as HTMLCanvasElement;
    expect(await failure(previewer.toCanvas(inBuffer, canvas))).toMatchObject({ code: 'gpu-unavailable' });
    expect(canvas.transferControlToOffscreen).not.toHaveBeenCalled();
    const unsendable = { ...formats.pixel, notes: [() => {}] } as never;
    expect(await failure(open({ worker, format: unsendable }))).toMatchObject({ code: 'worker' });
    // One port for all previewers of a worker.
    expect(posted).toHaveLength(1);
  });

  it('tells progress, and stops where a signal says so', async () => {
    const previewer = await open({ format: net.format, decoder: net.decoder() });
    const latents = plenty();
    const heard: number[] = [];
    await previewer.toImageData(latents, { onProgress: (fraction) => heard.push(fraction) });
    expect(heard.length).toBeGreaterThan(1);
    expect(heard).toEqual([...heard].sort((a, b) => a - b));
    expect(heard.at(-1)).toBe(1);

    const controller = new AbortController();
    const reason = new Error('enough');
    const told = vi.fn(() => controller.abort(reason));
    const running = previewer.toImageData(latents, { signal: controller.signal, onProgress: told });
    await expect(running).rejects.toBe(reason);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(told).toHaveBeenCalledTimes(1);

    const given = blackAndWhite();
    const aborted = { signal: AbortSignal.abort(reason), transfer: true };
    await expect(previewer.toImageData(given, aborted)).rejects.toBe(reason);
    expect(given.tensor).toHaveProperty('data.byteLength', 24);
    await expect(open({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('ends what is under way when it is destroyed, and nothing of its neighbours', async () => {
    const { worker } = fakeWorker();
    const [one, other] = [await open({ worker, format: net.format, decoder: net.decoder() }), await open({ worker })];
    const running = failure(one.toImageData(plenty()));
    one.destroy();
    one.destroy();
    expect(await running).toMatchObject({ code: 'gpu-lost' });
    expect(await failure(one.toImageData(blackAndWhite()))).toMatchObject({ code: 'gpu-lost' });
    expect((await other.toImageData(blackAndWhite())).data[4]).toBe(255);
  });

  it('says so where the worker’s script fails, and only then', async () => {
    const broken = fakeWorker();
    broken.worker.postMessage = () => {};
    const opening = failure(open({ worker: broken.worker }));
    broken.fail('Uncaught SyntaxError');
    expect(await opening).toMatchObject({
      ...{ code: 'worker', message: expect.stringMatching(/Uncaught SyntaxError.*worker-src/) },
    });
    expect(await failure(open({ worker: broken.worker }))).toMatchObject({ code: 'worker' });

    const { worker, fail } = fakeWorker();
    const previewer = await open({ worker });
    fail('an error of the page’s own code in it');
    expect((await previewer.toImageData(blackAndWhite())).data[4]).toBe(255);
    // Node has no Worker.
    expect(await failure(createWorkerPreviewer({ format: 'pixel' }))).toMatchObject({ code: 'worker' });
  });
});

// The first example of each op.
const byOp = new Map([...opExamples()].reverse().map((example) => [example.layer.name, example]));
const examples = [...byOp].map(([name, example]) => ({ name, ...example }));

it.each(examples)('sends layer $name as it is', ({ shape, layer }) => {
  const { name, bound, from, add } = layer;
  const sent = structuredClone({ op: name, params: bound.params, from, add });
  const { layers } = receivedDecoder({ ...decoderOf([]), layers: [sent as never] });
  const [received] = layers;
  const input = noise(
    shape.reduce((product, size) => product * size, 1),
    3,
  );
  const added =
    add === undefined
      ? undefined
      : noise(
          layer.outputShape(shape).reduce((a, b) => a * b, 1),
          4,
        );
  expect(received!.reference(input, shape, undefined, added)).toEqual(layer.reference(input, shape, undefined, added));
  expect(received!.bound.op).toBe(bound.op);
  expect([received!.add, received!.from]).toEqual([add, from]);
});

it('refuses a layer that this release does not know', () => {
  const layers = [{ op: 'attention', params: {} }];
  expect(() => receivedDecoder({ ...decoderOf([]), layers })).toThrow(/no layer 'attention' of decoder 'test'/);
});

function decoderOf(layers: Decoder['layers']): Decoder {
  const output = { activation: 'clamp', range: [0, 1] } as const;
  return { name: 'test', channels: 3, domain: 'model', upscale: 1, layers, output };
}
