// Pictures on their way back to CPU memory, through one buffer.

import { lossOf } from './loss';

type Size = { readonly width: number; readonly height: number };

// Copies to buffers need rows at multiples of 256 bytes.
const rowBytes = (width: number): number => Math.ceil((width * 4) / 256) * 256;

/** What a picture takes in the buffer. */
export const readingBytes = ({ width, height }: Size): number => rowBytes(width) * height;

export class Readings {
  readonly #device: GPUDevice;
  #buffer: GPUBuffer | undefined;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** The buffer, with room for so many pictures. */
  prepare(size: Size, count: number): GPUBuffer {
    const bytes = readingBytes(size) * count;
    if (this.#buffer && this.#buffer.size >= bytes) return this.#buffer;
    this.#buffer?.destroy();
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    this.#buffer = this.#device.createBuffer({ label: 'pixels', size: bytes, usage });
    return this.#buffer;
  }

  /** Frees the buffer; one that waits for its pixels keeps them. */
  free(): void {
    if (this.#buffer?.mapState !== 'unmapped') return;
    this.#buffer.destroy();
    this.#buffer = undefined;
  }

  destroy(): void {
    this.#buffer?.destroy();
  }
}

/** Into the buffer, as its picture number `index`. */
export function copyPicture(encoder: GPUCommandEncoder, texture: GPUTexture, buffer: GPUBuffer, index: number): void {
  const { width, height } = texture;
  const offset = index * readingBytes(texture);
  encoder.copyTextureToBuffer({ texture }, { buffer, offset, bytesPerRow: rowBytes(width) }, [width, height]);
}

/** The pictures in a buffer of the device, rows without padding. */
export async function mapPictures(
  device: GPUDevice,
  buffer: GPUBuffer,
  size: Size,
  count: number,
): Promise<Uint8ClampedArray<ArrayBuffer>[]> {
  const { width, height } = size;
  const [bytes, rowStep] = [readingBytes(size), rowBytes(width)];
  await lossOf(device).race(buffer.mapAsync(GPUMapMode.READ, 0, bytes * count));
  const mapped = new Uint8Array(buffer.getMappedRange(0, bytes * count));
  const pictures = Array.from({ length: count }, (_, index) => {
    const pixels = new Uint8ClampedArray(width * height * 4);
    for (let y = 0; y < height; y++) {
      const start = index * bytes + y * rowStep;
      pixels.set(mapped.subarray(start, start + width * 4), y * width * 4);
    }
    return pixels;
  });
  buffer.unmap();
  return pictures;
}
