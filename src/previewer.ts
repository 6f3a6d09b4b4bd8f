// createPreviewer(): what users say and get; which decoder and which device it becomes.

import type { Canvas } from './canvas';
import type { ResolvedDecoder } from './choose';
import type { LongWork } from './clock';
import type { Decoder } from './decoders/decoder';
import type { DecodingPreviewer } from './decoding-previewer';
import { LatentPreviewError } from './errors';
import type { LatentFormat } from './formats/format';
import { resolveFormat } from './formats/index';
import { type Backend, findDevice, type GivenDevice } from './gpu/device';
import type { Precision } from './gpu/precision';
import type { Latents } from './latents';
import type { Filter } from './ops/resize';
import type { DeviceLoss } from './recovery';

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
  const find = async (): Promise<ResolvedDecoder> =>
    typeof decoder === 'string' ? (await import('./choose')).resolveDecoder(decoder, resolved) : { chosen: decoder };
  const [{ openPreviewer }, { chosen, openBest }] = await Promise.all([import('./decoding-previewer'), find()]);
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
