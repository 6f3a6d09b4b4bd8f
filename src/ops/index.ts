// Every layer there is. Tests loop over this list on each WebGPU implementation.

import type { Shape } from '../tensor';
import { conv2d, conv2dExamples } from './conv2d';
import { groupNorm, groupNormExamples } from './group-norm';
import { latentMap, latentMapExamples } from './latent-map';
import { linear, linearExamples } from './linear';
import { mlp, mlpExamples } from './mlp';
import { type Examples, type Layer, layer, type Op } from './op';
import { pixelShuffle, pixelShuffleExamples } from './pixel-shuffle';
import { polynomial, polynomialExamples } from './polynomial';
import { resize, resizeExamples } from './resize';
import { smooth, smoothExamples } from './smooth';
import { unpack, unpackExamples } from './unpack';

export { conv2d, groupNorm, latentMap, layer, linear, mlp, pixelShuffle, polynomial, resize, smooth, unpack };

interface BoundExample {
  readonly shape: Shape;
  readonly layer: Layer;
}

const bind = <P>(op: Op<P>, examples: Examples<P>): BoundExample[] =>
  examples().map(({ shape, params, add }) => ({ shape, layer: layer(op, params, add ? { add: 1 } : {}) }));

/** Each op's examples, bound: what the kernel-equals-reference tests run. Where a layer adds, it adds any tensor. */
export const opExamples = (): readonly BoundExample[] => [
  ...bind(linear, linearExamples),
  ...bind(polynomial, polynomialExamples),
  ...bind(latentMap, latentMapExamples),
  ...bind(mlp, mlpExamples),
  ...bind(smooth, smoothExamples),
  ...bind(unpack, unpackExamples),
  ...bind(conv2d, conv2dExamples),
  ...bind(groupNorm, groupNormExamples),
  ...bind(pixelShuffle, pixelShuffleExamples),
  ...bind(resize, resizeExamples),
];
