// Decoders on the CPU: the same layers through their reference() loops. What runs where there is no GPU, or only a
// software one, which is slower than this for per-pixel maps.

import { Clock, type LongWork, nextTurn } from './clock';
import type { Decoder } from './decoders/decoder';
import { LatentPreviewError } from './errors';
import type { LatentFormat } from './formats/format';
import type { Latents } from './latents';
import { conv2d, resize } from './ops/index';
import { addedOf, inputOf, type Layer, paramsOf } from './ops/op';
import type { Filter } from './ops/resize';
import { writePixels } from './output';
import { elementAt, elementCount, type Shape, type Tensor, widenHalves } from './tensor';
import { domainMap, elementIndex, type LatentView, type Selection, selectFrame, viewLatents } from './view';

/** A finished picture: sRGB, 8 bits, opaque, row by row. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

// Channels × pixels of one band: small enough to stay in a core's cache between reading and writing.
const bandElements = 16384;

export interface CpuDecoder {
  /**
   * Decodes one item and frame, resized where it is not of that size.
   * @throws LatentPreviewError `shape` where the latents lie in GPU memory or do not fit the format
   */
  decode(
    latents: Latents,
    size: { width: number; height: number; filter: Filter },
    options: Partial<Selection> & LongWork,
  ): Promise<Picture>;
}

/** The CPU's counterpart of createGpuDecoder. */
export async function createCpuDecoder(decoder: Decoder, format: LatentFormat): Promise<CpuDecoder> {
  const run = await createLayerRunner(decoder);
  return {
    decode: async (latents, { width, height, filter }, options) =>
      resizeOnCpu(await decodeOnCpu(decoder, latents, format, run, options), width, height, filter),
  };
}

/** One selected frame after the other, with the progress of them all. */
export async function decodeEach(
  decoder: CpuDecoder,
  latents: Latents,
  size: { width: number; height: number; filter: Filter },
  selections: readonly Selection[],
  options: LongWork,
): Promise<Picture[]> {
  const pictures: Picture[] = [];
  const count = selections.length;
  for (const [done, selection] of selections.entries()) {
    if (done > 0) await nextTurn();
    options.signal?.throwIfAborted();
    // The end of each is told below, once.
    const onProgress = (fraction: number): void =>
      fraction < 1 ? options.onProgress?.((done + fraction) / count) : undefined;
    const work = count > 1 ? { ...options, onProgress } : options;
    pictures.push(await decoder.decode(latents, size, { ...work, ...selection }));
    if (count > 1) options.onProgress?.((done + 1) / count);
  }
  return pictures;
}

/** At the decoder's own size. */
async function decodeOnCpu(
  decoder: Decoder,
  latents: Latents,
  format: LatentFormat,
  run: LayerRunner | undefined,
  options: Partial<Selection> & LongWork,
): Promise<Picture> {
  const { tensor } = latents;
  if ('buffer' in tensor)
    throw new LatentPreviewError(
      'shape',
      "latents: they lie in a GPU buffer, the previewer's backend is 'cpu'; pass `device` and backend: 'webgpu'",
    );
  const view = viewLatents(latents, format);
  const { item, frame } = selectFrame(view, options);
  const map = domainMap(format, view.domain, decoder.domain, view.patch, frame);
  const base = item * view.strides.item + frame * view.strides.frame;
  const read = (first: number, part: Float32Array, sane: boolean): void => {
    readPixels(tensor, view, base, map, first, part.length / view.channels, part);
    if (!sane) replaceInsane(part, map, view, first);
  };

  if (!run) return decodeInBands(decoder, view, read, options);
  const input = new Float32Array(view.channels * view.height * view.width);
  read(0, input, true);
  // Looked for before the work, which is long.
  if (!input.every((value) => Math.abs(value) <= largest)) read(0, input, false);
  const { planes, shape } = await run(input, [view.channels, view.height, view.width], options);
  const [planeCount, height, width] = shape;
  const rgba = new Uint32Array(height * width);
  writePixels(planes, height * width, decoder.output, rgba, 0, planeCount === 4);
  return { width, height, data: new Uint8ClampedArray(rgba.buffer) };
}

