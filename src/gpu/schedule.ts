// What a plan dispatches for one picture size: buffers by when they are last read, tiles where a picture's activations
// would not fit. Plain numbers, nothing on a GPU.

import { LatentPreviewError } from '../errors';
import { addedOf, inputOf, type Layer } from '../ops/op';
import type { Shape } from '../tensor';
import { type Axis, type AxisTile, alongAxis, lengthOf, tilesOf, wholeAxis } from './tiles';

/** One dispatch. Activations are buffer numbers. */
export interface Dispatch {
  readonly layer: number;
  /** What is read of the input, (C, H, W): the layer makes of it what is computed, or a little more. */
  readonly shape: Shape;
  readonly input: number | 'latents';
  readonly added?: number;
  readonly output: number | 'picture';
  readonly view: DispatchView;
}

/** As shaders/lib/view.wgsl has it, and in its order. */
export interface DispatchView {
  readonly width: number;
  readonly height: number;
  readonly inputWidth: number;
  readonly inputHeight: number;
  readonly inputColumn: number;
  readonly inputRow: number;
  readonly addedWidth: number;
  readonly addedPlane: number;
  readonly addedOffset: number;
  readonly pictureColumn: number;
  readonly pictureRow: number;
}

export interface Schedule {
  /** Bytes of each buffer. */
  readonly buffers: readonly number[];
  readonly width: number;
  readonly height: number;
  readonly dispatches: readonly Dispatch[];
  /** Multiplications of them all. */
  readonly work: number;
}

export interface ScheduleLimits {
  /** Of one buffer of activations; all together take at most three times that. */
  readonly bufferBytes: number;
  /** The same where that is too little for what runs as a whole; default `bufferBytes`. */
  readonly mostBytes?: number;
  /** Of one activation; default 4. */
  readonly elementBytes?: number;
}

/** What one pass of a layer in stages covers, as view.wgsl has it. */
export interface Strip {
  readonly firstTile: number;
  readonly tileCount: number;
  readonly tilePlane: number;
}

/** What one pass of a layer in one stage begins with, as view.wgsl has it. */
export interface Band {
  readonly firstRow: number;
}

/** The words of View. */
export const viewWords = (view: DispatchView, part: Strip | Band = { firstRow: 0 }): Int32Array<ArrayBuffer> => {
  const { firstRow, firstTile, tileCount, tilePlane } = { ...noPart, ...part };
  return Int32Array.of(
    ...[view.width, view.height, view.inputWidth, view.inputHeight, view.inputColumn, view.inputRow],
    ...[view.addedWidth, view.addedPlane, view.addedOffset, view.pictureColumn, view.pictureRow],
    ...[firstTile, tileCount, tilePlane, firstRow],
  );
};

const noPart = { firstRow: 0, firstTile: 0, tileCount: 0, tilePlane: 0 };

/**
 * @param shape of the latents, (C, H, W)
 * @param blocks of the kernels that run the layers: Axis in tiles.ts
 * @throws LatentPreviewError `gpu-limit` where not even the smallest tiles fit
 */
export function schedule(
  layers: readonly Layer[],
  shape: Shape,
  limits: ScheduleLimits,
  blocks: readonly number[] = [],
): Schedule {
  const shapes: Shape[] = [];
  for (const [index, layer] of layers.entries())
    shapes[index] = layer.outputShape(shapes[inputOf(layers, index)] ?? shape);
  const net = { layers, shape, shapes, blocks, elementBytes: limits.elementBytes ?? 4 };
  const bestIn = (bytes: number): Tiling | undefined =>
    cutsOf(layers, blocks)
      .flatMap((cut) => fittingTiles({ ...net, cut }, bytes) ?? [])
      .sort((a, b) => a.work - b.work)[0];
  const best = bestIn(limits.bufferBytes) ?? bestIn(limits.mostBytes ?? 0);
  if (!best) throw tooLarge(shape, limits);
  const [, height, width] = shapes[layers.length - 1];
  return { buffers: best.buffers.bytes, width, height, dispatches: dispatchesOf(best), work: best.work };
}

