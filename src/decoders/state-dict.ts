// A state dict's tensors taken one by one, by the names of the model's own source, each with the shape it must have.

import { LatentPreviewError } from '../errors';
import type { Conv2dParams } from '../ops/conv2d';
import { formatShape, type Shape, toFloat32 } from '../tensor';
import type { Weights } from './mlp';

export interface StateDict {
  /** Undefined where there is no such tensor. */
  shape(name: string): Shape | undefined;
  /**
   * The tensor's values, once its shape is that of `dimensions`: a word there stands for any size.
   * @throws LatentPreviewError `weights`
   */
  read(name: string, dimensions: readonly (number | string)[]): { readonly shape: Shape; readonly data: Float32Array };
  /** An error about a tensor, with its name in the file. */
  wrong(name: string, message: string): LatentPreviewError;
  missing(name: string): LatentPreviewError;
  /**
   * A tensor nobody reads is a layer nobody runs.
   * @param names those of the net, as the file has them
   * @throws LatentPreviewError `weights`
   */
  expectAllRead(names: readonly string[]): void;
}

/**
 * @param decoder who speaks in messages
 * @param fileName the file's name of a tensor
 */
export function stateDict(decoder: string, weights: Weights, fileName: (name: string) => string): StateDict {
  const read = new Set<string>();
  const error = (message: string): LatentPreviewError => new LatentPreviewError('weights', `${decoder}: ${message}`);
  const dict: StateDict = {
    shape: (name) => weights.get(fileName(name))?.shape,
    read(name, dimensions) {
      const tensor = weights.get(fileName(name));
      if (!tensor) throw dict.missing(name);
      const { dtype, shape } = tensor;
      if (!dtype.includes('float'))
        throw dict.wrong(name, `is ${dtype}; weights are read as floats, quantised ones are not supported`);
      const fits = (size: number | string, k: number): boolean =>
        typeof size === 'string' ? shape[k] > 0 : shape[k] === size;
      if (shape.length !== dimensions.length || !dimensions.every(fits))
        throw dict.wrong(name, `has shape ${formatShape(shape)}, needed is (${dimensions.join(', ')})`);
      read.add(fileName(name));
      return { shape, data: toFloat32(tensor) };
    },
    wrong: (name, message) => error(`'${fileName(name)}' ${message}`),
    missing(name) {
      // Up to the first number: `decoder.layers.`, or the whole first word.
      const starts = new Set([...weights.keys()].map((key) => key.match(/^\D+(?=\d)|^[^.]+\.?/)?.[0] ?? key));
      const shown = [...starts].slice(0, 4).map((start) => `'${start}'`);
      return error(
        `no tensor '${fileName(name)}'; the file's names start with ${shown.join(', ')}` +
          `${starts.size > shown.length ? ', …' : ''}: it is incomplete, or of another architecture`,
      );
    },
    expectAllRead(names) {
      const unread = names.filter((name) => !read.has(name));
      if (unread.length > 0)
        throw error(
          `'${unread[0]}'${unread.length > 1 ? ` and ${unread.length - 1} more` : ''} is no tensor of the architecture ` +
            'known here; the file is of a variant that would decode wrongly',
        );
    },
  };
  return dict;
}

/** A conv's weight (outputs, inputs, k, k) and bias (outputs). `inputs` may be a word for any number. */
export function readConv(
  file: StateDict,
  name: string,
  size: number,
  inputs: number | string,
  { outputs, bias = true }: { readonly outputs?: number | undefined; readonly bias?: boolean } = {},
): Pick<Conv2dParams, 'inputs' | 'outputs' | 'size' | 'weight' | 'bias'> {
  const { shape, data: weight } = file.read(`${name}.weight`, [outputs ?? 'outputs', inputs, size, size]);
  const conv = { inputs: shape[1], outputs: shape[0], size, weight };
  return bias ? { ...conv, bias: file.read(`${name}.bias`, [conv.outputs]).data } : conv;
}
