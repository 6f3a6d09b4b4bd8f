// Group normalisation over a whole picture: each group of channels to mean 0 and deviation 1, then scale and shift per
// channel, then an activation.

import { LatentPreviewError } from '../errors';
import { formatShape } from '../tensor';
import { noise } from './examples';
import type { Examples, Op } from './op';

export interface GroupNormParams {
  readonly groups: number;
  readonly epsilon: number;
  /** Scale and shift, (C) each. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly activation: 'none' | 'relu';
}

export const groupNorm: Op<GroupNormParams> = {
  name: 'group-norm',
  input: 'activations',
  perPixel: false,

  outputShape(input, { weight, groups }) {
    if (input.length !== 3 || input[0] !== weight.length || weight.length % groups !== 0)
      throw new LatentPreviewError('shape', `group-norm: takes (${weight.length}, H, W), got ${formatShape(input)}`);
    return input;
  },

  reach: () => Number.POSITIVE_INFINITY,
  work: ({ weight }) => 4 * weight.length,

  reference(input, [channels, height, width], { groups, epsilon, weight, bias, activation }, given) {
    const output = given ?? new Float32Array(input.length);
    const [plane, perGroup] = [height * width, channels / groups];
    const count = plane * perGroup;
    for (let group = 0; group < groups; group++) {
      const first = group * count;
      let sum = 0;
      for (let i = first; i < first + count; i++) sum += input[i];
      const mean = sum / count;
      let squares = 0;
      for (let i = first; i < first + count; i++) squares += (input[i] - mean) ** 2;
      const gain = 1 / Math.sqrt(squares / count + epsilon);
      for (let c = group * perGroup; c < (group + 1) * perGroup; c++)
        for (let i = c * plane; i < (c + 1) * plane; i++) {
          const value = (input[i] - mean) * gain * weight[c] + bias[c];
          output[i] = activation === 'none' || value > 0 ? value : value * 0;
        }
    }
    return output;
  },

  kernel([channels], { groups, epsilon, weight, bias, activation }, { maxComputeInvocationsPerWorkgroup }) {
    if (channels % (4 * groups) !== 0)
      throw new LatentPreviewError(
        'weights',
        `group-norm: ${channels} channels in ${groups} groups; the kernel takes groups of a multiple of 4 channels`,
      );
    // A power of two: the sums are halved lane by lane.
    const lanes = Math.min(256, 2 ** Math.floor(Math.log2(maxComputeInvocationsPerWorkgroup)));
    return {
      shader: 'group-norm',
      constants: { lanes, perGroup: channels / groups / 4, epsilon, relu: activation === 'relu' ? 1 : 0 },
      workgroups: [groups, 1, 1],
      takesHalves: true,
      weights: () =>
        Float32Array.from({ length: 2 * channels }, (_, k) => (k & 4 ? bias : weight)[(k >> 3) * 4 + (k & 3)]),
    };
  },
};

export const groupNormExamples: Examples<GroupNormParams> = () => [
  { shape: [8, 5, 7], params: example(8, 2, 'relu') },
  { shape: [256, 4, 3], params: example(256, 4, 'relu') },
  { shape: [16, 1, 1], params: example(16, 4, 'none') },
  { shape: [32, 37, 29], params: example(32, 4, 'relu') },
];

function example(channels: number, groups: number, activation: GroupNormParams['activation']): GroupNormParams {
  return { groups, epsilon: 1e-5, weight: noise(channels, 3), bias: noise(channels, 4), activation };
}
