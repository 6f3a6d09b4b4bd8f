// Another size for a finished picture: nearest, bilinear or bicubic, with half-pixel centres and clamped edges
// (torch.nn.functional.interpolate with align_corners=False). Made for enlarging; it does not average when shrinking.

import { LatentPreviewError } from '../errors';
import { formatShape } from '../tensor';
import { pixelGrid } from './dispatch';
import type { Examples, Op } from './op';

export type Filter = 'nearest' | 'bilinear' | 'bicubic';

export interface ResizeParams {
  readonly width: number;
  readonly height: number;
  readonly filter: Filter;
}

/** Keys' cubic kernel with a = −0.75, as PyTorch and OpenCV take it. */
const sharpness = -0.75;

export const resize: Op<ResizeParams> = {
  name: 'resize',
  input: 'picture',
  perPixel: false,

  outputShape(input, { width, height }) {
    if (input.length !== 3 || input[0] !== 3)
      throw new LatentPreviewError('shape', `resize: takes (3, H, W), got ${formatShape(input)}`);
    return [3, height, width];
  },

  // It is its own last step; no tile is ever cut around it.
  reach: () => Number.POSITIVE_INFINITY,
  work: () => 48,

  // Separable: rows first, then columns.
  reference(input, [count, rows, columns], { width: outputWidth, height: outputHeight, filter }, output) {
    const across = taps(columns, outputWidth, filter);
    const down = taps(rows, outputHeight, filter);
    const wide = new Float32Array(count * rows * outputWidth);
    for (let row = 0; row < count * rows; row++)
      for (let x = 0; x < outputWidth; x++) {
        let sum = 0;
        for (let k = x * 4; k < x * 4 + 4; k++) sum += across.weights[k] * input[row * columns + across.places[k]];
        wide[row * outputWidth + x] = sum;
      }
    const resized = output ?? new Float32Array(count * outputHeight * outputWidth);
    for (let plane = 0; plane < count; plane++)
      for (let y = 0; y < outputHeight; y++)
        for (let x = 0; x < outputWidth; x++) {
          let sum = 0;
          for (let k = y * 4; k < y * 4 + 4; k++)
            sum += down.weights[k] * wide[(plane * rows + down.places[k]) * outputWidth + x];
          resized[(plane * outputHeight + y) * outputWidth + x] = sum;
        }
    return resized;
  },

  kernel(_, { width, height, filter }) {
    const { constants, workgroups } = pixelGrid(width, height);
    const mode = { nearest: 0, bilinear: 1, bicubic: 2 }[filter];
    return { shader: 'resize', constants: { ...constants, mode, sharpness }, workgroups };
  },
};

export const resizeExamples: Examples<ResizeParams> = () =>
  (['nearest', 'bilinear', 'bicubic'] as const).flatMap((filter) => [
    { shape: [3, 5, 7], params: { width: 56, height: 40, filter } },
    { shape: [3, 5, 7], params: { width: 17, height: 13, filter } },
    { shape: [3, 1, 1], params: { width: 3, height: 5, filter } },
    { shape: [3, 9, 4], params: { width: 3, height: 6, filter } },
  ]);

/** For each output pixel along one axis, four input places and their weights. */
function taps(from: number, to: number, filter: Filter): { places: Int32Array; weights: Float64Array } {
  const places = new Int32Array(to * 4);
  const weights = new Float64Array(to * 4);
  for (let x = 0; x < to; x++) {
    const centre = ((x + 0.5) * from) / to - 0.5;
    const first = Math.floor(centre);
    const t = centre - first;
    const w = tapWeights(filter, t);
    for (let k = 0; k < 4; k++) {
      // The nearest pixel is the one whose square holds the centre: in whole numbers, as the kernel does it.
      const place = filter === 'nearest' ? Math.floor(((2 * x + 1) * from) / (2 * to)) : first + k - 1;
      places[x * 4 + k] = Math.min(Math.max(place, 0), from - 1);
      weights[x * 4 + k] = w[k];
    }
  }
  return { places, weights };
}

function tapWeights(filter: Filter, t: number): readonly number[] {
  if (filter === 'nearest') return [0, 1, 0, 0];
  if (filter === 'bilinear') return [0, 1 - t, t, 0];
  const near = (d: number): number => ((sharpness + 2) * d - (sharpness + 3)) * d * d + 1;
  const far = (d: number): number => ((sharpness * d - 5 * sharpness) * d + 8 * sharpness) * d - 4 * sharpness;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}
