// Structural similarity as published: Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment:
// from error visibility to structural similarity", IEEE Transactions on Image Processing 13(4), 2004.
// Our own, because @blazediff/ssim halves images from 384 pixels a side with no way to turn it off, and below 11 pixels
// a side gives NaN, a constant 1 or an exception. Between the two it is the second opinion in the tests.

import type { ImageDataLike } from './image';

const windowSize = 11;
const windowSigma = 1.5;
const c1 = (0.01 * 255) ** 2;
const c2 = (0.03 * 255) ** 2;

/**
 * Mean SSIM of the luma (Rec. 601, not rounded to bytes) over every whole 11×11 Gaussian window.
 * Along a side of fewer than 11 pixels there is one window, cut to that side.
 *
 * SSIM needs E[x²] + E[y²] and E[xy] only, which s = x + y and d = x − y hold between them: four blurred planes in
 * place of five, and exactly 1 for equal images.
 */
export function meanSsim(image: ImageDataLike, reference: ImageDataLike): number {
  const { width, height } = image;
  const across = gaussianWindow(Math.min(width, windowSize));
  const down = gaussianWindow(Math.min(height, windowSize));
  const columns = width - across.length + 1;
  const rows = height - down.length + 1;

  const s = new Float64Array(width);
  const d = new Float64Array(width);
  // (down.length, columns, 4): E[s], E[d], E[s²], E[d²] of the last rows, blurred across. A ring of rows, so that it
  // stays in the processor's cache at any image height.
  const ring = new Float64Array(down.length * columns * 4);

  let sum = 0;
  for (let y = 0; y < height; y++) {
    writeLuma(image.data, reference.data, y * width * 4, s, d);
    blurAcross(s, d, across, ring.subarray((y % down.length) * columns * 4), columns);
    if (y >= down.length - 1) sum += sumOfWindows(ring, y + 1, down, columns);
  }
  return sum / (rows * columns);
}

/** Normalised to a sum of 1; an even size is centred between two pixels. */
function gaussianWindow(size: number): Float64Array {
  const weights = Float64Array.from({ length: size }, (_, i) =>
    Math.exp(-((i - (size - 1) / 2) ** 2) / (2 * windowSigma ** 2)),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Sum and difference of both images' luma, for the one row of pixels that starts at byte `offset`. */
function writeLuma(
  image: ImageDataLike['data'],
  reference: ImageDataLike['data'],
  offset: number,
  s: Float64Array,
  d: Float64Array,
): void {
  for (let x = 0, i = offset; x < s.length; x++, i += 4) {
    const first = 0.299 * image[i] + 0.587 * image[i + 1] + 0.114 * image[i + 2];
    const second = 0.299 * reference[i] + 0.587 * reference[i + 1] + 0.114 * reference[i + 2];
    s[x] = first + second;
    d[x] = first - second;
  }
}

/** Writes `columns` · 4 means to the front of `row`. */
function blurAcross(s: Float64Array, d: Float64Array, weights: Float64Array, row: Float64Array, columns: number): void {
  for (let x = 0; x < columns; x++) {
    let meanS = 0;
    let meanD = 0;
    let meanSS = 0;
    let meanDD = 0;
    for (let k = 0; k < weights.length; k++) {
      const weight = weights[k];
      const valueS = s[x + k];
      const valueD = d[x + k];
      meanS += weight * valueS;
      meanD += weight * valueD;
      meanSS += weight * valueS * valueS;
      meanDD += weight * valueD * valueD;
    }
    row[x * 4] = meanS;
    row[x * 4 + 1] = meanD;
    row[x * 4 + 2] = meanSS;
    row[x * 4 + 3] = meanDD;
  }
}

/** SSIM summed over one row of windows. `oldest`, modulo the ring's rows, is the row of the window's first weight. */
function sumOfWindows(ring: Float64Array, oldest: number, weights: Float64Array, columns: number): number {
  let sum = 0;
  for (let x = 0; x < columns; x++) {
    let meanS = 0;
    let meanD = 0;
    let meanSS = 0;
    let meanDD = 0;
    for (let k = 0; k < weights.length; k++) {
      const weight = weights[k];
      const at = (((oldest + k) % weights.length) * columns + x) * 4;
      meanS += weight * ring[at];
      meanD += weight * ring[at + 1];
      meanSS += weight * ring[at + 2];
      meanDD += weight * ring[at + 3];
    }
    // With µ the means and σ² the variances: µs² + µd² = 2 (µx² + µy²), µs² − µd² = 4 µx µy, and so for σ².
    const squareS = meanS * meanS;
    const squareD = meanD * meanD;
    const varianceS = meanSS - squareS;
    const varianceD = meanDD - squareD;
    const luminance = ((squareS - squareD) / 2 + c1) / ((squareS + squareD) / 2 + c1);
    const structure = ((varianceS - varianceD) / 2 + c2) / ((varianceS + varianceD) / 2 + c2);
    sum += luminance * structure;
  }
  return sum;
}
