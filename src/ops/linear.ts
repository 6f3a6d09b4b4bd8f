// rgb = bias + Σ_c latent[c] · factors[c], per pixel: the published "latent to RGB" tables, affine where there is a bias.

import { LatentPreviewError } from '../errors';
import { formatShape, type Shape } from '../tensor';
import { pixelGrid } from './dispatch';
import { noise } from './examples';
import type { Examples, Op } from './op';

export interface LinearParams {
  /** (C, 3), row by row. */
  readonly factors: Float32Array;
  /** (3). */
  readonly bias: Float32Array;
}

export const linear: Op<LinearParams> = {
  name: 'linear',
  input: 'latents',
  perPixel: true,

  outputShape(input, { factors }) {
    return threePlanes('linear', input, factors.length / 3);
  },

  reach: () => 0,
  work: ({ factors }) => factors.length,

  // Four channels at a time: each output plane is then read and written once per four channels, not once per channel,
  // which keeps this within reach of a loop written by hand for one channel count.
  reference(input, [channels, height, width], { factors, bias }, output) {
    const count = height * width;
    const planes = output ?? new Float32Array(3 * count);
    for (let plane = 0; plane < 3; plane++) planes.fill(bias[plane], plane * count, (plane + 1) * count);
    for (let c = 0; c < channels; c += 4) addFourChannels(input, planes, count, channels, c, factors);
    return planes;
  },

  kernel([channels, height, width], { factors, bias }) {
    // An invocation computes four pixels.
    const { constants, workgroups } = pixelGrid(width, Math.ceil(height / 4), 64, 4);
    return {
      shader: 'linear',
      constants: { ...constants, channels },
      workgroups,
      plainForm: true,
      weights: () => Float32Array.of(...bias, ...factors),
    };
  },
};

export const linearExamples: Examples<LinearParams> = () => [
  { shape: [4, 8, 8], params: example(4) },
  { shape: [4, 1, 1], params: example(4) },
  { shape: [3, 37, 53], params: example(3) },
  { shape: [16, 1, 67], params: example(16) },
  { shape: [32, 67, 1], params: example(32) },
  { shape: [127, 5, 3], params: example(127) },
  { shape: [128, 4, 17], params: example(128) },
];

function example(channels: number): LinearParams {
  return { factors: noise(channels * 3, channels), bias: Float32Array.of(0.25, -0.5, 0.125) };
}

/** The output shape of a map of `channels` channels to RGB. @throws LatentPreviewError `shape` */
export function threePlanes(name: string, input: Shape, channels: number): Shape {
  const [found, height, width] = input;
  if (input.length !== 3 || found !== channels)
    throw new LatentPreviewError('shape', `${name}: takes (${channels}, H, W), got ${formatShape(input)}`);
  return [3, height, width];
}

function addFourChannels(
  input: Float32Array,
  output: Float32Array,
  count: number,
  channels: number,
  first: number,
  factors: Float32Array,
): void {
  const at = (k: number): number => (first + Math.floor(k / 3) < channels ? factors[first * 3 + k] : 0);
  const [ar, ag, ab, br, bg, bb] = [at(0), at(1), at(2), at(3), at(4), at(5)];
  const [cr, cg, cb, dr, dg, db] = [at(6), at(7), at(8), at(9), at(10), at(11)];
  // Channels past the last one have weight 0 and read the last: their place must hold a real number.
  const plane = (k: number): number => Math.min(first + k, channels - 1) * count;
  const [placeA, placeB, placeC, placeD] = [plane(0), plane(1), plane(2), plane(3)];
  for (let i = 0; i < count; i++) {
    const a = input[placeA + i];
    const b = input[placeB + i];
    const c = input[placeC + i];
    const d = input[placeD + i];
    output[i] += ar * a + br * b + cr * c + dr * d;
    output[count + i] += ag * a + bg * b + cg * c + dg * d;
    output[2 * count + i] += ab * a + bb * b + cb * c + db * d;
  }
}
