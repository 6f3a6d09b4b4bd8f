// The previewer that createPreviewer() makes: latents in, a picture out, on the GPU or on the CPU. Loaded when one is made.

import {
  type Canvas,
  canvasBlob,
  drawPicture,
  fitCanvas,
  gpuContext,
  hasGpuCanvases,
  newCanvas,
  toImageData,
} from './canvas';
import type { LongWork } from './clock';
import type { Picture } from './cpu';
import { type Decoder, outputScale } from './decoders/decoder';
import { LatentPreviewError } from './errors';
import type { LatentFormat } from './formats/format';
import type { Job } from './gpu/decode';
import type { AcquiredDevice } from './gpu/device';
import type { Precision } from './gpu/precision';
import type { OutputSize } from './gpu/resizer';
import type { Latents } from './latents';
import type { FrameOptions, Previewer } from './previewer';
import type { Devices, GpuSide, OnDevice } from './recovery';
import { type LatentView, type Selection, selectFrame, selectFrames, viewLatents } from './view';

/** Either side is loaded when it is used: pages with a GPU need no loops, pages without one no shaders. */
export async function openPreviewer(
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

export class DecodingPreviewer implements Previewer {
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
    if ('run' in on && this.device && hasGpuCanvases() && gpuContext(canvas, this.device))
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
    if ('decode' in on || typeof OffscreenCanvas !== 'function' || !hasGpuCanvases())
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
