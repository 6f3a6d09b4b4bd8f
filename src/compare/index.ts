// How close a preview is to its reference: PSNR, SSIM, CIEDE2000 and a picture of the difference.
// A separate entry point that needs no GPU: `import { compareImages } from 'latent-preview/compare'`.

import { LatentPreviewError } from '../errors';
import { meanColorDifference } from './ciede2000';
import { byteErrors, differenceBytes } from './difference';
import { type ImageDataLike, requireComparable } from './image';
import { meanSsim } from './ssim';

export type { ImageDataLike } from './image';

/** Every value is worked out when it is first read, so that a page pays only for what it shows. */
export interface ImageComparison {
  /** Peak signal-to-noise ratio in dB over red, green and blue, peak 255. Infinity for equal images. */
  readonly psnr: number;
  /**
   * Structural similarity (Wang 2004): −1..1, 1 for equal images. Rec. 601 luma, 11×11 Gaussian window with σ 1.5,
   * K1 0.01, K2 0.03, no downsampling, whole windows only; along a side of fewer than 11 pixels the window is cut to
   * that side.
   */
  readonly ssim: number;
  /** Mean CIEDE2000 colour difference (sRGB to Lab under D65): 0 for equal images, 100 for black against white. */
  readonly deltaE: number;
  /** Mean of |image − reference| over red, green and blue, in steps of 0..255. */
  readonly meanError: number;
  /** Largest |image − reference| of any red, green or blue, in steps of 0..255. */
  readonly maxError: number;
  /** |image − reference| · `amplify` per colour, opaque: black where equal. Fits `new ImageData(diff.data, diff.width)`. */
  readonly diff: ImageDataLike & { readonly data: Uint8ClampedArray<ArrayBuffer> };
}

/**
 * Compares two images of one size. Alpha is ignored. `amplify` is how much `diff` is brightened, 4 unless given.
 *
 * The numbers are read from `image.data` and `reference.data` when they are first asked for: read them before those
 * bytes are overwritten.
 *
 * @throws LatentPreviewError `shape`: the sizes differ, an image has no pixels, or its data is not 4 bytes a pixel
 */
export function compareImages(
  image: ImageDataLike,
  reference: ImageDataLike,
  { amplify = 4 }: { amplify?: number } = {},
): ImageComparison {
  requireComparable(image, reference);
  if (!(amplify >= 0 && amplify < Number.POSITIVE_INFINITY)) {
    throw new LatentPreviewError('shape', `compareImages: amplify is ${amplify}; it must be a finite number from 0 up`);
  }
  const { width, height } = image;
  const errors = once(() => byteErrors(image, reference));
  const ssim = once(() => meanSsim(image, reference));
  const deltaE = once(() => meanColorDifference(image, reference));
  const diff = once(() => ({ width, height, data: differenceBytes(image, reference, amplify) }));
  return {
    get psnr() {
      return errors().psnr;
    },
    get ssim() {
      return ssim();
    },
    get deltaE() {
      return deltaE();
    },
    get meanError() {
      return errors().meanError;
    },
    get maxError() {
      return errors().maxError;
    },
    get diff() {
      return diff();
    },
  };
}

function once<T>(compute: () => T): () => T {
  let result: { value: T } | undefined;
  return () => {
    result ??= { value: compute() };
    return result.value;
  };
}
