// rgb = Σ over all monomials of the latent's channels up to degree 2 or 3, per pixel.

import { LatentPreviewError } from '../errors';
import { lanesThatFit, pixelGrid } from './dispatch';
import { noise } from './examples';
import { threePlanes } from './linear';
import type { Examples, Op } from './op';

export interface PolynomialParams {
  readonly channels: number;
  readonly degree: 2 | 3;
  /**
   * (monomials, 3): for each unique monomial the weights of R, G, B, in the order
   * 1, then for each i: zᵢ, then for each j ≥ i: zᵢzⱼ, then (degree 3) for each l ≥ j: zᵢzⱼzₗ.
   */
  readonly coefficients: Float32Array;
}

/** Unique monomials of `channels` variables up to `degree`: (channels + degree choose degree). */
export function monomialCount(channels: number, degree: number): number {
  let count = 1;
  for (let k = 1; k <= degree; k++) count = (count * (channels + k)) / k;
  return count;
}

export const polynomial: Op<PolynomialParams> = {
  name: 'polynomial',
  input: 'latents',
  perPixel: true,

  outputShape(input, { channels }) {
    return threePlanes('polynomial', input, channels);
  },

  reach: () => 0,
  work: ({ coefficients }) => coefficients.length,

  // Nested as Σᵢ zᵢ(wᵢ + Σⱼ zⱼ(wᵢⱼ + Σₗ zₗwᵢⱼₗ)): one multiplication per monomial, the coefficients read in order.
  reference(input, [channels, height, width], { degree, coefficients }, output) {
    const count = height * width;
    const planes = output ?? new Float32Array(3 * count);
    const z = new Float64Array(channels);
    for (let pixel = 0; pixel < count; pixel++) {
      for (let c = 0; c < z.length; c++) z[c] = input[c * count + pixel];
      for (let plane = 0; plane < 3; plane++) planes[plane * count + pixel] = evaluate(z, degree, coefficients, plane);
    }
    return planes;
  },

  kernel([channels, height, width], { degree, coefficients }, { maxComputeWorkgroupStorageSize }) {
    const lanes = lanesThatFit(channels, maxComputeWorkgroupStorageSize);
    if (lanes === 0)
      throw new LatentPreviewError(
        'gpu-limit',
        `polynomial: ${channels} channels need ${4 * channels} bytes of workgroup memory per pixel, ` +
          `the device has ${maxComputeWorkgroupStorageSize}; use backend 'cpu'`,
      );
    const { constants, workgroups } = pixelGrid(width, height, lanes, 1);
    return {
      shader: 'polynomial',
      constants: { ...constants, channels, degree, scratchSize: channels * lanes },
      workgroups,
      weights: () => coefficients,
    };
  },
};

export const polynomialExamples: Examples<PolynomialParams> = () => [
  { shape: [4, 8, 8], params: example(4, 2) },
  { shape: [4, 9, 7], params: example(4, 3) },
  { shape: [1, 1, 1], params: example(1, 3) },
  { shape: [3, 1, 131], params: example(3, 3) },
  { shape: [16, 5, 3], params: example(16, 2) },
  { shape: [16, 3, 5], params: example(16, 3) },
  { shape: [128, 2, 33], params: example(128, 2) },
  // No more channels at degree 3: lavapipe ends an invocation after 65 535 loop turns, and this takes 47 904.
  { shape: [64, 1, 2], params: example(64, 3) },
];

function evaluate(z: Float64Array, degree: 2 | 3, coefficients: Float32Array, plane: number): number {
  let k = plane;
  let sum = coefficients[k];
  for (let i = 0; i < z.length; i++) {
    k += 3;
    let factorOfI = coefficients[k];
    for (let j = i; j < z.length; j++) {
      k += 3;
      let factorOfJ = coefficients[k];
      if (degree === 3)
        for (let l = j; l < z.length; l++) {
          k += 3;
          factorOfJ += z[l] * coefficients[k];
        }
      factorOfI += z[j] * factorOfJ;
    }
    sum += z[i] * factorOfI;
  }
  return sum;
}

function example(channels: number, degree: 2 | 3): PolynomialParams {
  const monomials = monomialCount(channels, degree);
  // Scaled so that sums stay near 1 for any channel count.
  const coefficients = noise(monomials * 3, channels * degree).map((value) => value / Math.sqrt(monomials));
  return { channels, degree, coefficients };
}
