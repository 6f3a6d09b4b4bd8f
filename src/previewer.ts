// createPreviewer(): the whole flow on one page. Latents in, a picture out, on the GPU or on the CPU.

import { type Canvas, canvasBlob, drawPicture, fitCanvas, gpuContext, newCanvas, toImageData } from './canvas';
import type { ResolvedDecoder } from './choose';
import type { LongWork } from './clock';
import type { Picture } from './cpu';
import { type Decoder, outputScale } from './decoders/decoder';
import { LatentPreviewError } from './errors';
import type { LatentFormat } from './formats/format';
import { resolveFormat } from './formats/index';
import type { Job } from './gpu/decode';
import { type AcquiredDevice, type Backend, findDevice, type GivenDevice } from './gpu/device';
import type { Precision } from './gpu/precision';
import type { OutputSize } from './gpu/resizer';
import type { Latents } from './latents';
import type { Filter } from './ops/resize';
import type { DeviceLoss, Devices, GpuSide, OnDevice } from './recovery';
import { type LatentView, type Selection, selectFrame, selectFrames, viewLatents } from './view';

/**
 * `auto`: the mini decoder of the families that have one (`sd15`, `sdxl`, `sd3`, `flux`, `flux2`), where it is fast enough
 * here; else `map`. `mini`: always that one. `map`: the map that this project fitted for the format, where it did, else its
 * published table. `linear`: that table, always.
 */
export type DecoderName = 'auto' | 'mini' | 'map' | 'linear';

export interface PreviewerOptions {
  /** A format's id (`sdxl`, `flux/invokeai`) or your own object. */
  readonly format: string | LatentFormat;
  /**
   * Default `auto`. Its weights, at most 200 kB, come with the package; where they cannot be had, or the device cannot
   * run it, the map takes its place. `previewer.decoder` says which it became.
   */
  readonly decoder?: Decoder | DecoderName;
  /**
   * For `auto`: milliseconds that the mini decoder may take from latents of 64×64 to pixels, as measured once on each
   * device; never on software GPUs. Default 100: what people still take for at once, and less than most samplers take for a step, so that a
   * preview is there before the next one comes. 0: never the mini decoder; Infinity: always, without measuring.
   */
  readonly frameBudget?: number;
  /**
   * Your own device; it is never destroyed here, nor replaced. Given, `auto` always uses it.
   * Or a function that gives one, for several previewers to share: it is asked again where that one is lost, and should
   * then give all of them the same new one. Undefined means the CPU.
   */
  readonly device?: GivenDevice;
  /**
   * Called when the device was lost, as in a crash of the GPU process. A device that the previewer made, or got from a
   * function, is replaced: three times at most until a picture is decoded again. What was being decoded is decoded again on
   * the new one, and later calls wait for it. Where it was yours, or nothing helps, every call rejects with `loss.error`.
   */
  readonly onDeviceLost?: (loss: DeviceLoss) => void;
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
  /** The device it decodes on, after a loss the new one; undefined on the CPU. */
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
  /**
   * All items of a batch and all frames of a video, item by item, as one decode: one upload, one progress, one signal.
   * `item` and `frame` restrict it to that item's frames, or to that frame of every item. The same as `toImageData` of each.
   */
  toImageDatas(latents: Latents, options?: FrameOptions): Promise<ImageData[]>;
  toImageBitmap(latents: Latents, options?: FrameOptions): Promise<ImageBitmap>;
  /** An encoded picture; `type` default `image/png`. */
  toBlob(latents: Latents, options?: FrameOptions & { type?: string; quality?: number }): Promise<Blob>;
  /**
   * Records the decode into your encoder and submits nothing. The rgba8 texture stays the previewer's, is written again by
   * the next frame of its size, and goes once eight other sizes were decoded, or some that took 256 MiB together. Latents in CPU memory are uploaded at once, so submit before you record others;
   * latents in a buffer of your device are read where they are.
   * @throws LatentPreviewError `gpu-unavailable` on the CPU backend, `shape`, `gpu-limit`, `gpu-lost`, also until a lost
   *   device is replaced
   */
  record(encoder: GPUCommandEncoder, latents: Latents, options?: FrameOptions): GPUTexture;
  /** Frees what the previewer made; the device only if it made that. Calls after it reject with `gpu-lost`. */
  destroy(): void;
}

