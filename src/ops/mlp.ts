// A multilayer perceptron per pixel: fully connected layers of any widths with SiLU or ReLU between them.

import { LatentPreviewError } from '../errors';
import { lanesThatFit, pixelGrid } from './dispatch';
import { noise } from './examples';
import { threePlanes } from './linear';
import type { Examples, Op } from './op';

export interface MlpLayer {
  readonly inputs: number;
  readonly outputs: number;
  /** (outputs, inputs), row by row, as PyTorch's nn.Linear keeps it. */
  readonly weight: Float32Array;
  /** (outputs). */
  readonly bias: Float32Array;
}

export interface MlpParams {
  /** Each layer's inputs are the outputs of the one before; the last has 3. */
  readonly layers: readonly MlpLayer[];
  /** Between layers; none after the last. */
  readonly activation: 'silu' | 'relu';
}

export const mlp: Op<MlpParams> = {
  name: 'mlp',
  input: 'latents',
  perPixel: true,

  outputShape(input, { layers }) {
    return threePlanes('mlp', input, layers[0]?.inputs ?? 0);
  },

  reach: () => 0,
  work: ({ layers }) => layers.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0),

  reference(input, [channels, height, width], { layers, activation }, output) {
    const count = height * width;
    const planes = output ?? new Float32Array(3 * count);
    for (let pixel = 0; pixel < count; pixel++) {
      let values = new Float64Array(channels);
      for (let c = 0; c < values.length; c++) values[c] = input[c * count + pixel];
      layers.forEach((current, index) => {
        const next = new Float64Array(current.outputs);
        for (let o = 0; o < next.length; o++) {
          let sum = current.bias[o];
          for (let i = 0; i < values.length; i++) sum += values[i] * current.weight[o * current.inputs + i];
          next[o] = index === layers.length - 1 ? sum : activate(sum, activation);
        }
        values = next;
      });
      for (let plane = 0; plane < 3; plane++) planes[plane * count + pixel] = values[plane];
    }
    return planes;
  },

  kernel([, height, width], { layers, activation }, { maxComputeWorkgroupStorageSize }) {
    const widest = Math.max(...layers.map((current) => Math.max(current.inputs, current.outputs)));
    // A layer reads one half of a pixel's slots and writes the other.
    const slots = 2 * widest;
    const lanes = lanesThatFit(slots, maxComputeWorkgroupStorageSize);
    if (lanes === 0)
      throw new LatentPreviewError(
        'gpu-limit',
        `mlp: a layer of width ${widest} needs ${4 * slots} bytes of workgroup memory per pixel, ` +
          `the device has ${maxComputeWorkgroupStorageSize}; use backend 'cpu'`,
      );
    const { constants, workgroups } = pixelGrid(width, height, lanes, 1);
    return {
      shader: 'mlp',
      constants: { ...constants, relu: activation === 'relu' ? 1 : 0, widest, scratchSize: slots * lanes },
      workgroups,
      weights: () => packLayers(layers),
    };
  },
};

export const mlpExamples: Examples<MlpParams> = () => [
  { shape: [4, 8, 8], params: example([4, 12, 12, 3], 'silu') },
  { shape: [4, 1, 1], params: example([4, 3], 'silu') },
  { shape: [16, 5, 13], params: example([16, 24, 3], 'relu') },
  { shape: [3, 1, 67], params: example([3, 7, 5, 9, 3], 'relu') },
  { shape: [128, 3, 2], params: example([128, 200, 3], 'silu') },
  { shape: [2, 2, 2], params: example([2, 1500, 3], 'relu') },
];

/** -Infinity must not come out of ReLU as 0: see Op.reference on non-finite inputs. */
function activate(value: number, activation: MlpParams['activation']): number {
  if (activation === 'relu') return value > 0 ? value : value * 0;
  return value / (1 + Math.exp(-value));
}

/** Layer count, the widths (one more than layers), then for each layer bias (outputs) and weight (outputs, inputs). */
function packLayers(layers: readonly MlpLayer[]): Float32Array {
  const widths = [layers[0]?.inputs ?? 0, ...layers.map((current) => current.outputs)];
  const parts = [Float32Array.of(layers.length, ...widths), ...layers.flatMap(({ bias, weight }) => [bias, weight])];
  const packed = new Float32Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    packed.set(part, offset);
    offset += part.length;
  }
  return packed;
}

function example(widths: readonly number[], activation: MlpParams['activation']): MlpParams {
  const layers = widths.slice(1).map((outputs, index) => {
    const inputs = widths[index];
    const weight = noise(outputs * inputs, outputs + inputs).map((value) => value / Math.sqrt(inputs));
    return { inputs, outputs, weight, bias: noise(outputs, outputs) };
  });
  return { layers, activation };
}
