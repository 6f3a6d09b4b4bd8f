// A picture that a server has made, onto the canvas on which a previewer shows latents. Loaded with the first such picture.

import { type Canvas, fitCanvas, gpuContext, hasGpuCanvases } from '../canvas';
import { LatentPreviewError } from '../errors';
import type { FrameOptions, Previewer } from '../previewer';
import type { ImageStep } from './show-frame';

/** At its own size, unless it is asked for, or said, how large it should be. */
export async function showImage(
  { device }: Pick<Previewer, 'device'>,
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
  const gpu = device && hasGpuCanvases() && gpuContext(canvas, device);
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
