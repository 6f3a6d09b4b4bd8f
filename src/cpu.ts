// Decoders on the CPU: the same layers through their reference() loops. What runs where there is no GPU, or only a
// software one, which is slower than this for per-pixel maps.

import type { Decoder } from './decoders/decoder';
import { LatentPreviewError } from './errors';
import type { LatentFormat } from './formats/format';
import { domainMap, elementIndex, type Latents, type LatentView, selectFrame, viewLatents } from './latents';
import { resize } from './ops/index';
import type { Filter } from './ops/resize';
import { writePixels } from './output';
import { elementAt, type Tensor, widenHalves } from './tensor';

/** A finished picture: sRGB, 8 bits, opaque, row by row. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

// Channels × pixels of one band: small enough to stay in a core's cache between reading and writing.
const bandElements = 16384;

/**
 * Decodes one item and frame at the decoder's own size.
 * @throws LatentPreviewError `shape` where the latents lie in GPU memory or do not fit the format
 */
export function decodeOnCpu(
  decoder: Decoder,
  latents: Latents,
  format: LatentFormat,
  selection: { item?: number; frame?: number },
): Picture {
  const { tensor } = latents;
  if ('buffer' in tensor)
    throw new LatentPreviewError(
      'shape',
      "latents: they lie in a GPU buffer, the previewer's backend is 'cpu'; pass `device` and backend: 'webgpu'",
    );
  const view = viewLatents(latents, format);
  const { item, frame } = selectFrame(view, selection);
  const map = domainMap(format, latents.domain, decoder.domain, view.patch, frame);
  const base = item * view.strides.item + frame * view.strides.frame;

  const [pixels, size] = [view.height * view.width, view.channels];
  const rgba = new Uint32Array(pixels);
  const banded = decoder.layers.every((current) => current.perPixel);
  const band = banded ? Math.min(pixels, Math.max(64, Math.floor(bandElements / size))) : pixels;
  const input = new Float32Array(size * band);
  // Each layer's output of a full band, allocated once.
  const outputs = decoder.layers.map(() => new Float32Array(3 * band));
  for (let first = 0; first < pixels; first += band) {
    const count = Math.min(band, pixels - first);
    const full = count === band;
    const part = full ? input : input.subarray(0, size * count);
    const shape = banded ? [size, 1, count] : [size, view.height, view.width];
    const write = (): boolean =>
      writePixels(runLayers(decoder, part, shape, full ? outputs : []), count, decoder.output, rgba, first);
    readPixels(tensor, view, base, map, first, count, part);
    if (write()) continue;
    readPixels(tensor, view, base, map, first, count, part);
    replaceInsane(part, map, view, first);
    write();
  }
  return { width: view.width, height: view.height, data: new Uint8ClampedArray(rgba.buffer) };
}

function runLayers(
  { layers }: Decoder,
  input: Float32Array,
  shape: readonly number[],
  outputs: readonly Float32Array[],
): Float32Array {
  let [values, current] = [input, shape];
  layers.forEach((layer, index) => {
    const next = layer.outputShape(current);
    values = layer.reference(values, current, outputs[index]);
    current = next;
  });
  return values;
}

/** Pixels `first` … `first + count` (row by row) of every channel, in the decoder's domain, into `out` (C, count). */
function readPixels(
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

/** As shaders/lib/latents.wgsl does for every element: non-finite reads as 0, the rest stays below the largest half. */
function replaceInsane(values: Float32Array, map: Float32Array, { channels, patch, width }: LatentView, first: number) {
  const largest = 65504;
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
