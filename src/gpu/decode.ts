// The GPU side of a previewer: uploads where needed, records, enlarges, presents and reads back. One submit per frame
// where its work is little.

import type { LongWork } from '../clock';
import { LatentPreviewError } from '../errors';
import type { Layer } from '../ops/op';
import type { LatentView } from '../view';
import { lossOf } from './loss';
import { compilePlan, type Plan, type PlanLimits, type PlanOutput } from './plan';
import { choosePrecision, type Precision } from './precision';
import { copyPicture, mapPictures, Readings, readingBytes } from './readings';
import { type OutputSize, Resizer } from './resizer';
import { isOutOfMemory, scoped } from './scopes';
import type { LatentSource } from './source';
import type { KernelFamily } from './stages';
import { Submits } from './submits';
import type { FrameData } from './upload';
import { Uploads } from './uploads';

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

/** The limits are for tests: smaller buffers and submits than the device asks for. */
export interface GpuDecoderOptions extends Partial<PlanLimits> {
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
  const compiled = compilePlan(device, channels, layers, output, chosen, limits, family);
  return new DeviceDecoder(device, await lossOf(device).race(compiled));
}

const nothingYet = { from: 0, flying: Promise.resolve() };

const sumOf = (works: readonly number[]): number => works.reduce((sum, work) => sum + work, 0);

// Of pictures that are read back together: 5 s of Wan 2.1 at 832 × 480, 21 latent frames, are 34 MB.
const readBytes = 64 * 2 ** 20;

class DeviceDecoder implements GpuDecoder {
  readonly precision: Precision;
  readonly #device: GPUDevice;
  readonly #plan: Plan;
  readonly #resizer: Resizer;
  readonly #readings: Readings;
  readonly #uploads: Uploads;
  readonly #submits: Submits;
  #lastReading: Promise<unknown> = Promise.resolve();
  #lastTurn: Promise<unknown> = Promise.resolve();
  /** Decodes of several submits that are running or waiting. */
  #turns = 0;
  #destroyed = false;

  constructor(device: GPUDevice, plan: Plan) {
    this.#device = device;
    this.#plan = plan;
    this.precision = plan.precision;
    this.#resizer = new Resizer(device);
    this.#readings = new Readings(device);
    this.#uploads = new Uploads(device);
    this.#submits = new Submits(device, plan.pace);
  }

  upload(frame: FrameData): { buffer: GPUBuffer; offset: number } {
    return { buffer: this.#uploads.write(frame), offset: 0 };
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
    if (!this.#turns && this.#inOne(jobs))
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
    this.#check(signal);
    this.#plan.adapt(jobs[0].view);
    const allocated = scoped(this.#device, () => {
      finish.prepare?.();
      return jobs.map(({ source, view, size }) => {
        this.#resizer.prepare(this.#plan.prepare(view), size);
        return source();
      });
    });
    const [source] = allocated.value;
    const works = this.#plan.works(jobs[0].view);
    const inOne = this.#inOne(jobs);
    if (!inOne) await allocated.said;
    const { from, flying } = inOne ? nothingYet : await this.#submitAllButLast(source, works, { signal, onProgress });
    const { said } = this.#submits.submit((encoder) => {
      jobs.forEach(({ size }, index) => {
        const picture = this.#plan.record(encoder, allocated.value[index], from);
        finish.record(encoder, this.#resizer.record(encoder, picture, size), index);
      });
    });
    const result = finish.done();
    const work = sumOf(works.slice(from));
    // What is too little to learn from is not waited for.
    if (2 * work > this.#plan.pace.amount) this.#submits.untilDone(work).catch(() => {});
    // Where memory did not suffice, the submit fails for that reason alone.
    await allocated.said;
    await said;
    if (inOne) return result;
    await flying;
    onProgress?.(1);
    return result;
  }

  /** Whether one submit holds them; several jobs are as many as it does. */
  #inOne(jobs: readonly Job[]): boolean {
    const works = this.#plan.works(jobs[0].view);
    return jobs.length > 1 || this.#plan.pace.cut(works, 0) === works.length;
  }

  /**
   * As much at a time as the plan's pace says, two submits at a time so that the device does not wait for this side.
   * @returns the first pass of the last submit, which is the caller's, and what may still run before it
   */
  async #submitAllButLast(
    source: LatentSource,
    works: readonly number[],
    { signal, onProgress }: LongWork,
  ): Promise<{ from: number; flying: Promise<void> }> {
    const { pace } = this.#plan;
    const total = sumOf(works);
    let finished = 0;
    let flying: Promise<void> = Promise.resolve();
    for (let from = 0; ; ) {
      const to = pace.cut(works, from);
      if (to === works.length) return { from, flying };
      const work = sumOf(works.slice(from, to));
      const { said } = this.#submits.submit((encoder) => this.#plan.record(encoder, source, from, to));
      const done = this.#submits.untilDone(work).then(async () => {
        await said;
        finished += work;
        if (!signal?.aborted) onProgress?.(finished / total);
      });
      // It may fail while the one before it is waited for.
      done.catch(() => {});
      await flying;
      this.#check(signal);
      flying = done;
      from = to;
    }
  }

  readBack(jobs: readonly Job[], options: LongWork): Promise<Uint8ClampedArray<ArrayBuffer>[]> {
    // One buffer serves all read-backs: each waits for the one before it.
    const reading = this.#lastReading.then(() => this.#readBack(jobs, options));
    this.#lastReading = reading.catch(() => {});
    return reading;
  }

  async #readBack(jobs: readonly Job[], options: LongWork): Promise<Uint8ClampedArray<ArrayBuffer>[]> {
    const [{ view, size }] = jobs;
    const together = Math.floor(
      Math.min(this.#plan.pace.amount / sumOf(this.#plan.works(view)), readBytes / readingBytes(size)),
    );
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
        let told = 0;
        const onProgress = (fraction: number): void => {
          if (fraction > told) options.onProgress?.((done + fraction * part.length) / jobs.length);
          told = fraction;
        };
        const partOptions = { ...options, onProgress };
        pictures.push(...(await this.#read(part, (finish) => this.#persist(part, finish, partOptions))));
        // Where it took one submit, nobody told yet.
        onProgress(1);
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
    this.#check();
    return mapPictures(this.#device, buffer, size, jobs.length);
  }

  /** Decodes that waited or were under way make nothing that nobody frees. */
  #check(signal?: AbortSignal): void {
    if (this.#destroyed) throw new LatentPreviewError('gpu-lost', 'gpu: the decoder was destroyed');
    signal?.throwIfAborted();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#plan.destroy();
    this.#freeCopies();
    this.#readings.destroy();
  }

  /** What can be made again. */
  #freeCopies(): void {
    this.#resizer.clear();
    this.#uploads.free();
    this.#readings.free();
  }
}
