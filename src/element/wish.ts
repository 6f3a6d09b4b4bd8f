// What an element is asked to show: the types of its properties, and how attributes and properties are read.

import {
  type Backend,
  type Decoder,
  type Domain,
  type DType,
  guessFormats,
  type LatentFormat,
  type LatentOptions,
  LatentPreviewError,
  type Latents,
  latentsFromArray,
  latentsFromBuffer,
  type Previewer,
  type Shape,
  type Tensor,
} from '../index';

/** Latents over a typed array; a file's `Tensor` is one too. Keep the array as it is until the next `load`. */
export interface ArrayLatents extends LatentOptions {
  readonly data: Tensor['data'];
  readonly shape: Shape;
  /** A `Uint16Array` is `uint16` unless this says `float16` or `bfloat16`. */
  readonly dtype?: DType;
}

/** Latents in a buffer of the element's `device`, with usage STORAGE; read where they are. */
export interface BufferLatents extends LatentOptions {
  readonly buffer: GPUBuffer;
  readonly shape: Shape;
  /** Default `float32`. */
  readonly dtype?: 'float32' | 'float16' | 'bfloat16';
  /** In bytes. */
  readonly offset?: number;
}

/** What the property `latents` takes: what `loadLatents` gives, a tensor or an array with its shape, a GPU buffer. */
export type LatentsInput = Latents | ArrayLatents | BufferLatents;

/**
 * Pixels per latent pixel and side; `latent`: as many as the decoder gives; `image`: as many as the model's VAE would
 * give; `auto`: as many as the element's box can show, between those two.
 */
export type Upscale = 'auto' | 'latent' | 'image' | number;

/** All that decides what is on show. */
export interface Wish {
  /** A URL, or latents. */
  readonly source: string | LatentsInput;
  /** Counts what was set: the same object again may hold other numbers. */
  readonly revision: number;
  /** '': what the latents say. */
  readonly format: string | LatentFormat;
  /** '': `auto`. */
  readonly decoder: string | Decoder;
  readonly device: GPUDevice | undefined;
  readonly backend: string;
  readonly domain: string;
  readonly frame: string;
  readonly upscale: string;
}

/** Whether what is under way for one is of no use for the other. Newer latents of a stream are no other wish. */
export const isOther = (a: Wish, b: Wish): boolean =>
  (a.source !== b.source && (typeof a.source === 'string' || typeof b.source === 'string')) ||
  a.format !== b.format ||
  a.decoder !== b.decoder ||
  a.device !== b.device ||
  a.backend !== b.backend ||
  a.domain !== b.domain;

/** @throws LatentPreviewError `shape`, `format`, `gpu-unavailable` */
export function toLatents(input: LatentsInput, device: GPUDevice | undefined): Latents {
  if (typeof input !== 'object' || ArrayBuffer.isView(input))
    throw new LatentPreviewError(
      'shape',
      'latent-preview: latents need a shape; set `latents` to { data, shape }, { buffer, shape } or what loadLatents gives',
    );
  if ('data' in input) return latentsFromArray(input.data, input);
  const latents = 'buffer' in input ? latentsFromBuffer(input.buffer, input) : input;
  if ('buffer' in latents.tensor && !device)
    throw new LatentPreviewError(
      'gpu-unavailable',
      'latent-preview: latents in a GPU buffer are read by the device that made it; set `device` to that one',
    );
  return latents;
}

/** Of latents whose format no attribute says. Rejects with a LatentPreviewError `format` that says what they may be. */
export async function formatOf(latents: Latents): Promise<LatentFormat> {
  if (latents.format) return latents.format;
  const ids = [...new Set((await guessFormats(latents)).map(({ format }) => format.id))].slice(0, 3);
  throw new LatentPreviewError(
    'format',
    ids.length > 0
      ? `latent-preview: no format is given; by their numbers the latents may be ${ids.join(', ')}: set format="${ids[0]}"`
      : 'latent-preview: no format is given, and none that is known has such latents; set `format` to an object of your own',
  );
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** As FrameOptions has it. @param sizeOf the picture's size in its box, in device pixels */
export function pictureSize(
  upscale: Upscale,
  { width, height }: Size,
  { format, decoder }: Previewer,
  sizeOf: (picture: Size) => Size,
): 'latent' | 'image' | Size {
  if (upscale === 'latent' || upscale === 'image') return upscale;
  const times = (scale: number): Size => ({ width: width * scale, height: height * scale });
  if (upscale !== 'auto') return times(upscale);
  const size = sizeOf({ width, height });
  // Smaller than decoded is the browser's to show: it averages. Larger than the image, there is nothing to gain.
  if (size.width <= width * decoder.upscale) return 'latent';
  return size.width < width * format.spatialDownscale
    ? size
    : times(Math.max(format.spatialDownscale, decoder.upscale));
}

/** Undefined: the middle one. @throws LatentPreviewError `shape` */
export function readFrame(text: string): number | undefined {
  if (text === '' || text === 'middle') return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw wrong('shape', 'frame', text, "'middle' or a frame's number, from 0");
}

/** @throws LatentPreviewError `shape` */
export function readUpscale(text: string): Upscale {
  if (text === '' || text === 'auto') return 'auto';
  if (text === 'latent' || text === 'image') return text;
  const factor = Number(text);
  if (Number.isInteger(factor) && factor >= 1 && factor <= 64) return factor;
  throw wrong('shape', 'upscale', text, "'auto', 'latent', 'image' or a whole number from 1 to 64");
}

/** Undefined: what the latents say. @throws LatentPreviewError `format` */
export function readDomain(text: string): Domain | undefined {
  if (text === '') return undefined;
  if (text === 'model' || text === 'vae') return text;
  throw wrong('format', 'domain', text, "'model' or 'vae'");
}

/** @throws LatentPreviewError `gpu-unavailable` */
export function readBackend(text: string): Backend {
  if (text === '') return 'auto';
  if (text === 'auto' || text === 'webgpu' || text === 'cpu') return text;
  throw wrong('gpu-unavailable', 'backend', text, "'auto', 'webgpu' or 'cpu'");
}

const wrong = (code: LatentPreviewError['code'], name: string, text: string, wanted: string): LatentPreviewError =>
  new LatentPreviewError(code, `latent-preview: ${name} is '${text}', needed ${wanted}`);