/**
 * Compiles a decoder for a device.
 * @throws LatentPreviewError `format` (unknown, or without such a decoder), `file` (weights of `mini`), `gpu-unavailable` (backend `webgpu`, or precision
 *   `float16` on a device without it), `shader`
 */
export async function createPreviewer({
  format,
  decoder = 'auto',
  device,
  onDeviceLost,
  backend = 'auto',
  precision = 'auto',
  frameBudget = 100,
}: PreviewerOptions): Promise<Previewer> {
  const resolved = resolveFormat(format);
  const { chosen, openBest }: ResolvedDecoder =
    typeof decoder === 'string'
      ? await (await import('./choose')).resolveDecoder(decoder, resolved)
      : { chosen: decoder };
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
  const ours = typeof device !== 'object';
  const devices = {
    ...(ours && { again: () => findDevice('webgpu', device) }),
    ...(onDeviceLost && { onLost: onDeviceLost }),
  };
  const open = (one: Decoder, on = acquired): Promise<DecodingPreviewer> =>
    openPreviewer(resolved, one, on, precision, devices);
  if (!openBest) return open(chosen);
  // While there may be two of them on it, the device is neither's.
  const shared = acquired && { ...acquired, owned: false };
  const best = { format: resolved, map: chosen, acquired, precision, frameBudget };
  try {
    const previewer = await openBest({ ...best, open: (one) => open(one, shared) });
    if (acquired?.owned) previewer.own();
    return previewer;
  } catch (error) {
    if (acquired?.owned) acquired.device.destroy();
    throw error;
  }
}

/** Either side is loaded when it is used: pages with a GPU need no loops, pages without one no shaders. */
async function openPreviewer(
  format: LatentFormat,
  decoder: Decoder,
  acquired: AcquiredDevice | undefined,
  precision: 'auto' | Precision,
  devices: Omit<Devices, 'make'>,
): Promise<DecodingPreviewer> {
  if (!acquired) {
    const { createCpuDecoder, decodeEach } = await import('./cpu');
    const cpu = await createCpuDecoder(decoder, format);
    return new DecodingPreviewer(format, decoder, { decode: (...what) => decodeEach(cpu, ...what) });
  }
  const output = { activation: decoder.output.activation, ...outputScale(decoder.output) };
  const [{ createGpuDecoder }, { frameJobs }, { GpuSide }] = await Promise.all([
    import('./gpu/decode'),
    import('./frames'),
    import('./recovery'),
  ]);
  const make = async ({ device, software }: AcquiredDevice): Promise<OnDevice> => {
    const gpu = await createGpuDecoder(device, decoder.channels, decoder.layers, output, { precision, software });
    return { device, gpu, jobsOf: (...what) => frameJobs({ gpu, device, format, decoder }, ...what) };
  };
  return new DecodingPreviewer(format, decoder, await GpuSide.start(acquired, { ...devices, make }));
}

interface OnCpu {
  readonly decode: (
    latents: Latents,
    size: OutputSize,
    selections: readonly Selection[],
    options: LongWork,
  ) => Promise<Picture[]>;
}

class DecodingPreviewer implements Previewer {
  readonly format: LatentFormat;
  readonly decoder: Decoder;
  readonly backend: 'webgpu' | 'cpu';
  readonly #on: GpuSide | OnCpu;
  #bitmapCanvas: OffscreenCanvas | undefined;
  #destroyed = false;

  constructor(format: LatentFormat, decoder: Decoder, on: GpuSide | OnCpu) {
    this.format = format;
    this.decoder = decoder;
    this.#on = on;
    this.backend = 'decode' in on ? 'cpu' : 'webgpu';
  }

  get device(): GPUDevice | undefined {
    return 'decode' in this.#on ? undefined : this.#on.last?.device;
  }