/** A net and where its tiles start: after layer `cut`, which everything up to runs as a whole; −1 is the latents. */
interface Net {
  readonly layers: readonly Layer[];
  readonly shape: Shape;
  /** Of the layers' outputs, (C, H, W). */
  readonly shapes: readonly Shape[];
  readonly cut: number;
  readonly blocks: readonly number[];
  readonly elementBytes: number;
}

interface Tiling extends Net {
  readonly columns: readonly AxisTile[];
  readonly rows: readonly AxisTile[];
  readonly buffers: Buffers;
  readonly work: number;
}

/**
 * Where tiles may start. Without whole-picture layers that is the latents, which are always there; what a tile looks at
 * beyond its edges is computed again. After whole-picture layers, and where blocks make that much, at any later layer past
 * which nothing looks back: its activations then stay, in a fourth buffer, for the three that a tile takes are all in use.
 */
function cutsOf(layers: readonly Layer[], blocks: readonly number[]): number[] {
  const whole = Math.max(-1, ...layers.map(({ reach }, index) => (Number.isFinite(reach) ? -1 : index)));
  const cuts = layers.flatMap((_, cut) => {
    const later = layers.flatMap((_, index) =>
      index > cut ? [inputOf(layers, index), addedOf(layers, index) ?? index] : [],
    );
    return cut >= whole && cut < layers.length - 1 && later.every((read) => read >= cut) ? [cut] : [];
  });
  return whole < 0 && blocks.every((side) => side === 1) ? [-1] : [-1, ...cuts];
}

/** The fewest tiles that fit, about square: those recompute least. From the latents, tiles of whole-picture layers are one. */
function fittingTiles(net: Net, bufferBytes: number): Tiling | undefined {
  const { layers, shape, shapes, cut } = net;
  const [, height, width] = cut < 0 ? shape : shapes[cut];
  const [down, across] = [axisOf(net, 1), axisOf(net, 2)];
  // What runs as a whole gets no smaller by tiles after it.
  if (shapes.slice(0, cut + 1).some((size) => bytesOf(size, net.elementBytes) > bufferBytes)) return undefined;
  const inOne = cut < 0 && layers.some(({ reach }) => !Number.isFinite(reach));
  for (let [y, x] = [1, 1]; ; ) {
    const [tileHeight, tileWidth] = [Math.ceil(height / y), Math.ceil(width / x)];
    const [rows, columns] = [tilesOf(down, tileHeight), tilesOf(across, tileWidth)];
    const buffers = assignBuffers(net, largest(net, rows, columns));
    const total = buffers.bytes.reduce((sum, bytes) => sum + bytes, 0);
    if (Math.max(0, ...buffers.bytes) <= bufferBytes && total <= 3 * bufferBytes)
      return { ...net, columns, rows, buffers, work: workOf(net, rows, columns) };
    if (inOne || (tileHeight === 1 && tileWidth === 1)) return undefined;
    // To the next count that makes the longer side shorter.
    if (tileHeight >= tileWidth) y = Math.ceil(height / (tileHeight - 1));
    else x = Math.ceil(width / (tileWidth - 1));
  }
}

const axisOf = ({ layers, shape, shapes, cut, blocks }: Net, k: 1 | 2): Axis => ({
  ...{ layers, cut, blocks, latents: shape[k] },
  sizes: shapes.map((size) => size[k]),
});

const bytesOf = ([channels, height, width]: Shape, elementBytes: number): number =>
  Math.ceil(channels / 4) * 4 * elementBytes * height * width;

/** The most bytes that each layer's output takes in any dispatch. */
function largest(
  { layers, shapes, cut, elementBytes }: Net,
  rows: readonly AxisTile[],
  columns: readonly AxisTile[],
): number[] {
  const most = (tiles: readonly AxisTile[], index: number): number =>
    Math.max(...tiles.map(({ computed }) => lengthOf(computed[index])));
  return layers.map((_, index) =>
    bytesOf(index <= cut ? shapes[index] : [shapes[index][0], most(rows, index), most(columns, index)], elementBytes),
  );
}

