// What a plan dispatches for one picture size: buffers by when they are last read, bands of rows where a picture's
// activations would not fit, slices of bounded work. Plain numbers, nothing on a GPU.

import { LatentPreviewError } from '../errors';
import { addedOf, inputOf, type Layer } from '../ops/op';
import type { Shape } from '../tensor';

/** One dispatch. Sizes in pixels; `input` and `output` are buffer numbers. */
export interface Dispatch {
  readonly layer: number;
  /** Of the input within its buffer, (C, H, W). */
  readonly shape: Shape;
  readonly input: number | 'latents';
  readonly added?: number;
  readonly output: number | 'picture';
  readonly width: number;
  readonly height: number;
  readonly inputPlane: number;
  readonly inputOffset: number;
  readonly keepFirst: number;
  readonly keepCount: number;
  readonly pictureRow: number;
}

export interface Schedule {
  /** Bytes of each buffer. */
  readonly buffers: readonly number[];
  readonly width: number;
  readonly height: number;
  /** Submitted one by one: each about as long as a page may be kept waiting. */
  readonly slices: readonly (readonly Dispatch[])[];
}

export interface ScheduleLimits {
  /** Of one buffer of activations. */
  readonly bufferBytes: number;
  /** Of one activation; default 4. */
  readonly elementBytes?: number;
  /** Multiplications and additions in one slice. */
  readonly sliceWork: number;
}

const bytesOf = ([channels, height, width]: Shape, { elementBytes = 4 }: ScheduleLimits): number =>
  Math.ceil(channels / 4) * 4 * elementBytes * height * width;
const fitsBuffer = (shape: Shape, limits: ScheduleLimits): boolean => bytesOf(shape, limits) <= limits.bufferBytes;

function shapesOf(layers: readonly Layer[], first: number, shape: Shape): Shape[] {
  const shapes: Shape[] = [];
  for (let index = first; index < layers.length; index++) {
    const source = inputOf(layers, index);
    shapes[index] = layers[index].outputShape(source < first ? shape : shapes[source]);
  }
  return shapes;
}

/**
 * @param shape of the latents, (C, H, W)
 * @throws LatentPreviewError `gpu-limit` where not even one row fits
 */
export function schedule(layers: readonly Layer[], shape: Shape, limits: ScheduleLimits): Schedule {
  const shapes = shapesOf(layers, 0, shape);
  const last = layers.length - 1;
  const [, height, width] = shapes[last];
  const pool = new BufferPool(limits);
  const dispatches: Dispatch[] = [];
  const whole = { keepFirst: 0, keepCount: height, pictureRow: 0 };

  const fits = (to: number): boolean => shapes.slice(0, to).every((current) => fitsBuffer(current, limits));
  if (fits(last)) {
    append(layers, 0, last, { shape, buffer: 'latents', offset: 0 }, whole, pool, dispatches);
  } else {
    const cut = findCut(layers, shapes, limits);
    if (cut === undefined) throw tooLarge(shape, limits);
    append(layers, 0, cut, { shape, buffer: 'latents', offset: 0 }, whole, pool, dispatches);
    const source = dispatches[dispatches.length - 1].output;
    for (const band of bandsOf(layers, cut, shapes, limits) ?? [])
      append(
        layers,
        cut + 1,
        last,
        {
          shape: band.shape,
          buffer: source,
          offset: band.first * shapes[cut][2],
          plane: shapes[cut][1] * shapes[cut][2],
        },
        band,
        pool,
        dispatches,
      );
  }
  return { buffers: pool.bytes, width, height, slices: slicesOf(layers, dispatches, limits.sliceWork) };
}

interface Origin {
  readonly shape: Shape;
  readonly buffer: number | 'latents' | 'picture';
  readonly offset: number;
  /** Pixels of a plane of its buffer; default its own. */
  readonly plane?: number;
}

type Kept = Pick<Dispatch, 'keepFirst' | 'keepCount' | 'pictureRow'>;

/** Dispatches of layers `from` … `to` over one origin. The last layer of all writes the picture. */
function append(
  layers: readonly Layer[],
  from: number,
  to: number,
  origin: Origin,
  { keepFirst, keepCount, pictureRow }: Kept,
  pool: BufferPool,
  dispatches: Dispatch[],
): void {
  const shapes = shapesOf(layers.slice(0, to + 1), from, origin.shape);
  const lastRead = new Map<number, number>();
  for (let index = from; index <= to; index++)
    for (const read of [inputOf(layers, index), addedOf(layers, index)])
      if (read !== undefined) lastRead.set(read, index);
  const buffers = new Map<number, number>();
  for (let index = from; index <= to; index++) {
    const [source, added] = [inputOf(layers, index), addedOf(layers, index)];
    const inside = source >= from;
    const inputShape = inside ? shapes[source] : origin.shape;
    const output = index === layers.length - 1 ? 'picture' : pool.take(shapes[index]);
    if (typeof output === 'number') buffers.set(index, output);
    const input = inside ? buffers.get(source) : origin.buffer;
    const addedBuffer = added === undefined ? undefined : buffers.get(added);
    if (input === undefined || input === 'picture' || (added !== undefined && addedBuffer === undefined))
      throw new LatentPreviewError(
        'weights',
        `decoder: layer ${index} (${layers[index].name}) reads what is not there`,
      );
    dispatches.push({
      layer: index,
      shape: inputShape,
      input,
      ...(addedBuffer === undefined ? {} : { added: addedBuffer }),
      output,
      width: shapes[index][2],
      height: shapes[index][1],
      inputPlane: inside ? inputShape[1] * inputShape[2] : (origin.plane ?? inputShape[1] * inputShape[2]),
      inputOffset: inside ? 0 : origin.offset,
      keepFirst,
      keepCount,
      pictureRow,
    });
    for (const [read, when] of lastRead) {
      const buffer = buffers.get(read);
      if (when === index && buffer !== undefined) pool.give(buffer);
    }
  }
}

