// The wire format's header: what each byte of it is, written and read, with every number checked. What follows it, the
// payload, is encode.ts's and decode.ts's. For people: docs/wire-format.md.

import { LatentPreviewError } from '../errors';
import { quoted } from '../files/cursor';
import type { Domain } from '../formats/format';
import type { Layout } from '../latents';
import { elementCount, formatShape, itemSize, type Shape } from '../tensor';

/** How numbers travel. `uint8` holds x / 6 + 0.5 in 255 steps: latents from −3 to 3. */
export type WireType = 'float32' | 'float16' | 'bfloat16' | 'uint8';

/** `sample`: the sampler's own, still noisy. `x0`: the model's prediction of the clean latents. */
export type Content = 'sample' | 'x0';

/** Everything but the numbers. */
export interface PacketHeader {
  readonly headerBytes: number;
  readonly packetBytes: number;
  readonly dtype: WireType;
  readonly deflated: boolean;
  readonly shape: Shape;
  readonly layout: Layout | undefined;
  readonly domain: Domain | undefined;
  readonly content: Content | undefined;
  readonly step: number;
  readonly steps: number | undefined;
  readonly timestep: number | undefined;
  readonly sigma: number | undefined;
  readonly items: { readonly first: number; readonly total: number | undefined };
  readonly frames: { readonly first: number; readonly stride: number; readonly total: number | undefined };
  readonly size: { readonly height: number; readonly width: number } | undefined;
  /** The JSON object behind the fixed part: `format` and whatever else the sender says in strings. */
  readonly text: ReadonlyMap<string, string>;
}

/** Four bytes, `LATP`. Read as ComfyUI's event number (big-endian), 0x4C415450. */
export const magic = 0x4c415450;
export const version = 1;
/** The kind of packet that holds latents; others are for later. */
export const latentsKind = 1;
/** Of the part that every version and kind has: magic, version, kind, length of the header, length of the packet. */
export const startBytes = 12;
const fixedBytes = 80;
/** What a packet may take, inflated, unless the caller allows more: 256 MiB. */
export const defaultMaxBytes = 2 ** 28;

// Codes are places in these lists; 0 is "not said". New ones go to the end.
const types: readonly (WireType | undefined)[] = [undefined, 'float32', 'float16', 'bfloat16', 'uint8'];
const layouts: readonly (Layout | undefined)[] = [
  ...[undefined, 'CHW', 'HWC', 'NCHW', 'NHWC', 'CTHW', 'TCHW', 'NCTHW', 'NTCHW', 'LC', 'NLC'],
] as (Layout | undefined)[];
const domains: readonly (Domain | undefined)[] = [undefined, 'model', 'vae'];
const contents: readonly (Content | undefined)[] = [undefined, 'sample', 'x0'];
const deflateFlag = 1;
const maxRank = 5;
/** 258 bytes by two bits are the most that deflate can do. */
const mostInflation = 1032;

export const refuse = (message: string): LatentPreviewError => new LatentPreviewError('file', `packet: ${message}`);

/** The part that every packet has. */
export interface PacketStart {
  readonly kind: number;
  readonly headerBytes: number;
  readonly packetBytes: number;
}

export const hasMagic = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && viewOf(bytes).getUint32(0, false) === magic;

/**
 * Reads the first 12 bytes.
 * @throws LatentPreviewError `file` where they are no packet's, of another version, or too long to be taken
 */
export function readStart(bytes: Uint8Array, maxBytes: number): PacketStart {
  if (bytes.length < startBytes) throw refuse(`${bytes.length} bytes, even the shortest has ${startBytes}; it was cut`);
  const view = viewOf(bytes);
  if (!hasMagic(bytes))
    throw refuse(
      `begins with ${[...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}, ` +
        "not with 4c 41 54 50 ('LATP'); is the sender writing this format?",
    );
  const found = view.getUint8(4);
  if (found !== version)
    throw refuse(`byte 4: version ${found}, this reader knows ${version}; bring sender and latent-preview together`);
  const [kind, headerBytes, packetBytes] = [view.getUint8(5), view.getUint16(6, true), view.getUint32(8, true)];
  if (headerBytes < startBytes || headerBytes > packetBytes)
    throw refuse(`byte 6: a header of ${headerBytes} bytes in a packet of ${packetBytes}`);
  // The numbers' own limit is checked with their shape; deflated ones may not be much longer than stored ones.
  if (packetBytes > maxBytes + 2 ** 17)
    throw refuse(`byte 8: ${packetBytes} bytes, more than the ${maxBytes} allowed; pass a larger \`maxBytes\``);
  return { kind, headerBytes, packetBytes };
}

