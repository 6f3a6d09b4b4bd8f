// Makes a GIF off the main thread: each picture is reduced to its own 256 colours.

import { applyPalette, GIFEncoder, quantize } from 'gifenc';
import type { ImageDataLike } from '../src/compare/index';

export type GifRequest =
  | { readonly image: ImageDataLike & { readonly data: Uint8ClampedArray }; readonly hundredths: number }
  | 'end';
/** `next` after each picture, the file at the end. */
export type GifAnswer = 'next' | Uint8Array<ArrayBuffer>;

const gif = GIFEncoder();

addEventListener('message', ({ data }: MessageEvent<GifRequest>) => {
  const answer = (reply: GifAnswer): void => postMessage(reply);
  if (data === 'end') {
    gif.finish();
    return answer(gif.bytes());
  }
  const { image, hundredths } = data;
  const palette = quantize(image.data, 256);
  const index = applyPalette(image.data, palette);
  gif.writeFrame(index, image.width, image.height, { palette, delay: hundredths * 10, repeat: 0 });
  answer('next');
});
