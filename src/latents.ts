// Latents: a tensor with what it means (format, domain, axis order). How its numbers are found is view.ts.

import { LatentPreviewError } from './errors';
import type { Domain, LatentFormat } from './formats/format';
import { resolveFormat } from './formats/index';
import { elementCount, formatShape, itemSize, type Shape, type Tensor, tensorFromArray } from './tensor';

/** A tensor that already lies in GPU memory. The buffer stays the caller's. */
export interface GpuTensor {
  readonly buffer: GPUBuffer;
  /** In bytes; a multiple of the element size. */
  readonly offset: number;
  readonly dtype: 'float32' | 'float16' | 'bfloat16';
  readonly shape: Shape;
}

/**
 * The order of a tensor's axes, outermost first: N items, C channels, T frames, H rows, W columns,
 * L tokens of a packed picture.
 */
export type Layout = 'CHW' | 'HWC' | 'NCHW' | 'NHWC' | 'CTHW' | 'TCHW' | 'NCTHW' | 'NTCHW' | 'LC' | 'NLC';

/** Latents as a file or a sampler hands them over. Plain data: nothing to free. */
export interface Latents {
  readonly tensor: Tensor | GpuTensor;
  /** What the caller or the file says they are; undefined where neither does. */
  readonly format?: LatentFormat;
  /** `model` (as the sampler sees them) unless the caller or the file says `vae`. */
  readonly domain: Domain;
  /** Who says so; `default` where nobody does. */
  readonly domainFrom: 'caller' | 'file' | 'default';
  /** Undefined: found from the shape and the format's channels. */
  readonly layout?: Layout;
  /** Latent rows and columns of token layouts, unpacked. Undefined: the most square pair that fits. */
  readonly size?: { readonly height: number; readonly width: number };
  /** The file's strings, such as a ComfyUI workflow. */
  readonly metadata?: ReadonlyMap<string, string>;
}

export interface LatentOptions {
  /** A format's id or object. Left out, a previewer takes its own. */
  readonly format?: string | LatentFormat;
  /** Default `model`, as samplers and diffusers' callbacks give them; `vae` for raw VAE latents. */
  readonly domain?: Domain;
  readonly layout?: Layout;
  readonly size?: { readonly height: number; readonly width: number };
}

/**
 * Latents over a typed array.
 * @param data one entry per element; a `Uint16Array` with `dtype` `float16` or `bfloat16` for packed halves
 * @throws LatentPreviewError `shape`, `format`
 */
export function latentsFromArray(
  data: Tensor['data'],
  { shape, dtype, ...options }: LatentOptions & { shape: Shape; dtype?: Tensor['dtype'] },
): Latents {
  return describeLatents(tensorFromArray(data, shape, dtype), options);
}

/**
 * Latents that already lie in a GPU buffer of the previewer's device: decoded in place, without a copy.
 * The buffer needs `GPUBufferUsage.STORAGE` and stays the caller's. `offset` is in bytes from its start, a multiple of the
 * element size; default 0.
 * @throws LatentPreviewError `shape`, `format`
 */
export function latentsFromBuffer(
  buffer: GPUBuffer,
  {
    shape,
    dtype = 'float32',
    offset = 0,
    ...options
  }: LatentOptions & { shape: Shape; dtype?: GpuTensor['dtype']; offset?: number },
): Latents {
  const bytes = elementCount(shape) * itemSize(dtype);
  if (offset < 0 || offset % itemSize(dtype) !== 0)
    throw new LatentPreviewError('shape', `latents: offset ${offset} is not a multiple of ${itemSize(dtype)} bytes`);
  if (offset + bytes > buffer.size)
    throw new LatentPreviewError(
      'shape',
      `latents: ${dtype} of shape ${formatShape(shape)} at offset ${offset} ends at byte ${offset + bytes}, ` +
        `the buffer has ${buffer.size}`,
    );
  const storage = 0x80; // GPUBufferUsage.STORAGE: the global is absent on servers
  if (!(buffer.usage & storage))
    throw new LatentPreviewError(
      'shape',
      `latents: the buffer '${buffer.label}' lacks GPUBufferUsage.STORAGE; create it with that usage`,
    );
  return describeLatents({ buffer, offset, dtype, shape: [...shape] }, options);
}

/** A tensor with what it means. @throws LatentPreviewError `format` */
export function describeLatents(
  tensor: Tensor | GpuTensor,
  { format, domain, layout, size }: LatentOptions = {},
): Latents {
  return {
    tensor,
    domain: domain ?? 'model',
    domainFrom: domain ? 'caller' : 'default',
    ...(format === undefined ? {} : { format: resolveFormat(format) }),
    ...(layout === undefined ? {} : { layout }),
    ...(size === undefined ? {} : { size }),
  };
}
