// A pair made ready for the fit: latents as float planes in the model's domain, the picture averaged to latent size ×
// upscale. What does not fit together is said here, by the pair's name.

import { type ImageDataLike, requireImage } from '../compare/image';
import { readPixels } from '../cpu';
import { LatentPreviewError } from '../errors';
import type { LatentFormat } from '../formats/format';
import type { Latents } from '../latents';
import { domainMap, selectFrame, viewLatents } from '../view';

/** Latents and the picture they should become. */
export interface FitPair {
  /** For the report, and to be held out by; default `pair 1`, `pair 2`, … */
  readonly name?: string;
  /** In CPU memory, of any size, in the domain they say. */
  readonly latents: Latents;
  /** Which item of a batch; default 0. */
  readonly item?: number;
  /** Which latent frame of a video; default the middle one. */
  readonly frame?: number;
  /**
   * The photo that was encoded, or the VAE's decode: sRGB, at least latent size × upscale. What an encoder drops (at the
   * right and the bottom, less than it takes for one more latent pixel) is cropped here too; a picture of any other size
   * must show the same field, and is averaged as it is.
   */
  readonly image: ImageDataLike;
}

/** A pair, ready: every pixel is one equation per target. */
export interface ReadyPair {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Model latents (C, H, W), all finite. */
  readonly planes: Float32Array;
  /** (3, H·upscale, W·upscale) in 0..255, not rounded. */
  readonly goal: Float32Array;
}

/** The largest half float: what no sane latent reaches. */
const largest = 65504;

/** @throws LatentPreviewError `shape`, `format` */
export function readyPair(
  { latents, image, ...place }: FitPair,
  name: string,
  format: LatentFormat,
  upscale: number,
): ReadyPair {
  const { tensor } = latents;
  if ('buffer' in tensor)
    throw new LatentPreviewError('shape', `fit: the latents of '${name}' lie in a GPU buffer; read them back first`);
  if (latents.format && latents.format.base !== format.base)
    throw new LatentPreviewError(
      'format',
      `fit: the latents of '${name}' are '${latents.format.id}', the fit is for '${format.id}'; one fit takes one family`,
    );
  const view = viewLatents(latents, format);
  const { item, frame } = selectFrame(view, place);
  const { channels, height, width } = view;
  const planes = new Float32Array(channels * height * width);
  const base = item * view.strides.item + frame * view.strides.frame;
  const map = domainMap(format, view.domain, 'model', view.patch, frame);
  readPixels(tensor, view, base, map, 0, height * width, planes);
  const bad = planes.findIndex((value) => !(Math.abs(value) <= largest));
  if (bad >= 0) {
    const [x, y, c] = [bad % width, Math.floor(bad / width) % height, Math.floor(bad / width / height)];
    throw new LatentPreviewError(
      'shape',
      `fit: the latents of '${name}' hold ${planes[bad]} at channel ${c}, row ${y}, column ${x}; leave this pair out`,
    );
  }
  requireImage(image, `fit: the image of '${name}'`);
  const crop = field(image, name, format, { height, width }, upscale);
  return { channels, height, width, planes, goal: averaged(image, crop, width * upscale, height * upscale) };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The part of the image, from its top left, that the latents show. */
function field(image: Size, name: string, format: LatentFormat, latent: Size, upscale: number): Size {
  const { spatialDownscale, packing } = format;
  const encoded = { width: latent.width * spatialDownscale, height: latent.height * spatialDownscale };
  const dropped = spatialDownscale * (packing?.patch ?? 1);
  const isEncoded = (['width', 'height'] as const).every(
    (side) => image[side] >= encoded[side] && image[side] < encoded[side] + dropped,
  );
  const [across, down] = [image.width / latent.width, image.height / latent.height];
  // The same field: along no side do the two scales drift apart by more than a latent pixel.
  const drift = Math.abs(across - down) * Math.max(latent.width, latent.height);
  if (!isEncoded && drift > Math.max(across, down))
    throw new LatentPreviewError(
      'shape',
      `fit: the image of '${name}' is ${image.width}×${image.height}, its latents of ${latent.width}×${latent.height} ` +
        `stand for ${encoded.width}×${encoded.height}; pass the picture that was encoded, or another size of it`,
    );
  const found = isEncoded ? encoded : image;
  if (found.width < latent.width * upscale || found.height < latent.height * upscale)
    throw new LatentPreviewError(
      'shape',
      `fit: the image of '${name}' is ${image.width}×${image.height}, upscale ${upscale} of its latents needs at least ` +
        `${latent.width * upscale}×${latent.height * upscale}; pass a larger picture or a smaller upscale`,
    );
  return found;
}

/** Every pixel the mean of its share of the image, alpha ignored: (3, height, width). */
function averaged(image: ImageDataLike, crop: Size, width: number, height: number): Float32Array {
  const across = shares(crop.width, width);
  const down = shares(crop.height, height);
  const goal = new Float32Array(3 * width * height);
  const row = new Float64Array(3 * width);
  for (let y = 0; y < height; y++) {
    row.fill(0);
    for (let k = down.starts[y]; k < down.starts[y + 1]; k++)
      for (let x = 0; x < width; x++)
        for (let l = across.starts[x]; l < across.starts[x + 1]; l++) {
          const share = down.weights[k] * across.weights[l];
          const place = (down.places[k] * image.width + across.places[l]) * 4;
          for (let plane = 0; plane < 3; plane++) row[plane * width + x] += share * image.data[place + plane];
        }
    for (let plane = 0; plane < 3; plane++)
      goal.set(row.subarray(plane * width, (plane + 1) * width), (plane * height + y) * width);
  }
  return goal;
}

/** Which of `from` pixels each of `to` covers, and how much of it each gives; those of pixel i start at starts[i]. */
function shares(from: number, to: number): { starts: number[]; places: number[]; weights: number[] } {
  const [starts, places, weights]: number[][] = [[0], [], []];
  // In units of 1 / to of a pixel: whole numbers, so that whole boxes have equal weights.
  for (let i = 0; i < to; i++) {
    for (let place = Math.floor((i * from) / to); place * to < (i + 1) * from; place++) {
      places.push(place);
      weights.push((Math.min((place + 1) * to, (i + 1) * from) - Math.max(place * to, i * from)) / from);
    }
    starts.push(places.length);
  }
  return { starts, places, weights };
}