/** Buffers that are free, and as large as the largest tensor each has held. */
class BufferPool {
  readonly bytes: number[] = [];
  readonly #limits: ScheduleLimits;
  readonly #free = new Set<number>();

  constructor(limits: ScheduleLimits) {
    this.#limits = limits;
  }

  take(shape: Shape): number {
    const bytes = bytesOf(shape, this.#limits);
    // The free one nearest to the size, so that few grow.
    const [best] = [...this.#free].sort((a, b) => Math.abs(this.bytes[a] - bytes) - Math.abs(this.bytes[b] - bytes));
    const buffer = best ?? this.bytes.length;
    this.#free.delete(buffer);
    this.bytes[buffer] = Math.max(this.bytes[buffer] ?? 0, bytes);
    return buffer;
  }

  give(buffer: number): void {
    this.#free.add(buffer);
  }
}

/** Rows that a layer's output row interval needs of its input, before the input's own borders. */
function neededRows(layer: Layer, scale: number, [first, end]: readonly [number, number]): [number, number] {
  return [Math.floor((first - layer.reach) / scale), Math.floor((end - 1 + layer.reach) / scale) + 1];
}

const scaleOf = (layers: readonly Layer[], shapes: readonly Shape[], index: number): number =>
  shapes[index][1] / shapes[inputOf(layers, index)][1];

/**
 * The last layer after which the rest can run in bands: nothing later looks back past it, all of the rest keeps or doubles
 * sizes and looks a bounded way, and what comes before fits.
 */
function findCut(layers: readonly Layer[], shapes: readonly Shape[], limits: ScheduleLimits): number | undefined {
  const last = layers.length - 1;
  for (let cut = last - 1; cut >= 0; cut--) {
    const rest = layers.map((_, index) => index).slice(cut + 1);
    const alone = rest.every((index) => inputOf(layers, index) >= cut && (addedOf(layers, index) ?? last) > cut);
    const bounded = rest.every(
      (index) => Number.isInteger(scaleOf(layers, shapes, index)) && Number.isFinite(layers[index].reach),
    );
    if (!bounded) return undefined;
    const before = shapes.slice(0, cut + 1).every((current) => fitsBuffer(current, limits));
    if (alone && before && bandsOf(layers, cut, shapes, limits)) return cut;
  }
  return undefined;
}

interface Band extends Kept {
  /** First row of the band in the cut's output, and what is taken of it, (C, H, W). */
  readonly first: number;
  readonly shape: Shape;
}

/** Equal bands of the cut's rows, as many rows as fit; undefined where not even one does. */
function bandsOf(
  layers: readonly Layer[],
  cut: number,
  shapes: readonly Shape[],
  limits: ScheduleLimits,
): Band[] | undefined {
  const last = layers.length - 1;
  const [channels, rows, columns] = shapes[cut];
  const total = shapes[last][1] / rows;
  /** The band of the cut's rows that these picture rows need. */
  const crop = (first: number, end: number): [number, number] => {
    let interval: [number, number] = [first, end];
    // Down the main line: what a layer adds lies within what its own input needs.
    for (let index = last; index > cut; index = inputOf(layers, index))
      interval = neededRows(layers[index], scaleOf(layers, shapes, index), interval);
    return [Math.max(0, interval[0]), Math.min(rows, interval[1])];
  };
  const bands = (size: number): Band[] => {
    const found: Band[] = [];
    for (let row = 0; row < rows; row += size) {
      const [first, end] = [row * total, Math.min(rows, row + size) * total];
      const [cropFirst, cropEnd] = crop(first, end);
      found.push({
        first: cropFirst,
        shape: [channels, cropEnd - cropFirst, columns],
        keepFirst: first - cropFirst * total,
        keepCount: end - first,
        pictureRow: first,
      });
    }
    return found;
  };
  const fits = (size: number): boolean =>
    bands(size).every(({ shape }) =>
      shapesOf(layers, cut + 1, shape)
        .slice(cut + 1, last)
        .every((s) => fitsBuffer(s, limits)),
    );
  // The most rows that fit, by halving the interval; then bands of equal size.
  let [low, high] = [0, rows];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  if (low === 0) return undefined;
  const count = Math.ceil(rows / low);
  return bands(Math.ceil(rows / count));
}

function slicesOf(layers: readonly Layer[], dispatches: readonly Dispatch[], sliceWork: number): Dispatch[][] {
  const slices: Dispatch[][] = [[]];
  let work = 0;
  for (const dispatch of dispatches) {
    const amount = layers[dispatch.layer].work * dispatch.width * dispatch.height;
    if (work > 0 && work + amount > sliceWork) {
      slices.push([]);
      work = 0;
    }
    slices[slices.length - 1].push(dispatch);
    work += amount;
  }
  return slices;
}

const tooLarge = ([channels, height, width]: Shape, { bufferBytes }: ScheduleLimits): LatentPreviewError =>
  new LatentPreviewError(
    'gpu-limit',
    `decoder: not even a band of latents (${channels}, ${height}, ${width}) fits buffers of ${bufferBytes} bytes; ` +
      `pass a device with a higher maxStorageBufferBindingSize, or use backend 'cpu'`,
  );
