// createPreviewer(): the whole flow on one page. Latents in, a picture out, on the GPU or on the CPU.

import { type Canvas, canvasBlob, drawPicture, gpuContext, newCanvas, toImageData } from './canvas';
import type { LongWork } from './clock';
import type { CpuDecoder, Picture } from './cpu';
import { type Decoder, outputScale } from './decoders/decoder';
import { linear } from './decoders/index';
import { LatentPreviewError } from './errors';
import type { LatentFormat } from './formats/format';
import { formats, resolveFormat } from './formats/index';
import type { GpuDecoder, Job, OutputSize } from './gpu/decode';
import { type AcquiredDevice, acquireDevice, type Backend } from './gpu/device';
import type { Precision } from './gpu/precision';
import type { LatentSource } from './gpu/source';
import { frameData } from './gpu/upload';
import type { Latents } from './latents';
import { maps } from './maps/maps';
import type { Filter } from './ops/resize';
import { domainMap, type LatentView, selectFrame, viewLatents } from './view';

export interface PreviewerOptions {
  /** A format's id (`sdxl`, `flux/invokeai`) or your own object. */
  readonly format: string | LatentFormat;
  /**
   * Default: the best that needs no download. For an id whose map this project fitted (`sd15`, `sdxl`, `sd3`, `flux`,
   * `flux2`) that map; for every other id and for objects of your own `linear(format)`, the published table.
   */
  readonly decoder?: Decoder;
  /** Your own device; it is never destroyed here. Given, `auto` always uses it. */
  readonly device?: GPUDevice;
  /**
   * `auto` (default): the GPU where there is a real one, else the CPU, which beats a software GPU for per-pixel maps.
   * `webgpu`: the GPU even if it is a software one, or an error. `cpu`: never the GPU.
   */
  readonly backend?: Backend;
  /**
   * What conv decoders keep and multiply activations and weights in on the GPU; per-pixel maps and the CPU stay float32.
   * `float16`: half the memory and traffic, long sums in float32. With the published TAESD weights it is 70 dB or more
   * from PyTorch's float32: less than one byte in ten is off, by one step. Needs a device with the feature `shader-f16`;
   * a decoder with weights beyond ±65504 runs in float32 all the same, and activations beyond are cut off there.
   * `auto` (default): `float16` on such a device where it is no software one, else `float32`.
   */
  readonly precision?: 'auto' | Precision;
}

export interface FrameOptions extends LongWork {
  /** Which item of a batch; default 0. */
  readonly item?: number;
  /** Which latent frame of a video; default the middle one. */
  readonly frame?: number;
  /**
   * The picture's size: `latent` (default; the decoder's own size), `image` (the size the model's VAE would decode to) or
   * pixels.
   */
  readonly size?: 'latent' | 'image' | { readonly width: number; readonly height: number };
  /** How the picture gets to that size; default `bilinear`. */
  readonly resample?: Filter;
}

/** Made by {@link createPreviewer}. Owns GPU memory: `destroy()` frees it. */
export interface Previewer {
  readonly format: LatentFormat;
  readonly decoder: Decoder;
  /** Where it decodes. */
  readonly backend: 'webgpu' | 'cpu';
  /** The device it decodes on; undefined on the CPU. */
  readonly device: GPUDevice | undefined;
  /** What its activations and weights are in; `float32` for per-pixel maps and on the CPU. */
  readonly precision: Precision;
  /**
   * Decodes onto a canvas and sets its size. Resolves once the frame is submitted.
   * Every method rejects with LatentPreviewError: `shape`, `format`, `gpu-limit`, `gpu-lost`.
   */
  toCanvas(latents: Latents, canvas: Canvas, options?: FrameOptions): Promise<void>;
  /** sRGB, 8 bits, opaque. In Node a plain object of the same shape. */
  toImageData(latents: Latents, options?: FrameOptions): Promise<ImageData>;
  toImageBitmap(latents: Latents, options?: FrameOptions): Promise<ImageBitmap>;
  /** An encoded picture; `type` default `image/png`. */
  toBlob(latents: Latents, options?: FrameOptions & { type?: string; quality?: number }): Promise<Blob>;
  /**
   * Records the decode into your encoder and submits nothing. The rgba8 texture stays the previewer's, is written again by
   * the next frame of its size, and goes once eight other sizes were decoded. Latents in CPU memory are uploaded at once, so submit before you record others;
   * latents in a buffer of your device are read where they are.
   * @throws LatentPreviewError `gpu-unavailable` on the CPU backend, `shape`, `gpu-limit`
   */
  record(encoder: GPUCommandEncoder, latents: Latents, options?: FrameOptions): GPUTexture;
  /** Frees what the previewer made; the device only if it made that. Calls after it reject with `gpu-lost`. */
  destroy(): void;
}

