// .png: latents of four channels as 8-bit RGBA, in the convention of TAESD's author (madebyollin/taesd, MIT):
// value = clamp(latent / 6 + 0.5) · 255. Decoded here, since a canvas multiplies colours with alpha and so loses most of it;
// what makes the code short is that only 8-bit RGBA without interlacing is read.
// Format: https://www.w3.org/TR/png-3/

import { LatentPreviewError } from '../errors';
import { tensorFromArray } from '../tensor';
import { crc32 } from './crc';
import { inflate } from './inflate';
import type { Reader } from './reader';
import type { ByteSource } from './source';

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Latents of 1024 × 1024 are pictures of 8192². */
const maxPixels = 2 ** 20;

const channels = 4;

export const png: Reader = {
  kind: 'png',
  detect: (head) => signature.every((byte, k) => head[k] === byte),
  async open(source) {
    const { width, height } = await readHeader(source);
    const pixels = await readPixels(await source.read(0, source.size), width, height);
    if (isPicture(pixels)) throw picture('its alpha is 0 or 255 nearly everywhere, as in pictures');
    const shape = [1, channels, height, width];
    const read = async () => tensorFromArray(toLatents(pixels), shape);
    return { kind: 'png', tensors: new Map([['', { dtype: 'float32', shape, read }]]), metadata: new Map() };
  },
};

async function readHeader(source: ByteSource): Promise<{ width: number; height: number }> {
  const head = await source.read(0, Math.min(source.size, 33));
  if (head.length < 33) throw damaged(`the file has ${head.length} bytes, its header ends at byte 33`);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.getUint32(8) !== 13 || view.getUint32(12) !== 0x49484452) throw damaged('byte 8 begins no header (IHDR)');
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [depth, colour, , , interlaced] = head.subarray(24, 29);
  if (colour !== 6) throw picture('it has no fourth channel');
  if (depth !== 8 || interlaced !== 0)
    throw picture(
      `it has ${depth} bits a channel${interlaced ? ', interlaced' : ''}; 8 bits without interlacing are read`,
    );
  if (width === 0 || height === 0) throw damaged(`${width}×${height} pixels (byte 16)`);
  if (width * height > maxPixels) throw picture(`${width}×${height} pixels, latents have at most ${maxPixels}`);
  return { width, height };
}

/** RGBA (H, W, 4). */
async function readPixels(bytes: Uint8Array<ArrayBuffer>, width: number, height: number): Promise<Uint8Array> {
  const rowLength = width * channels;
  const rows = await inflate(join(dataChunks(bytes)), 'deflate', height * (rowLength + 1), 'png');
  const pixels = new Uint8Array(height * rowLength);
  for (let y = 0; y < height; y++) unfilter(rows, y, pixels, rowLength);
  return pixels;
}

/** The chunks with pixels; all chunks are checked. */
function dataChunks(bytes: Uint8Array<ArrayBuffer>): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Uint8Array[] = [];
  for (let at = signature.length; ; ) {
    if (at + 12 > bytes.length) throw damaged(`it ends at byte ${bytes.length}, without an end chunk; it is cut short`);
    const end = at + 12 + view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (end > bytes.length)
      throw damaged(`the chunk at byte ${at} ends at byte ${end}, the file has ${bytes.length}; it is cut short`);
    if (crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4))
      throw damaged(`the chunk at byte ${at} has another checksum than is written behind it`);
    if (type === 'IDAT') found.push(bytes.subarray(at + 8, end - 4));
    if (type === 'IEND') {
      if (end < bytes.length) throw damaged(`${bytes.length - end} bytes follow its end`);
      return found;
    }
    at = end;
  }
}

/** Row `y`: a filter's number, then bytes that are differences to their neighbours to the left (a), above (b) and both (c). */
function unfilter(rows: Uint8Array, y: number, pixels: Uint8Array, rowLength: number): void {
  const from = y * (rowLength + 1);
  const filter = rows[from] as number;
  if (filter > 4) throw damaged(`row ${y} has the filter ${filter}, known are 0 to 4`);
  for (let x = 0; x < rowLength; x++) {
    const to = y * rowLength + x;
    const a = x < channels ? 0 : (pixels[to - channels] as number);
    const b = y === 0 ? 0 : (pixels[to - rowLength] as number);
    const c = x < channels || y === 0 ? 0 : (pixels[to - rowLength - channels] as number);
    pixels[to] = (rows[from + 1 + x] as number) + predicted(filter, a, b, c);
  }
}

function predicted(filter: number, a: number, b: number, c: number): number {
  if (filter === 4) return paeth(a, b, c);
  return filter === 3 ? (a + b) >> 1 : filter === 2 ? b : filter === 1 ? a : 0;
}

/** Whichever of the three is nearest to a + b − c. */
function paeth(a: number, b: number, c: number): number {
  const [toA, toB, toC] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  return toA <= toB && toA <= toC ? a : toB <= toC ? b : c;
}

function isPicture(pixels: Uint8Array): boolean {
  let extreme = 0;
  for (let k = 3; k < pixels.length; k += channels) if (pixels[k] === 0 || pixels[k] === 255) extreme++;
  return extreme * channels * 2 > pixels.length;
}

/** (H, W, 4) → (4, H, W). */
function toLatents(pixels: Uint8Array): Float32Array {
  const area = pixels.length / channels;
  const out = new Float32Array(pixels.length);
  for (let c = 0; c < channels; c++)
    for (let k = 0; k < area; k++) out[c * area + k] = ((pixels[k * channels + c] as number) / 255 - 0.5) * 6;
  return out;
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const damaged = (message: string): LatentPreviewError =>
  new LatentPreviewError('file', `png: ${message}; download or save it again`);

const picture = (reason: string): LatentPreviewError =>
  new LatentPreviewError(
    'file',
    `png: a picture, not a latent: ${reason}; previews need the latent itself, saved as .npy or .safetensors, ` +
      'or four channels in 8-bit RGBA as TAESD writes them',
  );