  get precision(): Precision {
    return ('run' in this.#on && this.#on.last?.gpu.precision) || 'float32';
  }

  async toCanvas(latents: Latents, canvas: Canvas, options: FrameOptions = {}): Promise<void> {
    const on = this.#alive();
    if ('run' in on && this.device && gpuContext(canvas, this.device))
      return this.#show(on, latents, canvas, options, () => {});
    drawPicture(canvas, await this.#toPicture(latents, options));
  }

  async toImageData(latents: Latents, options: FrameOptions = {}): Promise<ImageData> {
    return toImageData(await this.#toPicture(latents, options));
  }

  async toImageDatas(latents: Latents, options: FrameOptions = {}): Promise<ImageData[]> {
    const view = this.#view(latents);
    return (await this.#toPictures(latents, view, selectFrames(view, options), options)).map(toImageData);
  }

  async toImageBitmap(latents: Latents, options: FrameOptions = {}): Promise<ImageBitmap> {
    const on = this.#alive();
    if ('decode' in on || typeof OffscreenCanvas !== 'function')
      return createImageBitmap(toImageData(await this.#toPicture(latents, options)));
    // No read-back: the canvas hands its texture over. It must do so in the task that submitted.
    this.#bitmapCanvas ??= new OffscreenCanvas(1, 1);
    const canvas = this.#bitmapCanvas;
    return this.#show(on, latents, canvas, options, () => canvas.transferToImageBitmap());
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
    if ('decode' in on)
      throw new LatentPreviewError(
        'gpu-unavailable',
        'previewer: record() needs the GPU, this previewer decodes on the CPU; create it with your `device`',
      );
    const { source, size } = this.#job(on.current, latents, options);
    return on.current.gpu.record(encoder, source(), size);
  }

  /** From now on the device is this one's. */
  own(): void {
    if ('run' in this.#on) this.#on.own();
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    if ('run' in this.#on) this.#on.destroy();
  }

  /** Onto a canvas that has, or can get, a WebGPU context. */
  #show<T>(on: GpuSide, latents: Latents, canvas: Canvas, options: FrameOptions, done: () => T): Promise<T> {
    const show = (on: OnDevice): Promise<T> => {
      const record = (encoder: GPUCommandEncoder, texture: GPUTexture): void => {
        const { width, height } = texture;
        // Not before: another size clears the canvas.
        fitCanvas(canvas, width, height);
        const target = gpuContext(canvas, on.device)?.getCurrentTexture();
        if (target) encoder.copyTextureToTexture({ texture }, { texture: target }, [width, height]);
      };
      return on.gpu.decode(this.#job(on, latents, options), { record, done }, options);
    };
    return on.run(show, latents, options);
  }

  async #toPicture(latents: Latents, options: FrameOptions): Promise<Picture> {
    const view = this.#view(latents);
    const [picture] = await this.#toPictures(latents, view, [selectFrame(view, options)], options);
    return picture;
  }

  async #toPictures(
    latents: Latents,
    view: LatentView,
    selections: readonly Selection[],
    options: FrameOptions,
  ): Promise<Picture[]> {
    const on = this.#alive();
    const size = this.#outputSize(view, options);
    if ('decode' in on) return on.decode(latents, size, selections, options);
    const read = ({ gpu, jobsOf }: OnDevice): Promise<Uint8ClampedArray<ArrayBuffer>[]> =>
      gpu.readBack(jobsOf(latents, view, selections, size), options);
    const pixels = await on.run(read, latents, options);
    return pixels.map((data) => ({ width: size.width, height: size.height, data }));
  }

  #job(on: OnDevice, latents: Latents, options: FrameOptions): Job {
    const view = this.#view(latents);
    const [job] = on.jobsOf(latents, view, [selectFrame(view, options)], this.#outputSize(view, options));
    return job;
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

  #alive(): GpuSide | OnCpu {
    if (this.#destroyed) throw new LatentPreviewError('gpu-lost', 'previewer: it was destroyed; create a new one');
    return this.#on;
  }
}
