// Where a frame's latents lie in GPU memory, and how the kernels are told: the buffer range to bind and the uniform that
// says how to read it.

import { LatentPreviewError } from '../errors';
import type { LatentView } from '../view';
import { frameSpan, type GpuDType } from './upload';

/** Latents that lie in a buffer of the plan's device. */
export interface LatentSource {
  readonly buffer: GPUBuffer;
  /** In bytes, of the tensor's first element. */
  readonly offset: number;
  /** In elements from there, of the frame's first element. */
  readonly base: number;
  readonly dtype: GpuDType;
  readonly view: LatentView;
  /** Gain and offset per channel (latents.ts, domainMap). */
  readonly domainMap: Float32Array;
}

export const dtypeCodes = { float32: 0, float16: 1, bfloat16: 2 } as const;

/** The words of shaders/lib/latents.wgsl's LatentView, in its order. */
export function latentWords(
  { view: { patch, strides }, dtype }: Pick<LatentSource, 'view' | 'dtype'>,
  base: number,
): Uint32Array<ArrayBuffer> {
  return Uint32Array.of(
    ...[base, strides.channel, strides.row, strides.column, strides.patchRow, strides.patchColumn],
    ...[patch, dtypeCodes[dtype]],
  );
}

/** Whether kernels may be told so when they are made (shaders/lib/latents.wgsl). */
export const isPlain = ({ view: { patch, strides }, dtype }: Pick<LatentSource, 'view' | 'dtype'>): boolean =>
  dtype === 'float32' && patch === 1 && strides.column === 1;

/**
 * The part of the buffer that holds the frame, starting where a binding may, and the frame's first element in it.
 * @throws LatentPreviewError `shape`, `gpu-limit`
 */
export const bindingRange = (device: GPUDevice, source: LatentSource) =>
  elementRange(device, source, frameSpan(source.view), {
    what: 'one frame',
    remedy: "keep each frame's channels together (layout NTCHW), or ",
  });

/**
 * The same of any `count` elements from `base` on.
 * @throws LatentPreviewError `shape`, `gpu-limit`
 */
export function elementRange(
  device: GPUDevice,
  { buffer, offset, base, dtype }: Pick<LatentSource, 'buffer' | 'offset' | 'base' | 'dtype'>,
  count: number,
  { what, remedy = '' }: { what: string; remedy?: string },
) {
  const { minStorageBufferOffsetAlignment: step, maxStorageBufferBindingSize: most } = device.limits;
  const bytes = dtype === 'float32' ? 4 : 2;
  const first = offset + base * bytes;
  const start = Math.floor(first / step) * step;
  // Kernels read whole 32-bit words.
  const end = Math.ceil((first + count * bytes) / 4) * 4;
  if (end > buffer.size)
    throw new LatentPreviewError(
      'shape',
      `latents: ${what} ends at byte ${end} of buffer '${buffer.label}' rounded up to a 32-bit word, ` +
        `the buffer has ${buffer.size}; make it a multiple of 4 bytes and large enough for the shape`,
    );
  if (end - start > most)
    throw new LatentPreviewError(
      'gpu-limit',
      `latents: ${what} spans ${end - start} bytes of its buffer, the device binds at most ${most}; ` +
        `${remedy}pass a device with a higher maxStorageBufferBindingSize`,
    );
  return { offset: start, size: end - start, base: (first - start) / bytes };
}
