// Makes a GIF off the main thread: each picture is reduced to its own 256 colours.

import { applyPalette, GIFEncoder, quantize } from 'gifenc';
import type { ImageDataLike } from '../src/compare/index';

export type GifRequest =
  | { readonly image: ImageDataLike & { readonly data: Uint8ClampedArray }; readonly hundredths: number }
  | 'end';
/** `next` after each picture, the file at the end. */
export type GifAnswer = 'next' | Uint8Array<ArrayBuffer>;

/** Pixels that the colours are found from: five times as fast as all of 512 × 320, and as near to the picture. */
const sampled = 16_384;

const gif = GIFEncoder();

addEventListener('message', ({ data }: MessageEvent<GifRequest>) => {
  const answer = (reply: GifAnswer): void => postMessage(reply);
  if (data === 'end') {
    gif.finish();
    return answer(gif.bytes());
  }
  const { image, hundredths } = data;
  const palette = quantize(someOf(image.data), 256);
  const index = applyPalette(image.data, palette);
  gif.writeFrame(index, image.width, image.height, { palette, delay: hundredths * 10, repeat: 0 });
  answer('next');
});

/** Every so many pixels: an odd number, so that they are not those of a few columns. */
function someOf(rgba: Uint8ClampedArray): Uint8ClampedArray {
  const pixels = new Uint32Array(rgba.buffer, rgba.byteOffset, rgba.length / 4);
  const step = Math.floor(pixels.length / sampled / 2) * 2 + 1;
  return step === 1 ? rgba : new Uint8ClampedArray(pixels.filter((_, index) => index % step === 0).buffer);
}
