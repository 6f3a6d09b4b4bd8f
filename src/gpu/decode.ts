// The GPU side of a previewer: uploads where needed, records, enlarges, presents and reads back. One submit per frame
// where its work is little.

import type { LongWork } from '../clock';
import { LatentPreviewError } from '../errors';
import type { Layer } from '../ops/op';
import type { LatentView } from '../view';
import { compilePlan, type Plan, type PlanOutput } from './plan';
import { choosePrecision, type Precision } from './precision';
import { copyPicture, mapPictures, Readings, readingBytes } from './readings';
import { type OutputSize, Resizer } from './resizer';
import type { ScheduleLimits } from './schedule';
import { isOutOfMemory, type Scoped, scoped } from './scopes';
import type { LatentSource } from './source';
import type { KernelFamily } from './stages';
import type { FrameData } from './upload';

export interface GpuDecoder {
  /** Of activations and weights. */
  readonly precision: Precision;
  /**
   * Puts CPU latents into this decoder's upload buffer. The same object again is not written again while it lies there.
   */
  upload(frame: FrameData): { readonly buffer: GPUBuffer; readonly offset: number };
  /** Records the frame at the decoder's size, or resized; the picture is this decoder's. */
  record(encoder: GPUCommandEncoder, source: LatentSource, size: OutputSize): GPUTexture;
  /**
   * Decodes and submits, in several submits where the work is much. Rejects with what the GPU objects to; where it is out
   * of memory, tries again with smaller buffers first. All of it happens in this task where one submit does.
   */
  decode<T>(job: Job, finish: Finish<T>, options: LongWork): Promise<T>;
  /**
   * Decodes jobs of one size and reads their pictures back, rows without padding: many in one submit where they are small.
   * Calls are answered in order.
   */
  readBack(jobs: readonly Job[], options: LongWork): Promise<Uint8ClampedArray<ArrayBuffer>[]>;
  destroy(): void;
}

/** What becomes of a decoded picture. */
export interface Finish<T> {
  /** Makes what it needs on the GPU. */
  prepare?(): void;
  /** Into the last submit. */
  record(encoder: GPUCommandEncoder, picture: GPUTexture, index: number): void;
  /** After that submit, in the same task. */
  done(): T;
}

/** What is decoded, at which size. */
export interface Job {
  /** Latents in CPU memory are uploaded by it: called in the task and the error scopes of the frame's allocations. */
  readonly source: () => LatentSource;
  readonly view: LatentView;
  readonly size: OutputSize;
  /** Its upload takes the place of that of other jobs: not to be recorded beside them. */
  readonly alone?: boolean;
}

/** The limits are for tests: smaller buffers and slices than the device asks for. */
export interface GpuDecoderOptions extends Partial<ScheduleLimits> {
  /** Default float32; `auto` takes float16 where the device has it and is not a software one. */
  readonly precision?: 'auto' | Precision;
  readonly software?: boolean;
  /** Other kernels than suit the device, for tests. */
  readonly family?: KernelFamily;
}

/** @throws LatentPreviewError `shader`, `gpu-limit`, `gpu-lost`, `gpu-unavailable` (float16 on a device without it) */
export async function createGpuDecoder(
  device: GPUDevice,
  channels: number,
  layers: readonly Layer[],
  output: PlanOutput,
  { precision = 'float32', software = false, family, ...limits }: GpuDecoderOptions = {},
): Promise<GpuDecoder> {
  const chosen = choosePrecision(precision, device, software);
  const lost = device.lost.then(({ message }) => {
    throw new LatentPreviewError(
      'gpu-lost',
      `gpu: the device was lost (${message || 'no reason given'}); create a new previewer`,
    );
  });
  lost.catch(() => {}); // Raced against each operation; nobody may be waiting when it happens.
  const plan = await Promise.race([compilePlan(device, channels, layers, output, chosen, limits, family), lost]);
  return new DeviceDecoder(device, plan, lost);
}

