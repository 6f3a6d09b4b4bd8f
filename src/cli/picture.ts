// Pictures from and to files: PNG in both directions, JPEG in. The codecs are kept libraries, bundled with the command.

import { readFile } from 'node:fs/promises';
import { convertIndexedToRgb, type DecodedPng, decode as decodePng, encode as encodePng } from 'fast-png';
import { decode as decodeJpeg } from 'jpeg-js';
import { type ImageDataLike, LatentPreviewError } from '../index';

/** What a file's first bytes say; undefined where they are of no picture that is read. */
export function pictureKind(head: Uint8Array): 'png' | 'jpeg' | undefined {
  if ([0x89, 0x50, 0x4e, 0x47].every((byte, k) => head[k] === byte)) return 'png';
  if ([0xff, 0xd8, 0xff].every((byte, k) => head[k] === byte)) return 'jpeg';
  return undefined;
}

/**
 * A picture as RGBA bytes. Greys are widened, 16 bits rounded to 8; colour profiles and EXIF rotation are not applied.
 * @throws LatentPreviewError `file`
 */
export async function readPicture(path: string, signal?: AbortSignal): Promise<ImageDataLike> {
  const bytes = await readFile(path, signal ? { signal } : {});
  const kind = pictureKind(bytes);
  if (!kind)
    throw new LatentPreviewError(
      'file',
      'picture: it is neither PNG nor JPEG; save it as one of these, PNG if you can',
    );
  try {
    if (kind === 'png') return rgbaOfPng(decodePng(bytes, { checkCrc: true }));
    const { width, height, data } = decodeJpeg(bytes, { useTArray: true, formatAsRGBA: true, tolerantDecoding: false });
    return { width, height, data };
  } catch (cause) {
    throw new LatentPreviewError(
      'file',
      `picture: not a readable ${kind === 'png' ? 'PNG' : 'JPEG'} (${(cause as Error).message}); save it again`,
      { cause },
    );
  }
}

function rgbaOfPng(png: DecodedPng): ImageDataLike {
  const { width, height, depth } = png;
  const { data, channels } = png.palette
    ? { data: convertIndexedToRgb(png), channels: png.palette[0]?.length ?? 3 }
    : { data: png.data, channels: png.channels };
  const rgba = new Uint8Array(4 * width * height).fill(255);
  const colours = channels < 3 ? 1 : 3;
  // Greys of fewer than 8 bits come packed into bytes, each row from a byte of its own.
  const packed = depth < 8 && !png.palette;
  const rowBytes = Math.ceil((width * depth) / 8);
  const largest = 2 ** (png.palette ? 8 : depth) - 1;
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let c = 0; c < 3; c++) {
      const value = packed
        ? bitsAt(data, Math.floor(pixel / width) * rowBytes, pixel % width, depth)
        : data[pixel * channels + (c % colours)];
      rgba[pixel * 4 + c] = Math.round((value / largest) * 255);
    }
    if (channels > colours) rgba[pixel * 4 + 3] = Math.round((data[pixel * channels + colours] / largest) * 255);
  }
  return { width, height, data: rgba };
}

function bitsAt(data: ArrayLike<number>, row: number, x: number, depth: number): number {
  const bit = x * depth;
  return (data[row + (bit >> 3)] >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
}

/** RGB where every pixel is opaque, else RGBA. */
export function pngBytes({ width, height, data }: ImageDataLike): Uint8Array {
  if (hasAlpha(data)) return encodePng({ width, height, data, channels: 4 });
  const rgb = new Uint8Array(3 * width * height);
  for (let pixel = 0; pixel < width * height; pixel++)
    for (let c = 0; c < 3; c++) rgb[pixel * 3 + c] = data[pixel * 4 + c];
  return encodePng({ width, height, data: rgb, channels: 3 });
}

function hasAlpha(data: ImageDataLike['data']): boolean {
  for (let i = 3; i < data.length; i += 4) if (data[i] !== 255) return true;
  return false;
}
