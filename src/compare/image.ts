// The pictures that are compared: RGBA bytes with a size, as a canvas or a previewer hands them over.

import { LatentPreviewError } from '../errors';

/** RGBA bytes, row by row from the top left: a DOM `ImageData`, or any plain object of that shape. */
export interface ImageDataLike {
  readonly width: number;
  readonly height: number;
  /** 4 · width · height bytes. */
  readonly data: Uint8ClampedArray | Uint8Array;
}

/** Throws `shape` unless both are whole images of one size. */
export function requireComparable(image: ImageDataLike, reference: ImageDataLike): void {
  requireImage(image, 'compareImages: image');
  requireImage(reference, 'compareImages: reference');
  if (image.width !== reference.width || image.height !== reference.height) {
    throw new LatentPreviewError(
      'shape',
      `compareImages: image is ${image.width}×${image.height}, reference is ${reference.width}×${reference.height}; ` +
        'resize one of them to the size of the other first',
    );
  }
}

/** Throws `shape` unless it is a whole image. @param name who speaks, and of what */
export function requireImage({ width, height, data }: ImageDataLike, name: string): void {
  // By name, not instanceof: a frame or a worker has its own Uint8ClampedArray.
  const type: string | undefined = data?.[Symbol.toStringTag];
  if (type !== 'Uint8ClampedArray' && type !== 'Uint8Array') {
    throw new LatentPreviewError(
      'shape',
      `${name}.data is ${type ?? typeof data}, needed is a Uint8ClampedArray or Uint8Array of RGBA ` +
        'bytes; of a canvas, pass context.getImageData(0, 0, width, height)',
    );
  }
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new LatentPreviewError(
      'shape',
      `${name} is ${width}×${height}; width and height must be whole numbers of at least 1`,
    );
  }
  if (data.length !== 4 * width * height) {
    throw new LatentPreviewError(
      'shape',
      `${name} is ${width}×${height} and has ${data.length} bytes, needed are 4 per pixel (RGBA): ` +
        `${4 * width * height}`,
    );
  }
}
