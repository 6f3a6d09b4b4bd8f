// Every layer there is. Tests loop over this list on each WebGPU implementation.

import type { Shape } from '../tensor';
import { conv2d } from './conv2d';
import { groupNorm } from './group-norm';
import { linear } from './linear';
import { mlp } from './mlp';
import { type Layer, layer, type Op } from './op';
import { polynomial } from './polynomial';
import { resize } from './resize';
import { smooth } from './smooth';
import { unpack } from './unpack';

export { conv2d, groupNorm, layer, linear, mlp, polynomial, resize, smooth, unpack };

interface BoundExample {
  readonly shape: Shape;
  readonly layer: Layer;
}

const bind = <P>(op: Op<P>): BoundExample[] =>
  op.examples.map(({ shape, params, add }) => ({ shape, layer: layer(op, params, add ? { add: 1 } : {}) }));

/** Each op's examples, bound: what the kernel-equals-reference tests run. Where a layer adds, it adds any tensor. */
export const opExamples: readonly BoundExample[] = [
  ...bind(linear),
  ...bind(polynomial),
  ...bind(mlp),
  ...bind(smooth),
  ...bind(unpack),
  ...bind(conv2d),
  ...bind(groupNorm),
  ...bind(resize),
];