function workOf({ layers, shapes, cut }: Net, rows: readonly AxisTile[], columns: readonly AxisTile[]): number {
  const sum = (tiles: readonly AxisTile[], index: number): number =>
    tiles.reduce((total, { computed }) => total + lengthOf(computed[index]), 0);
  return layers.reduce((total, { work }, index) => {
    const [, height, width] = shapes[index];
    return total + work * (index <= cut ? height * width : sum(rows, index) * sum(columns, index));
  }, 0);
}

interface Buffers {
  /** The buffer of each layer's output; the last one's is the picture. */
  readonly of: readonly number[];
  readonly bytes: readonly number[];
}

/** A buffer is free again after its tensor's last reader; what tiles start from is read until the last tile is done. */
function assignBuffers({ layers, cut }: Net, bytes: readonly number[]): Buffers {
  const last = layers.length - 1;
  const lastRead = layers.map((_, index) => index);
  for (const index of layers.keys())
    for (const read of [inputOf(layers, index), addedOf(layers, index)])
      if (read !== undefined && read >= 0) lastRead[read] = index;
  if (cut >= 0) lastRead[cut] = last;
  const of: number[] = [];
  const sizes: number[] = [];
  const free = new Set<number>();
  for (let index = 0; index < last; index++) {
    // The free one nearest to the size, so that few grow.
    const away = (buffer: number): number => Math.abs(sizes[buffer] - bytes[index]);
    const [best] = [...free].sort((a, b) => away(a) - away(b));
    const buffer = best ?? sizes.length;
    free.delete(buffer);
    of[index] = buffer;
    sizes[buffer] = Math.max(sizes[buffer] ?? 0, bytes[index]);
    for (let read = 0; read <= index; read++) if (lastRead[read] === index) free.add(of[read]);
  }
  return { of, bytes: sizes };
}

function dispatchesOf(tiling: Tiling): Dispatch[] {
  const { layers, cut, rows, columns } = tiling;
  const indices = [...layers.keys()];
  const [wholeRows, wholeColumns] = [wholeAxis(axisOf(tiling, 1)), wholeAxis(axisOf(tiling, 2))];
  return [
    ...indices.slice(0, cut + 1).map((index) => dispatchOf(tiling, index, wholeRows, wholeColumns)),
    ...rows.flatMap((row) =>
      columns.flatMap((column) => indices.slice(cut + 1).map((index) => dispatchOf(tiling, index, row, column))),
    ),
  ];
}

function dispatchOf(tiling: Tiling, index: number, row: AxisTile, column: AxisTile): Dispatch {
  const { layers, shape, shapes, buffers } = tiling;
  const [source, added] = [inputOf(layers, index), addedOf(layers, index)];
  const [down, across] = [alongAxis(axisOf(tiling, 1), row, index), alongAxis(axisOf(tiling, 2), column, index)];
  return {
    layer: index,
    shape: [(shapes[source] ?? shape)[0], down.read, across.read],
    input: source < 0 ? 'latents' : buffers.of[source],
    ...(added === undefined ? {} : { added: buffers.of[added] }),
    output: index === layers.length - 1 ? 'picture' : buffers.of[index],
    view: {
      width: across.length,
      height: down.length,
      inputWidth: across.inputLength,
      inputHeight: down.inputLength,
      inputColumn: across.inputFirst,
      inputRow: down.inputFirst,
      addedWidth: across.addedLength,
      addedPlane: across.addedLength * down.addedLength,
      addedOffset: down.addedFirst * across.addedLength + across.addedFirst,
      pictureColumn: across.first,
      pictureRow: down.first,
    },
  };
}

const tooLarge = (
  [channels, height, width]: Shape,
  { bufferBytes, mostBytes = 0 }: ScheduleLimits,
): LatentPreviewError =>
  new LatentPreviewError(
    'gpu-limit',
    `decoder: not even the smallest tile of latents (${channels}, ${height}, ${width}) fits buffers of ${Math.max(bufferBytes, mostBytes)} bytes; ` +
      `pass a device with a higher maxStorageBufferBindingSize, or use backend 'cpu'`,
  );
