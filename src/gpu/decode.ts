// The GPU side of a previewer: uploads where needed, records, enlarges, presents and reads back. One submit per frame.

import type { LongWork } from '../clock';
import { LatentPreviewError } from '../errors';
import { type Layer, layer } from '../ops/op';
import { type Filter, resize } from '../ops/resize';
import type { LatentView } from '../view';
import { pipelineOf } from './kernel';
import { RecentMap } from './memory';
import { checkPicture, createPicture } from './picture';
import { compilePlan, type Plan, type PlanOutput } from './plan';
import type { ScheduleLimits } from './schedule';
import type { LatentSource } from './source';
import type { FrameData } from './upload';

export interface GpuDecoder {
  /** Puts a frame of CPU latents into this decoder's upload buffer. */
  upload(frame: FrameData): { readonly buffer: GPUBuffer; readonly offset: number };
  /** Records the frame at the decoder's size, or resized; the picture is this decoder's. */
  record(encoder: GPUCommandEncoder, source: LatentSource, size: OutputSize): GPUTexture;
  /**
   * Decodes and submits, in several submits where the work is much; the last holds what `finish` records. Rejects with what
   * the GPU objects to. All of it happens in this task where one submit does.
   */
  decode<T>(job: Job, finish: Finish<T>, options: LongWork): Promise<T>;
  /** Decodes and reads the picture back, rows without padding. Calls are answered in order. */
  readBack(job: Job, options: LongWork): Promise<Uint8ClampedArray<ArrayBuffer>>;
  destroy(): void;
}

type Finish<T> = (encoder: GPUCommandEncoder, picture: GPUTexture) => T;

/** What is decoded, at which size. */
export interface Job {
  /** Latents in CPU memory are uploaded by it: called once, in the task and the error scopes of the first submit. */
  readonly source: () => LatentSource;
  readonly view: LatentView;
  readonly size: OutputSize;
}

export interface OutputSize {
  readonly width: number;
  readonly height: number;
  readonly filter: Filter;
}

/**
 * @param limits smaller buffers and slices than the device asks for, for tests
 * @throws LatentPreviewError `shader`, `gpu-limit`, `gpu-lost`
 */
export async function createGpuDecoder(
  device: GPUDevice,
  channels: number,
  layers: readonly Layer[],
  output: PlanOutput,
  limits: Partial<ScheduleLimits> = {},
): Promise<GpuDecoder> {
  const lost = device.lost.then(({ message }) => {
    throw new LatentPreviewError(
      'gpu-lost',
      `gpu: the device was lost (${message || 'no reason given'}); create a new previewer`,
    );
  });
  lost.catch(() => {}); // Raced against each operation; nobody may be waiting when it happens.
  const plan = await Promise.race([compilePlan(device, channels, layers, output, limits), lost]);
  return new DeviceDecoder(device, plan, lost);
}

class DeviceDecoder implements GpuDecoder {
  readonly #device: GPUDevice;
  readonly #plan: Plan;
  readonly #lost: Promise<never>;
  readonly #resized = new RecentMap<Resized>(8, ({ picture }) => picture.destroy());
  #uploads: GPUBuffer | undefined;
  #readings: GPUBuffer | undefined;
  #lastReading: Promise<unknown> = Promise.resolve();
  #lastDecode: Promise<unknown> = Promise.resolve();
  /** Decodes of several submits that are running or waiting. */
  #busy = 0;

  constructor(device: GPUDevice, plan: Plan, lost: Promise<never>) {
    this.#device = device;
    this.#plan = plan;
    this.#lost = lost;
  }