/**
 * Layers that look a bounded way, a band of rows at a time: small enough to stay in a core's cache between the layers. A
 * band takes as many rows more, above and below, as its own look at; between bands the page gets a turn.
 */
async function decodeInBands(
  { layers, output, upscale }: Decoder,
  { channels, height, width }: LatentView,
  read: (first: number, part: Float32Array, sane: boolean) => void,
  options: LongWork,
): Promise<Picture> {
  // Where a pixel is all that matters, the picture may as well be a column: bands need not end with a row.
  const flat = layers.every(({ perPixel }) => perPixel);
  const [rows, columns] = flat ? [height * width, 1] : [height, width];
  const around = rowsAround(layers, channels);
  const band = Math.min(rows, Math.max(flat ? 64 : 16 * around, Math.floor(bandElements / (channels * columns)), 1));
  const kept = Math.min(rows, band + 2 * around) * columns;
  const input = new Float32Array(channels * kept);
  // Each layer's output of a full band, allocated once.
  const outputs: Float32Array[] = [];
  const rowLength = columns * upscale ** 2;
  const rgba = new Uint32Array(rows * rowLength);
  // Straight into the picture where nothing around a band is in the way.
  const goal = around > 0 ? new Uint32Array(kept * upscale ** 2) : rgba;
  options.signal?.throwIfAborted();
  const clock = new Clock(rows, options);
  for (let row = 0; row < rows; row += band) {
    const end = Math.min(rows, row + band);
    const [first, last] = [Math.max(0, row - around), Math.min(rows, end + around)];
    const part = input.subarray(0, channels * (last - first) * columns);
    const write = (): boolean => {
      let [values, shape]: [Float32Array, Shape] = [part, [channels, last - first, columns]];
      layers.forEach((layer, index) => {
        const wanted = layer.outputShape(shape);
        const count = elementCount(wanted);
        outputs[index] ??= new Float32Array((count / (last - first)) * (kept / columns));
        values = layer.reference(values, shape, outputs[index].subarray(0, count));
        shape = wanted;
      });
      return writePixels(values, values.length / 3, output, goal, around > 0 ? 0 : row * rowLength);
    };
    read(first * columns, part, true);
    if (!write()) {
      read(first * columns, part, false);
      write();
    }
    if (around > 0) rgba.set(goal.subarray((row - first) * rowLength, (end - first) * rowLength), row * rowLength);
    // What is done within a frame is not worth a turn.
    if (!flat) await clock.worked(end - row);
  }
  options.onProgress?.(1);
  return { width: width * upscale, height: height * upscale, data: new Uint8ClampedArray(rgba.buffer) };
}

/** Rows of the latents above and below a pixel's own that the layers look at. */
function rowsAround(layers: readonly Layer[], channels: number): number {
  let [shape, around]: [Shape, number] = [[channels, 1, 1], 0];
  for (const layer of layers) {
    shape = layer.outputShape(shape);
    around += Math.ceil(layer.reach / shape[1]);
  }
  return around;
}

/** Runs a decoder's layers over a whole picture, (C, H, W) in and out. */
type LayerRunner = (
  input: Float32Array,
  shape: Shape,
  options: LongWork,
) => Promise<{ planes: Float32Array; shape: Shape }>;

/**
 * What runs a decoder's layers on the CPU: WebAssembly SIMD, else (where a page's policy or an old browser forbids it)
 * the references, far slower. Undefined for layers that follow each other and look a bounded way: they run in bands.
 */
async function createLayerRunner({ layers }: Decoder): Promise<LayerRunner | undefined> {
  if (layers.some((current) => paramsOf(current, conv2d))) {
    const { createConvRunner } = await import('./wasm/index');
    const runner = await createConvRunner(layers);
    if (runner) return (input, shape, options) => runner.run(input, shape, options);
  } else if (layers.every(({ reach, from = 1, add }) => Number.isFinite(reach) && from === 1 && add === undefined))
    return undefined;
  return (input, shape, options) => runReferences(layers, input, shape, options);
}

