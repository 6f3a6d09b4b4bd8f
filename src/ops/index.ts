// Every layer there is. Tests loop over this list on each WebGPU implementation.

import { conv2d } from './conv2d';
import { groupNorm } from './group-norm';
import { linear } from './linear';
import { mlp } from './mlp';
import { layer } from './op';
import { polynomial } from './polynomial';
import { resize } from './resize';
import { smooth } from './smooth';
import { unpack } from './unpack';

export { conv2d, groupNorm, layer, linear, mlp, polynomial, resize, smooth, unpack };

/** Each op's examples, bound: what the kernel-equals-reference tests run. */
export const opExamples = [
  ...linear.examples.map(({ shape, params }) => ({ shape, layer: layer(linear, params) })),
  ...polynomial.examples.map(({ shape, params }) => ({ shape, layer: layer(polynomial, params) })),
  ...mlp.examples.map(({ shape, params }) => ({ shape, layer: layer(mlp, params) })),
  ...smooth.examples.map(({ shape, params }) => ({ shape, layer: layer(smooth, params) })),
  ...resize.examples.map(({ shape, params }) => ({ shape, layer: layer(resize, params) })),
];