  upload({ data }: FrameData): { buffer: GPUBuffer; offset: number } {
    const bytes = Math.ceil(data.byteLength / 4) * 4;
    const most = this.#device.limits.maxBufferSize;
    if (bytes > most)
      throw new LatentPreviewError(
        'gpu-limit',
        `latents: a frame of ${bytes} bytes exceeds the device's buffers of ${most}; use backend 'cpu'`,
      );
    this.#uploads = this.#grown(this.#uploads, bytes, 'latents', GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST);
    // Writes are whole words: an odd number of halves gets a zero beside it.
    let whole = data as Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
    if (bytes !== data.byteLength) {
      whole = new Uint16Array(bytes / 2);
      whole.set(data);
    }
    this.#device.queue.writeBuffer(this.#uploads, 0, whole);
    return { buffer: this.#uploads, offset: 0 };
  }

  record(encoder: GPUCommandEncoder, source: LatentSource, size: OutputSize): GPUTexture {
    return this.#resize(encoder, this.#plan.record(encoder, source), size);
  }

  async decode<T>(job: Job, finish: Finish<T>, options: LongWork): Promise<T> {
    options.signal?.throwIfAborted();
    const slices = this.#plan.slices(job.view);
    if (slices === 1 && !this.#busy)
      return this.#submit((encoder) => finish(encoder, this.record(encoder, job.source(), job.size)));
    // A decode of several submits has the buffers to itself.
    const turn = this.#lastDecode.then(() => this.#decodeInSlices(slices, job, finish, options));
    this.#busy++;
    this.#lastDecode = turn.then(
      () => void this.#busy--,
      () => void this.#busy--,
    );
    return turn;
  }

  async #decodeInSlices<T>(
    count: number,
    { source, size }: Job,
    finish: Finish<T>,
    { signal, onProgress }: LongWork,
  ): Promise<T> {
    signal?.throwIfAborted();
    let latents: LatentSource | undefined;
    const record = (encoder: GPUCommandEncoder, slice: number): GPUTexture => {
      latents ??= source();
      return this.#plan.record(encoder, latents, slice);
    };
    for (let slice = 0; slice < count - 1; slice++) {
      await this.#submit((encoder) => record(encoder, slice));
      await Promise.race([this.#device.queue.onSubmittedWorkDone(), this.#lost]);
      signal?.throwIfAborted();
      onProgress?.((slice + 1) / count);
    }
    const result = await this.#submit((encoder) =>
      finish(encoder, this.#resize(encoder, record(encoder, count - 1), size)),
    );
    onProgress?.(1);
    return result;
  }

  #resize(encoder: GPUCommandEncoder, decoded: GPUTexture, { width, height, filter }: OutputSize): GPUTexture {
    if (decoded.width === width && decoded.height === height) return decoded;
    checkPicture(this.#device, width, height);
    const kernel = layer(resize, { width, height, filter }).kernel(
      [3, decoded.height, decoded.width],
      this.#device.limits,
    );
    const pipeline = pipelineOf(this.#device, { kernel, input: 'picture', output: 'picture' });
    const { picture, groups } = this.#resized.get(`${width}×${height}`, () => ({
      picture: createPicture(this.#device, width, height, 'resized'),
      groups: new WeakMap(),
    }));
    let perFilter = groups.get(decoded);
    if (!perFilter) {
      perFilter = new Map();
      groups.set(decoded, perFilter);
    }
    let group = perFilter.get(filter);
    if (!group) {
      group = this.#device.createBindGroup({
        label: `resize ${filter}`,
        layout: pipeline.getBindGroupLayout(0),
        entries: [
          { binding: 0, resource: decoded.createView() },
          { binding: 4, resource: picture.createView() },
        ],
      });
      perFilter.set(filter, group);
    }
    const pass = encoder.beginComputePass({ label: 'latent-preview resize' });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...kernel.workgroups);
    pass.end();
    return picture;
  }

  async #submit<T>(encode: (encoder: GPUCommandEncoder) => T): Promise<T> {
    const device = this.#device;
    device.pushErrorScope('out-of-memory');
    device.pushErrorScope('validation');
    const outcome = attempt(() => {
      const encoder = device.createCommandEncoder({ label: 'latent-preview frame' });
      const value = encode(encoder);
      device.queue.submit([encoder.finish()]);
      return value;
    });
    // Both scopes are popped in this task, so that the caller's own scopes on the same device stay in step.
    const scopes = Promise.all([device.popErrorScope(), device.popErrorScope()]);
    if ('thrown' in outcome) {
      scopes.catch(() => {});
      throw outcome.thrown;
    }
    const [invalid, memory] = await Promise.race([scopes, this.#lost]);
    if (memory) throw new LatentPreviewError('gpu-limit', `gpu: out of memory: ${memory.message}`, { cause: memory });
    if (invalid) throw new LatentPreviewError('shader', `gpu: ${invalid.message}`, { cause: invalid });
    return outcome.value;
  }

  readBack(job: Job, options: LongWork): Promise<Uint8ClampedArray<ArrayBuffer>> {
    // One buffer serves all read-backs: each waits for the one before it.
    const reading = this.#lastReading.then(() => this.#read(job, options));
    this.#lastReading = reading.catch(() => {});
    return reading;
  }

  async #read(job: Job, options: LongWork): Promise<Uint8ClampedArray<ArrayBuffer>> {
    const { width, height } = job.size;
    // Copies to buffers need rows at multiples of 256 bytes.
    const paddedBytes = Math.ceil((width * 4) / 256) * 256;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const copy: Finish<GPUBuffer> = (encoder, texture) => {
      const buffer = this.#grown(this.#readings, paddedBytes * height, 'pixels', usage);
      this.#readings = buffer;
      encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow: paddedBytes }, [width, height]);
      return buffer;
    };
    const buffer = await this.decode(job, copy, options);
    await Promise.race([buffer.mapAsync(GPUMapMode.READ, 0, paddedBytes * height), this.#lost]);
    const mapped = new Uint8Array(buffer.getMappedRange(0, paddedBytes * height));
    const pixels = new Uint8ClampedArray(width * height * 4);
    for (let y = 0; y < height; y++)
      pixels.set(mapped.subarray(y * paddedBytes, y * paddedBytes + width * 4), y * width * 4);
    buffer.unmap();
    return pixels;
  }

  destroy(): void {
    this.#plan.destroy();
    this.#resized.clear();
    this.#uploads?.destroy();
    this.#readings?.destroy();
  }

  /** The buffer, or a larger one in its place. */
  #grown(buffer: GPUBuffer | undefined, size: number, label: string, usage: GPUBufferUsageFlags): GPUBuffer {
    if (buffer && buffer.size >= size) return buffer;
    buffer?.destroy();
    return this.#device.createBuffer({ label, size: Math.ceil(size / 256) * 256, usage });
  }
}

interface Resized {
  readonly picture: GPUTexture;
  /** Bind groups by the picture they read and the filter. */
  readonly groups: WeakMap<GPUTexture, Map<Filter, GPUBindGroup>>;
}

function attempt<T>(run: () => T): { value: T } | { thrown: unknown } {
  try {
    return { value: run() };
  } catch (thrown) {
    return { thrown };
  }
}
