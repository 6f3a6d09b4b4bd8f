// Differences byte by byte over red, green and blue: PSNR, mean and maximum error, and a picture of them.

import type { ImageDataLike } from './image';

export interface ByteErrors {
  psnr: number;
  meanError: number;
  maxError: number;
}

export function byteErrors({ data: image }: ImageDataLike, { data: reference }: ImageDataLike): ByteErrors {
  // Whole numbers below 2^53 for any image that fits into memory: both sums are exact.
  let sum = 0;
  let sumOfSquares = 0;
  let maxError = 0;
  for (let i = 0; i < image.length; i += 4) {
    const red = Math.abs(image[i] - reference[i]);
    const green = Math.abs(image[i + 1] - reference[i + 1]);
    const blue = Math.abs(image[i + 2] - reference[i + 2]);
    sum += red + green + blue;
    sumOfSquares += red * red + green * green + blue * blue;
    maxError = Math.max(maxError, red, green, blue);
  }
  const count = (image.length / 4) * 3;
  return {
    // Equal images divide by zero, which gives the Infinity that PSNR is then said to be.
    psnr: 10 * Math.log10(255 ** 2 / (sumOfSquares / count)),
    meanError: sum / count,
    maxError,
  };
}

/** |image − reference| · amplify in each colour, clamped to 255, opaque. */
export function differenceBytes(
  { data: image }: ImageDataLike,
  { data: reference }: ImageDataLike,
  amplify: number,
): Uint8ClampedArray<ArrayBuffer> {
  const difference = new Uint8ClampedArray(image.length);
  for (let i = 0; i < image.length; i += 4) {
    difference[i] = Math.abs(image[i] - reference[i]) * amplify;
    difference[i + 1] = Math.abs(image[i + 1] - reference[i + 1]) * amplify;
    difference[i + 2] = Math.abs(image[i + 2] - reference[i + 2]) * amplify;
    difference[i + 3] = 255;
  }
  return difference;
}
