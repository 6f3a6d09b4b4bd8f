// What a device runs in place of a decoder's layers: where one kernel can do the work of two, they become one.

import { conv2d, unpack } from '../ops/index';
import { addedOf, inputOf, type Layer, paramsOf } from '../ops/op';
import { unpackedConstants } from '../ops/unpack';

/** The layers, without an `unpack` that only the conv after it reads: that conv then reads the latents itself. */
export function fuseLayers(layers: readonly Layer[]): readonly Layer[] {
  const [first, second] = layers;
  const unpacked = first && paramsOf(first, unpack);
  if (!unpacked || !second || !paramsOf(second, conv2d)) return layers;
  const readers = layers.filter((_, index) => inputOf(layers, index) === 0 || addedOf(layers, index) === 0);
  if (readers.length > 1 || readers[0] !== second || second.add !== undefined) return layers;
  const conv: Layer = {
    ...second,
    input: 'unpacked',
    kernel: (input, limits) => {
      const kernel = second.kernel(input, limits);
      return { ...kernel, constants: { ...kernel.constants, ...unpackedConstants(unpacked) } };
    },
  };
  // Layers name others by how many back they lie, and no other one names the first.
  return [conv, ...layers.slice(2)];
}
