// The buffer through which latents of CPU memory reach the GPU: one for all frames, as large as the largest.

import { LatentPreviewError } from '../errors';
import type { FrameData } from './upload';

export class Uploads {
  readonly #device: GPUDevice;
  #buffer: GPUBuffer | undefined;
  #written: FrameData | undefined;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** The same object again is not written again while it lies there. @throws LatentPreviewError `gpu-limit` */
  write(frame: FrameData): GPUBuffer {
    if (this.#buffer && this.#written === frame) return this.#buffer;
    const { data } = frame;
    const bytes = Math.ceil(data.byteLength / 4) * 4;
    const most = this.#device.limits.maxBufferSize;
    if (bytes > most)
      throw new LatentPreviewError(
        'gpu-limit',
        `latents: a frame of ${bytes} bytes exceeds the device's buffers of ${most}; use backend 'cpu'`,
      );
    if (!this.#buffer || this.#buffer.size < bytes) {
      this.#buffer?.destroy();
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
      this.#buffer = this.#device.createBuffer({ label: 'latents', size: Math.ceil(bytes / 256) * 256, usage });
    }
    // Writes are whole words: an odd number of halves gets a zero beside it.
    let whole = data as Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
    if (bytes !== data.byteLength) {
      whole = new Uint16Array(bytes / 2);
      whole.set(data);
    }
    this.#device.queue.writeBuffer(this.#buffer, 0, whole);
    this.#written = frame;
    return this.#buffer;
  }

  free(): void {
    this.#buffer?.destroy();
    this.#buffer = undefined;
  }
}
