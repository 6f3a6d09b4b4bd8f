// Compares pictures off the main thread, so that a long film of metrics never stops the picture.

import { compareImages, type ImageDataLike } from '../src/compare/index';

export interface CompareRequest {
  readonly serial: number;
  readonly image: ImageDataLike;
  readonly reference: ImageDataLike;
  /** Undefined: no difference picture. */
  readonly amplify: number | undefined;
}

export interface CompareAnswer {
  readonly serial: number;
  readonly psnr: number;
  readonly ssim: number;
  readonly deltaE: number;
  readonly difference?: ImageDataLike & { readonly data: Uint8ClampedArray<ArrayBuffer> };
}

addEventListener('message', ({ data }: MessageEvent<CompareRequest>) => {
  const { serial, image, reference, amplify } = data;
  const comparison = compareImages(image, reference, amplify === undefined ? {} : { amplify });
  const { psnr, ssim, deltaE } = comparison;
  // Reading `diff` is what makes it.
  const difference = amplify === undefined ? {} : { difference: comparison.diff };
  const answer: CompareAnswer = { serial, psnr, ssim, deltaE, ...difference };
  postMessage(answer);
});
