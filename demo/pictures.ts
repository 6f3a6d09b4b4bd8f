// Pictures of what the page shows, at any size. What takes long is decoded once, one at a time, and kept: the stage, the
// measurements, the ladder and saving share it.

import type { Previewer } from '../src/index';
import type { Frame } from './decode';
import { isLong } from './decoders';
import { fileOf, viewOf } from './entry';
import type { Previewers } from './previewers';

/** Bytes of pictures that are kept. */
const most = 256e6;

export interface Picture {
  /** At the decoder's own size. */
  readonly image: ImageData;
  readonly milliseconds: number;
  readonly ranOn: Previewer['backend'];
}

export interface Work {
  readonly signal?: AbortSignal;
  /** From 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
  /** Makes way for what is not in the background, and goes on after it. */
  readonly background?: boolean;
}

export interface Pictures {
  /** For long decodes. Rejects with the signal's reason as soon as that aborts. */
  get(frame: Frame, work?: Work): Promise<Picture>;
  /** At the size that the frame's options ask for. */
  image(frame: Frame, work?: Work): Promise<ImageData>;
  png(frame: Frame, work?: Work): Promise<Blob>;
}

export function createPictures(previewers: Previewers): Pictures {
  const kept = new Map<string, Picture>();
  const background = new Set<AbortController>();
  let last: Promise<unknown> = Promise.resolve();

  async function get(frame: Frame, work: Work = {}): Promise<Picture> {
    const key = keyOf(frame);
    for (;;) {
      work.signal?.throwIfAborted();
      const known = kept.get(key);
      if (known) {
        keep(key, known);
        return known;
      }
      const displaced = new AbortController();
      try {
        return await inTurn(key, frame, work, displaced);
      } catch (error) {
        if (!displaced.signal.aborted || work.signal?.aborted) throw error;
      }
    }
  }

  /** The queue goes on when the decode has ended; the caller when it is aborted. */
  async function inTurn(key: string, frame: Frame, work: Work, displaced: AbortController): Promise<Picture> {
    if (work.background) background.add(displaced);
    else for (const other of background) other.abort();
    const signal = work.signal ? AbortSignal.any([work.signal, displaced.signal]) : displaced.signal;
    const turn = last.then(async () => {
      signal.throwIfAborted();
      const picture = await decode(frame, { ...work, signal });
      keep(key, picture);
      return picture;
    });
    last = turn.catch(() => {});
    try {
      return await Promise.race([turn, abortionOf(signal)]);
    } finally {
      background.delete(displaced);
    }
  }

  async function decode(frame: Frame, { signal, onProgress }: Work): Promise<Picture> {
    const previewer = await previewers.get(frame.choice, frame.backend);
    signal?.throwIfAborted();
    const { item, frame: latentFrame } = frame.options;
    const start = performance.now();
    const image = await previewer.toImageData(frame.latents, { item, frame: latentFrame, signal, onProgress });
    return { image, milliseconds: performance.now() - start, ranOn: previewer.backend };
  }

  function keep(key: string, picture: Picture): void {
    kept.delete(key);
    kept.set(key, picture);
    let bytes = 0;
    for (const { image } of kept.values()) bytes += image.data.byteLength;
    for (const [oldest, { image }] of kept) {
      if (bytes <= most || oldest === key) break;
      kept.delete(oldest);
      bytes -= image.data.byteLength;
    }
  }

  async function image(frame: Frame, work: Work = {}): Promise<ImageData> {
    const { choice, backend, latents, options } = frame;
    if (!isLong(choice)) return (await previewers.get(choice, backend)).toImageData(latents, options);
    return atSize((await get(frame, work)).image, frame);
  }

  async function png(frame: Frame, work: Work = {}): Promise<Blob> {
    const { choice, backend, latents, options } = frame;
    if (!isLong(choice)) return (await previewers.get(choice, backend)).toBlob(latents, options);
    const picture = await image(frame, work);
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    canvas.getContext('2d')?.putImageData(picture, 0, 0);
    return canvas.convertToBlob({ type: 'image/png' });
  }

  return { get, image, png };
}

/** A decoder's picture at the size that the frame asks for. */
export async function atSize(image: ImageData, { entry, choice, options }: Frame): Promise<ImageData> {
  const { size = 'latent', resample = 'bilinear' } = options;
  if (size === 'latent') return image;
  const view = viewOf(entry, choice.format);
  const scale = choice.format.spatialDownscale;
  const { width, height } =
    size === 'image' ? { width: (view?.width ?? 1) * scale, height: (view?.height ?? 1) * scale } : size;
  if (image.width === width && image.height === height) return image;
  const { resizeOnCpu } = await import('../src/cpu');
  const source = { width: image.width, height: image.height, data: new Uint8ClampedArray(image.data) };
  return new ImageData(resizeOnCpu(source, width, height, resample).data, width, height);
}

const numbers = new WeakMap<object, number>();
let counted = 0;

/** What a picture at the decoder's own size depends on. */
function keyOf({ entry, choice, backend, options: { item, frame } }: Frame): string {
  const { latents } = fileOf(entry);
  if (!numbers.has(latents)) numbers.set(latents, ++counted);
  const { domain, layout, grid } = entry;
  const read = [domain, layout, grid?.height, grid?.width, item, frame];
  return [numbers.get(latents), choice.id, choice.format.id, backend, ...read].join('|');
}

const abortionOf = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