// Of pictures that are read back together: 5 s of Wan 2.1 at 832 × 480, 21 latent frames, are 34 MB.
const readBytes = 64 * 2 ** 20;

class DeviceDecoder implements GpuDecoder {
  readonly precision: Precision;
  readonly #device: GPUDevice;
  readonly #plan: Plan;
  readonly #lost: Promise<never>;
  readonly #resizer: Resizer;
  readonly #readings: Readings;
  #uploads: GPUBuffer | undefined;
  #uploaded: FrameData | undefined;
  #lastReading: Promise<unknown> = Promise.resolve();
  #lastTurn: Promise<unknown> = Promise.resolve();
  /** Decodes of several submits that are running or waiting. */
  #turns = 0;

  constructor(device: GPUDevice, plan: Plan, lost: Promise<never>) {
    this.#device = device;
    this.#plan = plan;
    this.precision = plan.precision;
    this.#lost = lost;
    this.#resizer = new Resizer(device);
    this.#readings = new Readings(device);
  }

  upload(frame: FrameData): { buffer: GPUBuffer; offset: number } {
    if (this.#uploads && this.#uploaded === frame) return { buffer: this.#uploads, offset: 0 };
    const { data } = frame;
    const bytes = Math.ceil(data.byteLength / 4) * 4;
    const most = this.#device.limits.maxBufferSize;
    if (bytes > most)
      throw new LatentPreviewError(
        'gpu-limit',
        `latents: a frame of ${bytes} bytes exceeds the device's buffers of ${most}; use backend 'cpu'`,
      );
    if (!this.#uploads || this.#uploads.size < bytes) {
      this.#uploads?.destroy();
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
      this.#uploads = this.#device.createBuffer({ label: 'latents', size: Math.ceil(bytes / 256) * 256, usage });
    }
    // Writes are whole words: an odd number of halves gets a zero beside it.
    let whole = data as Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
    if (bytes !== data.byteLength) {
      whole = new Uint16Array(bytes / 2);
      whole.set(data);
    }
    this.#device.queue.writeBuffer(this.#uploads, 0, whole);
    this.#uploaded = frame;
    return { buffer: this.#uploads, offset: 0 };
  }

  record(encoder: GPUCommandEncoder, source: LatentSource, size: OutputSize): GPUTexture {
    return this.#resizer.record(encoder, this.#plan.record(encoder, source), size);
  }

  async decode<T>(job: Job, finish: Finish<T>, options: LongWork): Promise<T> {
    return this.#decode([job], finish, options);
  }

  /** One job, or several in one submit. At once where that is all, else when its turn comes. */
  async #decode<T>(jobs: readonly Job[], finish: Finish<T>, options: LongWork): Promise<T> {
    options.signal?.throwIfAborted();
    let failure: LatentPreviewError | undefined;
    if (!this.#turns && this.#plan.slices(jobs[0].view) === 1)
      try {
        return await this.#attempt(jobs, finish, options);
      } catch (error) {
        if (!isOutOfMemory(error)) throw error;
        failure = error;
      }
    return this.#inTurn(() => this.#persist(jobs, finish, options, failure));
  }

  /** A decode of several submits has the buffers to itself. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(run);
    this.#turns++;
    this.#lastTurn = turn.then(
      () => void this.#turns--,
      () => void this.#turns--,
    );
    return turn;
  }

  /** Attempts with ever smaller buffers while memory does not suffice. */
  async #persist<T>(
    jobs: readonly Job[],
    finish: Finish<T>,
    options: LongWork,
    failure?: LatentPreviewError,
  ): Promise<T> {
    for (let failed = failure; ; ) {
      if (failed) {
        this.#freeCopies();
        this.#plan.shrink(jobs[0].view, failed);
      }
      try {
        return await this.#attempt(jobs, finish, options);
      } catch (error) {
        if (!isOutOfMemory(error)) throw error;
        failed = error;
      }
    }
  }

  async #attempt<T>(jobs: readonly Job[], finish: Finish<T>, { signal, onProgress }: LongWork): Promise<T> {
    signal?.throwIfAborted();
    const allocated = scoped(this.#device, this.#lost, () => {
      finish.prepare?.();
      return jobs.map(({ source, view, size }) => {
        this.#resizer.prepare(this.#plan.prepare(view), size);
        return source();
      });
    });
    const sources = allocated.value;
    const count = jobs.length > 1 ? 1 : this.#plan.slices(jobs[0].view);
    if (count > 1) await allocated.said;
    for (let slice = 0; slice < count - 1; slice++) {
      await this.#submit((encoder) => this.#plan.record(encoder, sources[0], slice)).said;
      await Promise.race([this.#device.queue.onSubmittedWorkDone(), this.#lost]);
      signal?.throwIfAborted();
      onProgress?.((slice + 1) / count);
    }
    const { said } = this.#submit((encoder) => {
      jobs.forEach(({ size }, index) => {
        const picture = this.#plan.record(encoder, sources[index], count > 1 ? count - 1 : undefined);
        finish.record(encoder, this.#resizer.record(encoder, picture, size), index);
      });
    });
    const result = finish.done();
    // Where memory did not suffice, the submit fails for that reason alone.
    await allocated.said;
    await said;
    if (count > 1) onProgress?.(1);
    return result;
  }

