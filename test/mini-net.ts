// A mini decoder of any widths and depths with random weights: for what the fixtures are too narrow or too small for.

import type { Weights } from '../src/decoders/mlp';
import { noise } from '../src/ops/examples';
import { type Tensor, tensorFromArray } from '../src/tensor';

export interface MiniSize {
  readonly channels: number;
  readonly low: number;
  readonly lowBlocks: number;
  readonly high: number;
  readonly highBlocks: number;
  readonly riseSize: 1 | 3;
}

/** What train/net.py starts from, with the most multiplications of those that are shipped. */
export const shipped: MiniSize = { channels: 32, low: 48, lowBlocks: 1, high: 32, highBlocks: 2, riseSize: 1 };

/** Multiplications per latent pixel: what is at twice the latents' size counts four times. */
export const workOf = (weights: Weights): number =>
  [...weights].reduce((sum, [name, { shape }]) => {
    const times = shape.length < 4 ? 0 : /^(high|head)\b/.test(name) ? 4 : 1;
    return sum + times * shape.reduce((product, side) => product * side, 1);
  }, 0);

export function miniWeights({ channels, low, lowBlocks, high, highBlocks, riseSize }: MiniSize): Weights {
  const tensors = new Map<string, Tensor>();
  const conv = (name: string, outputs: number, inputs: number, size: number): void => {
    const taps = inputs * size * size;
    const gain = name === 'head' ? 0.4 : name.endsWith('conv2') ? 0.8 : 1.7;
    const weight = noise(outputs * taps, tensors.size + 1).map((value) => (value * gain) / Math.sqrt(taps));
    const bias = noise(outputs, tensors.size + 2).map((value) => value / 8 + (name === 'head' ? 0.5 : 0));
    tensors.set(`${name}.weight`, tensorFromArray(weight, [outputs, inputs, size, size]));
    tensors.set(`${name}.bias`, tensorFromArray(bias, [outputs]));
  };
  const blocks = (part: string, count: number, width: number): void => {
    for (let block = 0; block < count; block++)
      for (const name of ['conv1', 'conv2']) conv(`${part}.${block}.${name}`, width, width, 3);
  };
  conv('stem', low, channels, 3);
  blocks('low', lowBlocks, low);
  conv('rise', 4 * high, low, riseSize);
  blocks('high', highBlocks, high);
  conv('head', 48, high, 3);
  return tensors;
}
