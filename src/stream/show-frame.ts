// One frame of a stream onto the canvas: latents by the previewer, a picture that a server has made as it is.

import { type Canvas, fitCanvas, gpuContext } from '../canvas';
import { LatentPreviewError } from '../errors';
import type { Latents } from '../latents';
import type { FrameOptions, Previewer } from '../previewer';
import type { LatentStep } from './decode';

/** One step that a server has decoded itself: a small picture in place of latents. */
export interface ImageStep {
  /** A whole JPEG, PNG or WebP file. */
  readonly image: Blob;
  /** How many steps are done; 0: none, or not counted. */
  readonly step: number;
  /** How many there will be; undefined where the server does not say. */
  readonly steps: number | undefined;
  /** How much of the work is done, from 0 to 1; undefined where the server does not say. */
  readonly progress: number | undefined;
  /** How large it is meant to be shown, in pixels, where the server says so: previews may be smaller than the image. */
  readonly size: { readonly width: number; readonly height: number } | undefined;
  /** What the server calls the job; undefined where it does not say. */
  readonly job: string | undefined;
  /** The node of the job's graph that made it; undefined where there is none, or the server does not say. */
  readonly node: string | undefined;
  /** Steps before it that were dropped because nobody had read them. */
  readonly missed: number;
}

/** What is shown: latents, a step that `readLatentSteps` read, or one that an adapter of a UI's protocol read. */
export type StreamFrame = Latents | LatentStep | ImageStep;

/**
 * Resolves once it is submitted, or drawn.
 * @throws LatentPreviewError as the previewer's `toCanvas`; `file` where a picture's bytes are none
 */
export async function showFrame(
  previewer: Previewer,
  canvas: Canvas,
  frame: StreamFrame,
  options: FrameOptions,
): Promise<void> {
  if ('image' in frame) return showImage(previewer, canvas, frame, options);
  return previewer.toCanvas('latents' in frame ? frame.latents : frame, canvas, options);
}

/** At its own size, unless it is asked for, or said, how large it should be. */
async function showImage(
  { device }: Previewer,
  canvas: Canvas,
  { image, size: meant }: ImageStep,
  { size, signal }: FrameOptions,
): Promise<void> {
  if (typeof createImageBitmap !== 'function')
    throw new LatentPreviewError('gpu-unavailable', 'stream: this runtime decodes no pictures (no createImageBitmap)');
  const wanted = size === 'image' ? meant : typeof size === 'object' ? size : undefined;
  const options: ImageBitmapOptions = wanted
    ? { resizeWidth: wanted.width, resizeHeight: wanted.height, resizeQuality: 'high' }
    : {};
  const bitmap = await createImageBitmap(image, options).catch((cause: unknown) => {
    throw new LatentPreviewError(
      'file',
      `stream: a picture of ${image.size} bytes (${image.type || 'of no stated type'}) cannot be decoded; it may be cut short`,
      { cause },
    );
  });
  try {
    signal?.throwIfAborted();
    drawBitmap(canvas, bitmap, device);
  } finally {
    bitmap.close();
  }
}

/** By whichever context the canvas has, or the previewer's kind of it: a canvas has one for life. */
function drawBitmap(canvas: Canvas, bitmap: ImageBitmap, device: GPUDevice | undefined): void {
  const { width, height } = bitmap;
  const most = device?.limits.maxTextureDimension2D ?? Number.POSITIVE_INFINITY;
  if (Math.max(width, height) > most)
    throw new LatentPreviewError(
      'gpu-limit',
      `stream: a picture of ${width}×${height}, the device shows up to ${most} a side; pass a \`size\` to the stream`,
    );
  const gpu = device && gpuContext(canvas, device);
  if (device && gpu) {
    // Not before: another size clears the canvas.
    fitCanvas(canvas, width, height);
    device.queue.copyExternalImageToTexture({ source: bitmap }, { texture: gpu.getCurrentTexture() }, [width, height]);
    return;
  }
  const context = canvas.getContext('2d') as CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D | null;
  if (!context)
    throw new LatentPreviewError(
      'gpu-unavailable',
      "stream: the canvas has a context of another kind and cannot be drawn on by backend 'cpu'; use a fresh canvas",
    );
  fitCanvas(canvas, width, height);
  context.clearRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
}
