// first · p + second · q, element by element, of two tensors of one shape: how x0 comes out of a sample and a model output,
// or of two samples. No layer of a decoder (it takes two tensors as they lie in memory), so it has an op's four faces
// without being an Op.

import { LatentPreviewError } from '../errors';
import { formatShape, type Shape, type Tensor, toFloat32 } from '../tensor';
import type { Kernel } from './op';

export interface CombineParams {
  /** p and q. A tensor whose factor is 0 is not looked at. */
  readonly factors: readonly [number, number];
}

const groupSize = 256;
// The most workgroups that every device takes along one axis.
const groupsPerRow = 65535;

export const combine = {
  name: 'combine',

  /** @throws LatentPreviewError `shape` where the two differ */
  outputShape(first: Shape, second: Shape): Shape {
    if (first.length !== second.length || first.some((size, axis) => size !== second[axis]))
      throw new LatentPreviewError(
        'shape',
        `combine: takes two tensors of one shape, got ${formatShape(first)} and ${formatShape(second)}`,
      );
    return first;
  },

  /** The truth the kernel is held to, and the CPU path. NaN where an element that counts is NaN or infinite. */
  reference(first: Tensor, second: Tensor, { factors: [p, q] }: CombineParams): Float32Array {
    const output = new Float32Array(first.data.length);
    const [a, b] = [toFloat32(first), toFloat32(second)];
    // Times 0 an infinity becomes NaN, and any number nothing.
    for (let k = 0; k < output.length; k++)
      output[k] = (p === 0 ? 0 : p * a[k] + a[k] * 0) + (q === 0 ? 0 : q * b[k] + b[k] * 0);
    return output;
  },

  kernel(count: number): Kernel {
    const groups = Math.ceil(count / groupSize);
    const rows = Math.ceil(groups / groupsPerRow);
    return { shader: 'combine', constants: { groupSize }, workgroups: [Math.ceil(groups / rows), rows, 1] };
  },
} as const;

/** Odd counts, one element, rows that do not fill a workgroup; factors of every sign, and 0. */
export const combineExamples = (): readonly { readonly shape: Shape; readonly params: CombineParams }[] => [
  { shape: [1, 4, 8, 8], params: { factors: [1, -7.25] } },
  { shape: [1], params: { factors: [-0.5, 0.25] } },
  { shape: [3, 3, 7], params: { factors: [14.6, -14.56] } },
  { shape: [2, 16, 37, 53], params: { factors: [0.6, 0.8] } },
  { shape: [257], params: { factors: [0, 1] } },
  { shape: [5, 51], params: { factors: [-1, 0] } },
];
