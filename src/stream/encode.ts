// Latents → a packet of the wire format: which items and frames, in which numbers, deflated or not.

import { LatentPreviewError } from '../errors';
import type { Latents, Layout } from '../latents';
import { elementCount, formatShape, numberToFloat16, type Shape, type Tensor, toFloat32 } from '../tensor';
import { fittingLayouts } from '../view';
import { type Content, type WireType, writePacket } from './wire';

export interface EncodeOptions {
  /**
   * How the numbers travel. Default: as they are where they are floats of 16 bits, else `float16`. `uint8` is a byte per
   * number, from −3 to 3 in steps of 0.024: for previews, not for decoding in full.
   */
  readonly dtype?: WireType;
  /** Compresses the numbers without loss; noise hardly shrinks, `uint8` and late steps do. Default false. */
  readonly deflate?: boolean;
  /** How many steps are done, from 1; 0 (default): none, or not counted. */
  readonly step?: number;
  /** How many there will be. */
  readonly steps?: number;
  /** As the scheduler counts it. */
  readonly timestep?: number;
  /** The level of noise. */
  readonly sigma?: number;
  /** Whether these are the sampler's noisy latents or the prediction of the clean ones. */
  readonly content?: Content;
  /** Which item of a batch alone is sent. */
  readonly item?: number;
  /** Which latent frames of a video are sent: one, or every `stride`-th from `first` (default 0) on. Default: all. */
  readonly frames?: number | { readonly first?: number; readonly stride: number };
  /** More for the receiver, who finds it in `latents.metadata`. */
  readonly metadata?: ReadonlyMap<string, string> | Readonly<Record<string, string>>;
}

/**
 * One packet, to be sent as a message of a WebSocket, as a part of an HTTP body, or in base64 as data of an EventSource.
 * Format, domain, layout and size of the latents go with it.
 * @throws LatentPreviewError `shape` where the latents lie in GPU memory, an item or frame is not there, or which axis holds
 *   the items or frames is not known
 */
export async function encodeLatents(
  latents: Latents,
  {
    dtype,
    deflate = false,
    step = 0,
    steps,
    timestep,
    sigma,
    content,
    item,
    frames,
    metadata = {},
  }: EncodeOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { tensor, format, domain, domainFrom, size } = latents;
  if ('buffer' in tensor)
    throw new LatentPreviewError(
      'shape',
      'packet: the latents lie in a GPU buffer; read them back (copyBufferToBuffer, mapAsync) and pass an array',
    );
  const layout = latents.layout ?? (format ? fittingLayouts(tensor.shape, format)[0] : undefined);
  let chosen: Tensor = tensor;
  let totals: { item: number | undefined; frame: number | undefined } = { item: undefined, frame: undefined };
  const firstFrame = typeof frames === 'number' ? frames : (frames?.first ?? 0);
  const stride = typeof frames === 'object' ? frames.stride : 1;
  if (item !== undefined) {
    const axis = axisOf(layout, 'N', tensor.shape);
    totals = { ...totals, item: tensor.shape[axis] };
    chosen = take(chosen, axis, item, 1, 'item', true);
  }
  if (frames !== undefined) {
    const axis = axisOf(layout, 'T', tensor.shape);
    totals = { ...totals, frame: tensor.shape[axis] };
    chosen = take(chosen, axis, firstFrame, stride, 'frame', typeof frames === 'number');
  }
  const type = dtype ?? (tensor.dtype === 'bfloat16' ? 'bfloat16' : 'float16');
  const numbers = toWire(chosen, type);
  const text = new Map(metadata instanceof Map ? metadata : Object.entries(metadata));
  if (format) text.set('format', format.id);
  return writePacket(
    {
      dtype: type,
      deflated: deflate,
      shape: chosen.shape,
      layout,
      domain: domainFrom === 'default' ? undefined : domain,
      content,
      step,
      steps,
      timestep,
      sigma,
      items: { first: item ?? 0, total: totals.item },
      frames: { first: firstFrame, stride, total: totals.frame },
      size,
      text,
    },
    deflate ? await deflated(numbers) : numbers,
  );
}

function axisOf(layout: Layout | undefined, letter: 'N' | 'T', shape: Shape): number {
  const axis = layout?.indexOf(letter) ?? -1;
  if (axis >= 0) return axis;
  throw new LatentPreviewError(
    'shape',
    `packet: ${layout ? `layout ${layout}` : `shape ${formatShape(shape)}`} does not say which axis holds the ` +
      `${letter === 'N' ? 'items' : 'frames'}; give the latents a \`format\` or a \`layout\``,
  );
}

/** Every `stride`-th entry of an axis, from `first` on, or that one alone. The axis stays. */
function take(tensor: Tensor, axis: number, first: number, stride: number, what: string, alone: boolean): Tensor {
  const { shape, dtype, data } = tensor;
  const length = shape[axis];
  if (!Number.isInteger(first) || first < 0 || first >= length || !Number.isInteger(stride) || stride < 1)
    throw new LatentPreviewError(
      'shape',
      `packet: ${what} ${first}${stride === 1 ? '' : `, every ${stride}th`} of ${length}; the first is 0`,
    );
  const count = alone ? 1 : Math.ceil((length - first) / stride);
  const inner = elementCount(shape.slice(axis + 1));
  const outer = elementCount(shape.slice(0, axis));
  const taken = [...shape.slice(0, axis), count, ...shape.slice(axis + 1)];
  const out = data.slice(0, outer * count * inner);
  for (let o = 0; o < outer; o++)
    for (let k = 0; k < count; k++) {
      const from = (o * length + first + k * stride) * inner;
      out.set(data.subarray(from, from + inner), (o * count + k) * inner);
    }
  return { dtype, shape: taken, data: out } as Tensor;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array<ArrayBuffer> =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

function toWire(tensor: Tensor, type: WireType): Uint8Array<ArrayBuffer> {
  if (tensor.dtype === type && type !== 'uint8') return bytesOf(tensor.data);
  const values = toFloat32(tensor);
  if (type === 'float32') return bytesOf(values);
  if (type === 'uint8') {
    const out = new Uint8Array(values.length);
    // Not a number is the middle, which decodes to 0 or so.
    for (let i = 0; i < values.length; i++) {
      const x = values[i];
      out[i] = Number.isNaN(x) ? 128 : Math.floor(Math.min(Math.max(x / 6 + 0.5, 0), 1) * 255 + 0.5);
    }
    return out;
  }
  const out = new Uint16Array(values.length);
  if (type === 'float16') for (let i = 0; i < values.length; i++) out[i] = numberToFloat16(values[i]);
  else {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    for (let i = 0; i < bits.length; i++) out[i] = toBfloat16(bits[i]);
  }
  return bytesOf(out);
}

/** A float32's bits to the nearest bfloat16's, ties to even. Rounding would turn some NaNs into infinities. */
function toBfloat16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** With zlib's header and checksum, as Python's `zlib.compress` and Node's `deflateSync` write it. */
async function deflated(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