/** Layers in their order, each reading and adding what its wiring says; the page gets a turn between them. */
async function runReferences(
  layers: readonly Layer[],
  input: Float32Array,
  shape: Shape,
  options: LongWork,
): Promise<{ planes: Float32Array; shape: Shape }> {
  options.signal?.throwIfAborted();
  const clock = new Clock(layers.length, options);
  const lastRead = new Map<number, number>();
  for (const index of layers.keys())
    for (const read of [inputOf(layers, index), addedOf(layers, index)])
      if (read !== undefined) lastRead.set(read, index);
  const results: { planes: Float32Array; shape: Shape }[] = [];
  for (const [index, layer] of layers.entries()) {
    const source = results[inputOf(layers, index)] ?? { planes: input, shape };
    const added = addedOf(layers, index);
    const planes = layer.reference(
      source.planes,
      source.shape,
      undefined,
      added === undefined ? undefined : results[added].planes,
    );
    results[index] = { planes, shape: layer.outputShape(source.shape) };
    // What nobody reads any more need not be kept.
    for (const [read, when] of lastRead) if (when === index) delete results[read];
    await clock.worked(1);
  }
  options.onProgress?.(1);
  return results[layers.length - 1];
}

/** Pixels `first` … `first + count` (row by row) of every channel, in the decoder's domain, into `out` (C, count). */
export function readPixels(
  tensor: Tensor,
  view: LatentView,
  base: number,
  map: Float32Array,
  first: number,
  count: number,
  out: Float32Array,
): void {
  const { channels, width, patch, strides } = view;
  if (patch === 1 && strides.column === 1 && strides.row === width) {
    // Whole planes lie together: copy them a run at a time.
    for (let c = 0; c < channels; c++) {
      const start = base + c * strides.channel + first;
      const run = out.subarray(c * count, (c + 1) * count);
      readRun(tensor, start, run);
      const [gain, offset] = [map[c * 2], map[c * 2 + 1]];
      if (gain !== 1 || offset !== 0) for (let i = 0; i < count; i++) run[i] = run[i] * gain + offset;
    }
    return;
  }
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < count; i++) {
      const y = Math.floor((first + i) / width);
      const x = (first + i) % width;
      const entry = ((c * patch + (y % patch)) * patch + (x % patch)) * 2;
      out[c * count + i] = elementAt(tensor, base + elementIndex(view, c, y, x)) * map[entry] + map[entry + 1];
    }
}

function readRun(tensor: Tensor, start: number, out: Float32Array): void {
  if (tensor.dtype === 'float16' || tensor.dtype === 'bfloat16')
    widenHalves(tensor.data.subarray(start, start + out.length), tensor.dtype, out);
  else out.set(tensor.data.subarray(start, start + out.length));
}

/** The largest half float: what no sane latent reaches. */
const largest = 65504;

/** As shaders/lib/latents.wgsl does for every element: non-finite reads as 0, the rest stays below the largest half. */
function replaceInsane(values: Float32Array, map: Float32Array, { channels, patch, width }: LatentView, first: number) {
  const count = values.length / channels;
  for (let k = 0; k < values.length; k++) {
    const c = Math.floor(k / count);
    const pixel = first + (k % count);
    const inner = (Math.floor(pixel / width) % patch) * patch + ((pixel % width) % patch);
    const entry = (c * patch * patch + inner) * 2;
    const [gain, offset] = [map[entry], map[entry + 1]];
    const raw = (values[k] - offset) / gain;
    values[k] = (Number.isFinite(raw) ? Math.min(Math.max(raw, -largest), largest) : 0) * gain + offset;
  }
}

/** A picture at another size. */
export function resizeOnCpu(picture: Picture, width: number, height: number, filter: Filter): Picture {
  if (picture.width === width && picture.height === height) return picture;
  const count = picture.width * picture.height;
  const planes = new Float32Array(3 * count);
  for (let i = 0; i < count; i++)
    for (let plane = 0; plane < 3; plane++) planes[plane * count + i] = picture.data[i * 4 + plane];
  const resized = resize.reference(planes, [3, picture.height, picture.width], { width, height, filter });
  const rgba = new Uint32Array(width * height);
  writePixels(resized, width * height, { activation: 'clamp', range: [0, 255] }, rgba, 0);
  return { width, height, data: new Uint8ClampedArray(rgba.buffer) };
}