/**
 * Reads a whole packet's header.
 * @throws LatentPreviewError `file` with the byte that is wrong
 */
export function readHeader(bytes: Uint8Array, maxBytes: number): PacketHeader {
  const start = readStart(bytes, maxBytes);
  const { kind, headerBytes, packetBytes } = start;
  if (kind !== latentsKind) throw refuse(`byte 5: kind ${kind}; latents are kind ${latentsKind}`);
  if (packetBytes !== bytes.length)
    throw refuse(`byte 8: said to have ${packetBytes} bytes, got ${bytes.length}; pass exactly one whole packet`);
  if (headerBytes < fixedBytes || headerBytes % 8 !== 0)
    throw refuse(`byte 6: a header of ${headerBytes} bytes; it has ${fixedBytes} or more, a multiple of 8`);
  const view = viewOf(bytes);
  const u8 = (at: number): number => view.getUint8(at);
  const u32 = (at: number): number => view.getUint32(at, true);
  const dtype = coded(types, u8(12), 12, 'number type');
  if (!dtype) throw refuse('byte 12: number type 0; say which');
  if (u8(13) & ~deflateFlag) throw refuse(`byte 13: flags ${u8(13)}; this reader knows ${deflateFlag} (deflate) alone`);
  const deflated = (u8(13) & deflateFlag) !== 0;
  const layout = coded(layouts, u8(15), 15, 'layout');
  const shape = readShape(view, layout);
  const count = elementCount(shape);
  const needed = count * itemSize(dtype);
  // uint8 is widened when it is decoded.
  const taken = dtype === 'uint8' ? count * 4 : needed;
  if (taken > maxBytes)
    throw refuse(
      `byte 16: ${dtype} of shape ${formatShape(shape)} takes ${taken} bytes, more than the ${maxBytes} allowed; ` +
        'pass a larger `maxBytes`, or send fewer frames',
    );
  const sent = packetBytes - headerBytes;
  if (deflated ? needed > sent * mostInflation : needed !== sent)
    throw refuse(
      `byte 8: ${dtype} of shape ${formatShape(shape)} needs ${needed} bytes, the packet has ${sent}` +
        `${deflated ? `; deflate makes at most ${mostInflation} of one` : ''}`,
    );
  const stride = u32(68);
  if (stride === 0) throw refuse('byte 68: every 0th frame; 1 is every one');
  const [height, width] = [view.getUint16(76, true), view.getUint16(78, true)];
  return {
    headerBytes,
    packetBytes,
    dtype,
    deflated,
    shape,
    layout,
    domain: coded(domains, u8(36), 36, 'domain'),
    content: coded(contents, u8(37), 37, 'content'),
    step: u32(40),
    steps: u32(44) || undefined,
    timestep: said(view.getFloat32(48, true)),
    sigma: said(view.getFloat32(52, true)),
    items: { first: u32(56), total: u32(60) || undefined },
    frames: { first: u32(64), stride, total: u32(72) || undefined },
    size: height && width ? { height, width } : undefined,
    text: readText(bytes.subarray(fixedBytes, headerBytes)),
  };
}