/**
 * Compiles a decoder for a device.
 * @throws LatentPreviewError `format` (unknown, or without a map), `gpu-unavailable` (backend `webgpu`, or precision
 *   `float16` on a device without it), `shader`
 */
export async function createPreviewer({
  format,
  decoder,
  device,
  backend = 'auto',
  precision = 'auto',
}: PreviewerOptions): Promise<Previewer> {
  const resolved = resolveFormat(format);
  const chosen = decoder ?? (await bestDecoder(resolved));
  if (chosen.channels !== resolved.channels)
    throw new LatentPreviewError(
      'format',
      `previewer: decoder '${chosen.name}' takes ${chosen.channels} channels, format '${resolved.id}' has ${resolved.channels}`,
    );
  if (chosen.format && chosen.format !== resolved.base)
    throw new LatentPreviewError(
      'format',
      `previewer: decoder '${chosen.name}' was made for '${chosen.format}', the previewer is for '${resolved.id}'`,
    );
  const acquired = backend === 'cpu' ? undefined : await findDevice(backend, device);
  // Either side is loaded when it is used: pages with a GPU need no loops, pages without one no shaders.
  if (!acquired) {
    const { createCpuDecoder } = await import('./cpu');
    return new DecodingPreviewer(resolved, chosen, { cpu: await createCpuDecoder(chosen, resolved) });
  }
  const output = { activation: chosen.output.activation, ...outputScale(chosen.output) };
  const { createGpuDecoder } = await import('./gpu/decode');
  const { software } = acquired;
  const gpu = await createGpuDecoder(acquired.device, chosen.channels, chosen.layers, output, { precision, software });
  return new DecodingPreviewer(resolved, chosen, { ...acquired, gpu });
}

/** What is used where no decoder is given. */
async function bestDecoder(format: LatentFormat): Promise<Decoder> {
  // A copy of one of the package's formats may hold its owner's table.
  const load = formats[format.id] === format ? maps[format.id] : undefined;
  if (!load) return linear(format);
  const [{ latentMap }, map] = await Promise.all([import('./decoders/latent-map'), load()]);
  return latentMap(map);
}

/** Undefined where `auto` does better on the CPU. */
async function findDevice(backend: Backend, given?: GPUDevice): Promise<AcquiredDevice | undefined> {
  if (given || backend === 'webgpu') return acquireDevice(given);
  const found = await acquireDevice().catch((error: unknown) => {
    if (error instanceof LatentPreviewError && error.code === 'gpu-unavailable') return undefined;
    throw error;
  });
  if (!found?.software) return found;
  found.device.destroy();
  return undefined;
}

interface OnGpu extends AcquiredDevice {
  readonly gpu: GpuDecoder;
}

interface OnCpu {
  readonly cpu: CpuDecoder;
}

class DecodingPreviewer implements Previewer {
  readonly format: LatentFormat;
  readonly decoder: Decoder;
  readonly backend: 'webgpu' | 'cpu';
  readonly device: GPUDevice | undefined;
  readonly precision: Precision;
  readonly #on: OnGpu | OnCpu;
  #bitmapCanvas: OffscreenCanvas | undefined;
  #destroyed = false;

  constructor(format: LatentFormat, decoder: Decoder, on: OnGpu | OnCpu) {
    this.format = format;
    this.decoder = decoder;
    this.#on = on;
    this.backend = 'gpu' in on ? 'webgpu' : 'cpu';
    this.device = 'gpu' in on ? on.device : undefined;
    this.precision = 'gpu' in on ? on.gpu.precision : 'float32';
  }

