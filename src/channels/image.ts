// Channels as pictures: one, or all of them on a sheet.

import { toImageData } from '../canvas';
import { LatentPreviewError } from '../errors';
import type { Latents } from '../latents';
import { type Selection, selectFrame } from '../view';
import { isPalette, type Palette, writeColour } from './palette';
import { channelRange, type Range, requireRange } from './range';
import { eachNumber, type OpenLatents, openLatents, type ReadOptions } from './read';

export interface ChannelImageOptions extends ReadOptions {
  /** Which item of a batch; default 0. */
  readonly item?: number;
  /** Which latent frame of a clip; default the middle one. */
  readonly frame?: number;
  /** Which unpacked one. Default: all, in rows, first to last, with a latent pixel of nothing between them. */
  readonly channel?: number;
  /** Channels in a row where all are drawn; default: as many as make the rows and columns equal, or one more. */
  readonly columns?: number;
  /** Default `grey`. */
  readonly palette?: Palette;
  /**
   * The numbers in the palette's first and last colour; beyond them it stays so. Default: {@link channelRange}, one for all
   * channels, items and frames, also where one of them is drawn.
   */
  readonly range?: Range;
  /** Where a number is NaN or infinite. Default magenta, which is in neither palette. */
  readonly nonFinite?: readonly [red: number, green: number, blue: number];
  /** Pixels per latent pixel and side, without smoothing; default 1. */
  readonly scale?: number;
}

// Beyond it no browser makes a canvas.
const mostPixels = 2 ** 28;

/**
 * Draws the numbers of one item and frame as they are stored.
 * @returns RGBA, opaque but between channels; an `ImageData`, in Node a plain object of the same shape
 * @throws LatentPreviewError `shape` where the latents lie in GPU memory or do not fit the format, and for options that are
 *   out of range; `format`
 */
export function channelImage(latents: Latents, options: ChannelImageOptions = {}): ImageData {
  const { channel, palette = 'grey', nonFinite = [255, 0, 255], scale = 1 } = options;
  const open = openLatents(latents, options);
  const { channels, width, height } = open.view;
  if (!isPalette(palette)) throw wrong(`palette is '${palette}', it can be 'grey' or 'diverging'`);
  requireWhole('scale', scale, 1);
  if (channel !== undefined) requireWhole('channel', channel, 0, channels - 1);
  const shown = channel === undefined ? [...Array(channels).keys()] : [channel];
  const { columns = Math.ceil(Math.sqrt(shown.length)) } = options;
  requireWhole('columns', columns, 1);
  const across = Math.min(columns, shown.length);
  const down = Math.ceil(shown.length / across);
  const [sheetWidth, sheetHeight] = [across * (width + 1) - 1, down * (height + 1) - 1];
  if (sheetWidth * scale * sheetHeight * scale > mostPixels)
    throw wrong(
      `the picture would be ${sheetWidth * scale}×${sheetHeight * scale}, at most ${mostPixels} pixels can be`,
    );

  const range = requireRange(options.range ?? channelRange(latents, { palette }));
  const selection = selectFrame(open.view, options);
  const data = new Uint8ClampedArray(sheetWidth * sheetHeight * 4);
  shown.forEach((one, index) => {
    const [column, row] = [index % across, Math.floor(index / across)];
    const first = row * (height + 1) * sheetWidth + column * (width + 1);
    draw(open, one, selection, { palette, range, nonFinite }, { data, first, rowLength: sheetWidth });
  });
  return toImageData(enlarge({ width: sheetWidth, height: sheetHeight, data }, scale));
}

function draw(
  open: OpenLatents,
  channel: number,
  selection: Selection,
  { palette, range: [low, high], nonFinite }: Required<Pick<ChannelImageOptions, 'palette' | 'range' | 'nonFinite'>>,
  { data, first, rowLength }: { data: Uint8ClampedArray; first: number; rowLength: number },
): void {
  const { width } = open.view;
  let pixel = 0;
  eachNumber(open, channel, [selection], (value) => {
    const at = (first + Math.floor(pixel / width) * rowLength + (pixel % width)) * 4;
    pixel++;
    if (Number.isFinite(value)) writeColour(palette, (value - low) / (high - low), data, at);
    else {
      data.set(nonFinite, at);
      data[at + 3] = 255;
    }
  });
}

interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

function enlarge(picture: Pixels, scale: number): Pixels {
  if (scale === 1) return picture;
  const [width, height] = [picture.width * scale, picture.height * scale];
  const from = new Uint32Array(picture.data.buffer);
  const to = new Uint32Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      to[y * width + x] = from[Math.floor(y / scale) * picture.width + Math.floor(x / scale)];
  return { width, height, data: new Uint8ClampedArray(to.buffer) };
}

const wrong = (what: string): LatentPreviewError => new LatentPreviewError('shape', `channels: ${what}`);

function requireWhole(name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw wrong(
      `${name} is ${value}; needed is a whole number of ` +
        (most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `${least} to ${most}`),
    );
}
