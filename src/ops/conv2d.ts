// A 2D convolution with what stands around it in a decoder: nearest enlarging before it, bias, an added skip connection
// and an activation after it.

import { LatentPreviewError } from '../errors';
import { formatShape } from '../tensor';
import { pixelGrid } from './dispatch';
import { noise } from './examples';
import type { Examples, Op } from './op';

export interface Conv2dParams {
  readonly inputs: number;
  readonly outputs: number;
  /** k of a k×k kernel, odd. */
  readonly size: number;
  /** Zeros around the (enlarged) input: (k − 1) / 2 keeps the size. */
  readonly padding: number;
  /** (outputs, inputs, k, k), as PyTorch keeps it; cross-correlation. */
  readonly weight: Float32Array;
  /** (outputs). */
  readonly bias?: Float32Array;
  /** `leaky`: max(x, 0.1·x). */
  readonly activation: 'none' | 'relu' | 'leaky';
  /** The input is enlarged by this before, each pixel repeated. */
  readonly upscale: 1 | 2;
}

export const conv2d: Op<Conv2dParams> = {
  name: 'conv2d',
  input: 'activations',
  perPixel: false,

  outputShape(input, { inputs, outputs, size, padding, upscale }) {
    const [channels, height, width] = input;
    const grown = (side: number): number => side * upscale + 2 * padding - size + 1;
    if (input.length !== 3 || channels !== inputs || grown(height) < 1 || grown(width) < 1)
      throw new LatentPreviewError('shape', `conv2d: takes (${inputs}, H, W), got ${formatShape(input)}`);
    return [outputs, grown(height), grown(width)];
  },

  reach: ({ size }) => (size - 1) / 2,
  work: ({ inputs, outputs, size }) => inputs * outputs * size * size,

  // Per pair of channels and tap one pass over rows: the inner loop runs along memory.
  reference(input, shape, params, given, added) {
    const { inputs, outputs, size, padding, weight, bias, activation, upscale } = params;
    const [, rows, columns] = shape;
    const [, height, width] = conv2d.outputShape(shape, params);
    const output = given ?? new Float32Array(outputs * height * width);
    const sums = new Float64Array(height * width);
    for (let o = 0; o < outputs; o++) {
      sums.fill(bias ? bias[o] : 0);
      for (let i = 0; i < inputs; i++)
        for (let ky = 0; ky < size; ky++)
          for (let kx = 0; kx < size; kx++) {
            const w = weight[((o * inputs + i) * size + ky) * size + kx];
            for (let y = 0; y < height; y++) {
              const row = y + ky - padding;
              if (row < 0 || row >= rows * upscale) continue;
              const source = (i * rows + Math.floor(row / upscale)) * columns;
              const first = Math.max(0, padding - kx);
              const last = Math.min(width, columns * upscale + padding - kx);
              if (upscale === 1)
                for (let x = first; x < last; x++) sums[y * width + x] += w * input[source + x + kx - padding];
              else
                for (let x = first; x < last; x++) sums[y * width + x] += w * input[source + ((x + kx - padding) >> 1)];
            }
          }
      for (let k = 0; k < sums.length; k++) {
        const place = o * sums.length + k;
        output[place] = activate(sums[k] + (added ? added[place] : 0), activation);
      }
    }
    return output;
  },

  kernel(input, params, _, adds) {
    const { inputs, outputs, size, padding, activation, upscale } = params;
    const [, height, width] = conv2d.outputShape(input, params);
    const [inputChannelGroups, outputChannelGroups] = [Math.ceil(inputs / 4), Math.ceil(outputs / 4)];
    // An invocation computes 4 × 2 pixels of 8 channels.
    const { constants, workgroups } = pixelGrid(Math.ceil(width / 4), Math.ceil(height / 2), 8, 8);
    return {
      shader: 'conv2d',
      constants: {
        ...constants,
        size,
        padding,
        enlarge: upscale - 1,
        inputChannelGroups,
        outputChannelGroups,
        adds: adds ? 1 : 0,
        activation2d: { none: 0, relu: 1, leaky: 2 }[activation],
      },
      workgroups: [workgroups[0], workgroups[1], Math.ceil(outputChannelGroups / 2)],
      groupRows: 2 * constants.groupHeight,
      takesAdded: true,
      takesHalves: true,
      weights: () => packWeights(params, inputChannelGroups, outputChannelGroups),
    };
  },
};

export const conv2dExamples: Examples<Conv2dParams> = () => [
  { shape: [4, 8, 8], params: example(4, 8, 3) },
  { shape: [8, 5, 7], params: example(8, 8, 3), add: true },
  { shape: [3, 1, 1], params: example(3, 5, 3) },
  { shape: [5, 1, 19], params: example(5, 3, 3, { activation: 'none' }) },
  { shape: [16, 6, 5], params: example(16, 64, 3, { upscale: 2 }) },
  { shape: [7, 3, 4], params: example(7, 9, 3, { upscale: 2, activation: 'none' }), add: true },
  { shape: [64, 4, 9], params: example(64, 64, 3), add: true },
  { shape: [64, 9, 4], params: example(64, 3, 3, { activation: 'none' }) },
  { shape: [64, 3, 3], params: example(64, 256, 1, { activation: 'none' }) },
  { shape: [4, 3, 5], params: example(4, 8, 7, { padding: 11, activation: 'leaky', upscale: 2 }) },
  { shape: [8, 9, 11], params: example(8, 16, 5, { padding: 0, activation: 'leaky' }) },
  { shape: [128, 2, 3], params: example(128, 4, 3) },
  { shape: [18, 7, 10], params: example(18, 21, 3, { activation: 'leaky' }), add: true },
  // More than one strip of tiles.
  { shape: [64, 90, 101], params: example(64, 40, 3), add: true },
  { shape: [64, 49, 47], params: example(64, 40, 3, { upscale: 2 }) },
];

/** As Op.reference asks, -Infinity must not come out of ReLU as 0. */
function activate(value: number, activation: Conv2dParams['activation']): number {
  if (activation === 'none' || value > 0) return value;
  return value * (activation === 'relu' ? 0 : 0.1);
}

/** As shaders/conv2d.wgsl reads them: bias, then 4×4 matrices, columns of input channels. */
function packWeights(
  { inputs, outputs, size, weight, bias }: Conv2dParams,
  inputChannelGroups: number,
  outputChannelGroups: number,
): Float32Array {
  const taps = size * size;
  const packed = new Float32Array(outputChannelGroups * 4 * (1 + inputChannelGroups * taps * 4));
  if (bias) packed.set(bias);
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++)
      for (let tap = 0; tap < taps; tap++) {
        const matrix = ((o >> 2) * inputChannelGroups + (i >> 2)) * taps + tap;
        packed[outputChannelGroups * 4 + matrix * 16 + (i & 3) * 4 + (o & 3)] = weight[(o * inputs + i) * taps + tap];
      }
  return packed;
}

function example(inputs: number, outputs: number, size: number, rest: Partial<Conv2dParams> = {}): Conv2dParams {
  const taps = inputs * size * size;
  const weight = noise(outputs * taps, outputs + taps).map((value) => value / Math.sqrt(taps));
  const padding = (size - 1) / 2;
  return {
    inputs,
    outputs,
    size,
    padding,
    weight,
    bias: noise(outputs, outputs),
    activation: 'relu',
    upscale: 1,
    ...rest,
  };
}