  async toCanvas(latents: Latents, canvas: Canvas, options: FrameOptions = {}): Promise<void> {
    const on = this.#alive();
    if ('gpu' in on) {
      const { gpu, device } = on;
      const job = this.#job(gpu, latents, options);
      const { width, height } = job.size;
      const context = gpuContext(canvas, device, width, height);
      if (context) {
        const show = (encoder: GPUCommandEncoder, texture: GPUTexture): void =>
          encoder.copyTextureToTexture({ texture }, { texture: context.getCurrentTexture() }, [width, height]);
        return gpu.decode(job, show, options);
      }
    }
    drawPicture(canvas, await this.#toPicture(latents, options));
  }

  async toImageData(latents: Latents, options: FrameOptions = {}): Promise<ImageData> {
    return toImageData(await this.#toPicture(latents, options));
  }

  async toImageBitmap(latents: Latents, options: FrameOptions = {}): Promise<ImageBitmap> {
    const on = this.#alive();
    // What takes several submits ends in another task than this one.
    if ('cpu' in on || typeof OffscreenCanvas !== 'function' || !on.gpu.isAtOnce(this.#view(latents)))
      return createImageBitmap(toImageData(await this.#toPicture(latents, options)));
    // No read-back: the canvas hands its texture over. It must do so in the task that submitted.
    this.#bitmapCanvas ??= new OffscreenCanvas(1, 1);
    const canvas = this.#bitmapCanvas;
    const drawn = this.toCanvas(latents, canvas, options);
    const bitmap = canvas.transferToImageBitmap();
    await drawn;
    return bitmap;
  }

  async toBlob(
    latents: Latents,
    { type = 'image/png', quality, ...options }: FrameOptions & { type?: string; quality?: number } = {},
  ): Promise<Blob> {
    const picture = await this.#toPicture(latents, options);
    const canvas = newCanvas(picture.width, picture.height);
    drawPicture(canvas, picture);
    return canvasBlob(canvas, type, quality);
  }

  record(encoder: GPUCommandEncoder, latents: Latents, options: FrameOptions = {}): GPUTexture {
    const on = this.#alive();
    if ('cpu' in on)
      throw new LatentPreviewError(
        'gpu-unavailable',
        'previewer: record() needs the GPU, this previewer decodes on the CPU; create it with your `device`',
      );
    const { source, size } = this.#job(on.gpu, latents, options);
    return on.gpu.record(encoder, source(), size);
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    if ('cpu' in this.#on) return;
    this.#on.gpu.destroy();
    if (this.#on.owned) this.#on.device.destroy();
  }

  async #toPicture(latents: Latents, options: FrameOptions): Promise<Picture> {
    const on = this.#alive();
    if ('cpu' in on) return on.cpu.decode(latents, this.#outputSize(this.#view(latents), options), options);
    const job = this.#job(on.gpu, latents, options);
    return { width: job.size.width, height: job.size.height, data: await on.gpu.readBack(job, options) };
  }

  #job(gpu: GpuDecoder, latents: Latents, options: FrameOptions): Job {
    const { tensor, domain } = latents;
    const view = this.#view(latents);
    const size = this.#outputSize(view, options);
    const { item, frame } = selectFrame(view, options);
    const base = item * view.strides.item + frame * view.strides.frame;
    const map = domainMap(this.format, domain, this.decoder.domain, view.patch, frame);
    const source = (): LatentSource => {
      if ('buffer' in tensor)
        return { buffer: tensor.buffer, offset: tensor.offset, base, dtype: tensor.dtype, view, domainMap: map };
      const data = frameData(tensor, view, base);
      const { buffer, offset } = gpu.upload(data);
      return { buffer, offset, base: 0, dtype: data.dtype, view: { ...view, strides: data.strides }, domainMap: map };
    };
    return { source, view, size };
  }

  /** Refuses latents that are said to be of another format. */
  #view(latents: Latents): LatentView {
    const { format } = this;
    if (latents.format && latents.format.base !== format.base)
      throw new LatentPreviewError(
        'format',
        `latents: they are '${latents.format.id}', the previewer was made for '${format.id}'; create one for theirs`,
      );
    return viewLatents(latents, format);
  }

  #outputSize(view: LatentView, { size = 'latent', resample = 'bilinear' }: FrameOptions): OutputSize {
    const { format, decoder } = this;
    if (typeof size === 'object') {
      for (const side of [size.width, size.height])
        if (!Number.isInteger(side) || side < 1)
          throw new LatentPreviewError('shape', `previewer: size ${size.width}×${size.height} is not a size in pixels`);
      return { width: size.width, height: size.height, filter: resample };
    }
    const scale = size === 'image' ? format.spatialDownscale : decoder.upscale;
    return { width: view.width * scale, height: view.height * scale, filter: resample };
  }

  #alive(): OnGpu | OnCpu {
    if (this.#destroyed) throw new LatentPreviewError('gpu-lost', 'previewer: it was destroyed; create a new one');
    return this.#on;
  }
}
