// Getting pictures onto the page's own surfaces: canvases, bitmaps, blobs.

import type { Picture } from './cpu';
import { LatentPreviewError } from './errors';

export type Canvas = HTMLCanvasElement | OffscreenCanvas;

// Which device a canvas was configured for last; another previewer may have taken it since.
const configured = new WeakMap<Canvas, { context: GPUCanvasContext; device: GPUDevice }>();

/** The canvas's WebGPU context, configured for `device`; null where the canvas has a context of another kind. */
export function gpuContext(canvas: Canvas, device: GPUDevice): GPUCanvasContext | null {
  const known = configured.get(canvas);
  const context = known?.context ?? (canvas.getContext('webgpu') as GPUCanvasContext | null);
  if (!context) return null;
  if (known?.device !== device) {
    // rgba8 on every platform, so that a frame is one texture copy; the browser's compositor swaps channels if it must.
    context.configure({
      device,
      format: 'rgba8unorm',
      alphaMode: 'opaque',
      usage: GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT,
    });
    configured.set(canvas, { context, device });
  }
  return context;
}

/**
 * Whether WebGPU may draw on canvases. Firefox (153, Linux) crashes as a whole where one in rgba8unorm gets on the screen, and
 * forgets how an OffscreenCanvas was configured once it gave a bitmap: there, pictures are read back.
 */
export const hasGpuCanvases = (): boolean => !globalThis.navigator?.userAgent?.includes('Firefox/');

/** Gives a canvas its size, where it has another. */
export function fitCanvas(canvas: Canvas, width: number, height: number): void {
  // Setting a side, even to the same number, clears the canvas.
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

/** Puts a picture onto a 2D canvas of its size. @throws LatentPreviewError `gpu-unavailable` */
export function drawPicture(canvas: Canvas, picture: Picture): void {
  const context = canvas.getContext('2d') as CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D | null;
  if (!context)
    throw new LatentPreviewError(
      'gpu-unavailable',
      "canvas: it has a context of another kind and cannot be drawn on by backend 'cpu'; use a fresh canvas",
    );
  fitCanvas(canvas, picture.width, picture.height);
  context.putImageData(toImageData(picture), 0, 0);
}

/** The platform's ImageData, or a plain object of the same shape where there is none. */
export function toImageData(picture: Picture): ImageData {
  if (typeof ImageData === 'function') return new ImageData(picture.data, picture.width, picture.height);
  return { ...picture, colorSpace: 'srgb' } as ImageData;
}

/** @throws LatentPreviewError `gpu-unavailable` where the runtime has no canvas */
export function newCanvas(width: number, height: number): Canvas {
  if (typeof OffscreenCanvas === 'function') return new OffscreenCanvas(width, height);
  if (typeof document === 'object') return Object.assign(document.createElement('canvas'), { width, height });
  throw new LatentPreviewError(
    'gpu-unavailable',
    'canvas: this runtime has none; use toImageData and an encoder such as fast-png',
  );
}

export async function canvasBlob(canvas: Canvas, type: string, quality?: number): Promise<Blob> {
  if ('convertToBlob' in canvas) return canvas.convertToBlob({ type, ...(quality === undefined ? {} : { quality }) });
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, type, quality));
  if (!blob)
    throw new LatentPreviewError('shape', `canvas: the browser made no ${type} of ${canvas.width}×${canvas.height}`);
  return blob;
}
