// A 3×3 convolution of each of the three planes with one matrix, zero padding: the smoothing some published maps ask for.

import { pixelGrid } from './dispatch';
import { noise } from './examples';
import { threePlanes } from './linear';
import type { Examples, Op } from './op';

export interface SmoothParams {
  /** 3×3, row by row; row 0 weighs the pixels above. */
  readonly matrix: Float32Array;
}

export const smooth: Op<SmoothParams> = {
  name: 'smooth',
  input: 'activations',
  perPixel: false,

  outputShape(input) {
    return threePlanes('smooth', input, 3);
  },

  reach: () => 1,
  work: () => 27,

  reference(input, [planes, rows, columns], { matrix }, output = new Float32Array(input.length)) {
    for (let plane = 0; plane < planes; plane++)
      for (let y = 0; y < rows; y++)
        for (let x = 0; x < columns; x++) {
          let sum = 0;
          for (let dy = -1; dy <= 1; dy++)
            for (let dx = -1; dx <= 1; dx++) {
              if (y + dy < 0 || y + dy >= rows || x + dx < 0 || x + dx >= columns) continue;
              const value = input[(plane * rows + y + dy) * columns + x + dx];
              sum += value * matrix[(dy + 1) * 3 + dx + 1];
            }
          output[(plane * rows + y) * columns + x] = sum;
        }
    return output;
  },

  kernel([, height, width], { matrix }) {
    const { constants, workgroups } = pixelGrid(width, height);
    return { shader: 'smooth', constants, workgroups, weights: () => matrix };
  },
};

export const smoothExamples: Examples<SmoothParams> = () => [
  { shape: [3, 8, 8], params: { matrix: noise(9, 1) } },
  { shape: [3, 1, 1], params: { matrix: noise(9, 2) } },
  { shape: [3, 1, 35], params: { matrix: noise(9, 3) } },
  { shape: [3, 19, 1], params: { matrix: noise(9, 4) } },
  { shape: [3, 37, 53], params: { matrix: noise(9, 5) } },
];
