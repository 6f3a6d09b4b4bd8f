// Which pixels of each layer a tile of the picture takes. A tile is a rectangle, so its columns and its rows are worked
// out apart: one axis at a time, as spans of whole-picture coordinates.

import { conv2d, pixelShuffle } from '../ops/index';
import { addedOf, inputOf, type Layer, paramsOf } from '../ops/op';

export type Span = readonly [first: number, end: number];

/** One axis of a net that is computed in tiles from layer `cut` + 1 on; −1 is the latents. */
export interface Axis {
  readonly layers: readonly Layer[];
  readonly cut: number;
  /** Pixels of the latents. */
  readonly latents: number;
  /** Pixels of each layer's output. */
  readonly sizes: readonly number[];
  /** Sides of the blocks of pixels that each layer's kernels round together; absent entries are 1. */
  readonly blocks: readonly number[];
}

/** What one tile computes of each layer, and reads of that one's input. Layers up to the cut have none. */
export interface AxisTile {
  readonly computed: readonly Span[];
  readonly read: readonly Span[];
}

export const lengthOf = ([first, end]: Span): number => end - first;

const scaleOf = (layer: Layer): number =>
  paramsOf(layer, conv2d)?.upscale ?? paramsOf(layer, pixelShuffle)?.factor ?? 1;

/** What a layer's output span is computed from; it may stick out of the input, where there are zeros. */
function needed(layer: Layer, [first, end]: Span): Span {
  const conv = paramsOf(layer, conv2d);
  const scale = scaleOf(layer);
  if (!conv) return [Math.floor(first / scale) - layer.reach, Math.ceil(end / scale) + layer.reach];
  const { size, padding } = conv;
  return [Math.floor((first - padding) / scale), Math.floor((end - 1 - padding + size - 1) / scale) + 1];
}

/** At least one pixel: what reads but the zeros around its input still has an input. */
function within([first, end]: Span, size: number): Span {
  const start = Math.min(Math.max(first, 0), size - 1);
  return [start, Math.max(start + 1, Math.min(end, size))];
}

const union = (a: Span | undefined, b: Span): Span => (a ? [Math.min(a[0], b[0]), Math.max(a[1], b[1])] : b);

/** The tile that ends in these pixels of the picture. Each layer computes only what those after it look at. */
function tileOf({ layers, cut, latents, sizes, blocks }: Axis, picture: Span): AxisTile {
  const computed: Span[] = [];
  const read: Span[] = [];
  const last = layers.length - 1;
  const need = new Map([[last, picture]]);
  for (let index = last; index > cut; index--) {
    const asked = need.get(index) ?? [0, 1];
    // Kernels that enlarge count from an even pixel: an input's pixel is half of theirs. Blocks are those of the whole
    // picture, so that they round as there.
    const block = blocks[index] ?? 1;
    const step = Math.max(scaleOf(layers[index]), block);
    const span: Span = [
      Math.floor(asked[0] / step) * step,
      Math.min(Math.ceil(asked[1] / block) * block, sizes[index]),
    ];
    const input = inputOf(layers, index);
    const added = addedOf(layers, index);
    computed[index] = span;
    read[index] = within(needed(layers[index], span), input < 0 ? latents : sizes[input]);
    if (input > cut) need.set(input, union(need.get(input), read[index]));
    if (added !== undefined && added > cut) need.set(added, union(need.get(added), span));
  }
  return { computed, read };
}

/** The axis in tiles of `units` pixels of what they start from, the last one perhaps smaller. */
export function tilesOf(axis: Axis, units: number): AxisTile[] {
  const { cut, latents, sizes } = axis;
  const [from, picture] = [cut < 0 ? latents : sizes[cut], sizes[sizes.length - 1]];
  const place = (unit: number): number => Math.floor((Math.min(unit, from) * picture) / from);
  return Array.from({ length: Math.ceil(from / units) }, (_, tile) =>
    tileOf(axis, [place(tile * units), place((tile + 1) * units)]),
  );
}

/** All of every layer as one tile. */
export const wholeAxis = ({ layers, latents, sizes }: Axis): AxisTile => ({
  computed: sizes.map((size) => [0, size]),
  read: layers.map((_, index) => [0, sizes[inputOf(layers, index)] ?? latents]),
});

/** One axis of a layer's dispatch: `first` in its picture, the others in what the buffers of its input and `add` hold. */
export function alongAxis({ layers, cut, latents, sizes }: Axis, { computed, read }: AxisTile, index: number) {
  // A tile's part, or the whole where tiles start from it.
  const held = (source: number): Span => (source > cut ? computed[source] : [0, sizes[source] ?? latents]);
  const [input, added] = [held(inputOf(layers, index)), held(addedOf(layers, index) ?? index)];
  const first = computed[index][0];
  return {
    first,
    length: lengthOf(computed[index]),
    read: lengthOf(read[index]),
    inputLength: lengthOf(input),
    inputFirst: first / scaleOf(layers[index]) - input[0],
    addedLength: lengthOf(added),
    addedFirst: first - added[0],
  };
}