/** A packet with its header, `payload` behind it. */
export function writePacket(
  header: Omit<PacketHeader, 'headerBytes' | 'packetBytes'>,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const { shape, layout, size, items, frames } = header;
  const text = header.text.size > 0 ? new TextEncoder().encode(JSON.stringify(Object.fromEntries(header.text))) : [];
  const headerBytes = Math.ceil((fixedBytes + text.length) / 8) * 8;
  if (headerBytes > 0xffff)
    throw new LatentPreviewError('shape', `packet: ${text.length} bytes of text; the header has room for 65448`);
  if (shape.length > maxRank)
    throw new LatentPreviewError('shape', `packet: shape ${formatShape(shape)} has more than ${maxRank} axes`);
  const packetBytes = headerBytes + payload.length;
  if (packetBytes > 0xffffffff)
    throw new LatentPreviewError('shape', `packet: ${packetBytes} bytes, more than 2^32; send fewer frames`);
  const bytes = new Uint8Array(packetBytes);
  const view = viewOf(bytes);
  const u32 = (at: number, value: number, what: string): void => {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff)
      throw new LatentPreviewError('shape', `packet: ${what} ${value} is not a whole number from 0 to 2^32 − 1`);
    view.setUint32(at, value, true);
  };
  view.setUint32(0, magic, false);
  view.setUint8(4, version);
  view.setUint8(5, latentsKind);
  view.setUint16(6, headerBytes, true);
  view.setUint32(8, packetBytes, true);
  view.setUint8(12, types.indexOf(header.dtype));
  view.setUint8(13, header.deflated ? deflateFlag : 0);
  view.setUint8(14, shape.length);
  view.setUint8(15, layouts.indexOf(layout));
  for (const [k, length] of shape.entries()) u32(16 + 4 * k, length, 'axis');
  view.setUint8(36, domains.indexOf(header.domain));
  view.setUint8(37, contents.indexOf(header.content));
  u32(40, header.step, 'step');
  u32(44, header.steps ?? 0, 'steps');
  view.setFloat32(48, header.timestep ?? Number.NaN, true);
  view.setFloat32(52, header.sigma ?? Number.NaN, true);
  u32(56, items.first, 'item');
  u32(60, items.total ?? 0, 'number of items');
  u32(64, frames.first, 'frame');
  u32(68, frames.stride, 'stride of frames');
  u32(72, frames.total ?? 0, 'number of frames');
  const sides = size ? [size.height, size.width] : [0, 0];
  for (const [k, side] of sides.entries()) {
    if (!Number.isInteger(side) || side < 0 || side > 0xffff)
      throw new LatentPreviewError('shape', `packet: ${sides.join('×')} latent pixels; each side may be up to 65535`);
    view.setUint16(76 + 2 * k, side, true);
  }
  bytes.set(text, fixedBytes);
  bytes.fill(0x20, fixedBytes + text.length, headerBytes);
  bytes.set(payload, headerBytes);
  return bytes;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const said = (value: number): number | undefined => (Number.isNaN(value) ? undefined : value);

function coded<T>(list: readonly (T | undefined)[], code: number, at: number, what: string): T | undefined {
  if (code >= list.length)
    throw refuse(`byte ${at}: ${what} ${code}; this reader knows 1 to ${list.length - 1}: ${list.slice(1).join(', ')}`);
  return list[code];
}

function readShape(view: DataView, layout: Layout | undefined): Shape {
  const rank = view.getUint8(14);
  if (rank < 2 || rank > maxRank) throw refuse(`byte 14: ${rank} axes; latents have 2 to ${maxRank}`);
  if (layout && layout.length !== rank)
    throw refuse(`byte 15: layout ${layout} has ${layout.length} axes, the shape has ${rank}`);
  const axes = Array.from({ length: maxRank }, (_, k) => view.getUint32(16 + 4 * k, true));
  const shape = axes.slice(0, rank);
  if (shape.includes(0) || axes.slice(rank).some((length) => length !== 0))
    throw refuse(`byte 16: axes ${axes.join(', ')}; the first ${rank} must not be 0, the others must`);
  if (shape.reduce((product, length) => product * length, 1) > 2 ** 48)
    throw refuse(`byte 16: shape ${formatShape(shape)} has more than 2^48 elements`);
  return shape;
}

/** Only strings are taken: what else a sender says is for other readers. */
function readText(bytes: Uint8Array): ReadonlyMap<string, string> {
  let text = '';
  try {
    // Browsers refuse to decode shared memory.
    text = new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array(bytes)).trim();
    const value: unknown = text === '' ? {} : JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return new Map(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  } catch {
    // Said below.
  }
  throw refuse(`byte ${fixedBytes}: ${text === '' ? 'the text is not UTF-8' : `${quoted(text)} is no JSON object`}`);
}