  #submit(encode: (encoder: GPUCommandEncoder) => void): Scoped<void> {
    return scoped(this.#device, this.#lost, () => {
      const encoder = this.#device.createCommandEncoder({ label: 'latent-preview frame' });
      encode(encoder);
      this.#device.queue.submit([encoder.finish()]);
    });
  }

  readBack(jobs: readonly Job[], options: LongWork): Promise<Uint8ClampedArray<ArrayBuffer>[]> {
    // One buffer serves all read-backs: each waits for the one before it.
    const reading = this.#lastReading.then(() => this.#readBack(jobs, options));
    this.#lastReading = reading.catch(() => {});
    return reading;
  }

  async #readBack(jobs: readonly Job[], options: LongWork): Promise<Uint8ClampedArray<ArrayBuffer>[]> {
    const [{ view, size }] = jobs;
    const together = Math.min(this.#plan.together(view), Math.floor(readBytes / readingBytes(size)));
    const step = jobs.some(({ alone }) => alone) ? 1 : Math.max(1, together);
    if (jobs.length <= step) {
      const pictures = await this.#read(jobs, (finish) => this.#decode(jobs, finish, options));
      if (jobs.length > 1) options.onProgress?.(1);
      return pictures;
    }
    return this.#inTurn(async () => {
      const pictures: Uint8ClampedArray<ArrayBuffer>[] = [];
      while (pictures.length < jobs.length) {
        const done = pictures.length;
        const part = jobs.slice(done, done + step);
        const onProgress = (fraction: number): void =>
          options.onProgress?.((done + fraction * part.length) / jobs.length);
        const partOptions = { ...options, onProgress };
        pictures.push(...(await this.#read(part, (finish) => this.#persist(part, finish, partOptions))));
        // Where it took one submit, nobody told yet.
        if (this.#plan.slices(view) === 1) onProgress(1);
      }
      return pictures;
    });
  }

  async #read(
    jobs: readonly Job[],
    decode: (finish: Finish<GPUBuffer>) => Promise<GPUBuffer>,
  ): Promise<Uint8ClampedArray<ArrayBuffer>[]> {
    const { size } = jobs[0];
    let target: GPUBuffer;
    const buffer = await decode({
      prepare: () => {
        target = this.#readings.prepare(size, jobs.length);
      },
      record: (encoder, texture, index) => copyPicture(encoder, texture, target, index),
      done: () => target,
    });
    return mapPictures(buffer, size, jobs.length, this.#lost);
  }

  destroy(): void {
    this.#plan.destroy();
    this.#freeCopies();
    this.#readings.destroy();
  }

  /** What can be made again. */
  #freeCopies(): void {
    this.#resizer.clear();
    this.#uploads?.destroy();
    this.#uploads = undefined;
    this.#readings.free();
  }
}
