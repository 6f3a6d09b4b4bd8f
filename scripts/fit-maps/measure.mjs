// How near a previewer's pictures come to a photo, at the latents' size and at the photo's own.

import { compareImages } from 'latent-preview';

/** The picture averaged over factor × factor pixels. */
export function averaged({ width, height, data }, factor) {
  const [w, h] = [Math.floor(width / factor), Math.floor(height / factor)];
  const small = new Uint8ClampedArray(w * h * 4).fill(255);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++)
      for (let k = 0; k < 3; k++) {
        let sum = 0;
        for (let dy = 0; dy < factor; dy++)
          for (let dx = 0; dx < factor; dx++) sum += data[((y * factor + dy) * width + x * factor + dx) * 4 + k];
        small[(y * w + x) * 4 + k] = Math.round(sum / factor ** 2);
      }
  return { width: w, height: h, data: small };
}

/**
 * `full`: at the photo's size, enlarged bicubically. `thumbnail`: at the size of latents that are an eighth of it; larger
 * pictures are averaged to it, smaller ones enlarged.
 */
export async function decode(previewer, latents, { width, height }) {
  const { format, decoder } = previewer;
  const full = await previewer.toImageData(latents, { size: { width, height }, resample: 'bicubic' });
  const enlarged = (8 * decoder.upscale) / format.spatialDownscale;
  if (enlarged === 8) return { full, thumbnail: averaged(full, 8) };
  if (enlarged >= 1) return { full, thumbnail: averaged(await previewer.toImageData(latents), enlarged) };
  const size = { width: width / 8, height: height / 8 };
  return { full, thumbnail: await previewer.toImageData(latents, { size, resample: 'bicubic' }) };
}

/** PSNR (dB) of both pictures, SSIM and ΔE of the full one. */
export function fidelity({ full, thumbnail }, photo) {
  const { psnr, ssim, deltaE } = compareImages(full, photo);
  return { thumbnail: compareImages(thumbnail, averaged(photo, 8)).psnr, full: psnr, ssim, deltaE };
}

export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The mean of every number of several objects of the same fields. */
export const meanOf = (rows) =>
  Object.fromEntries(Object.keys(rows[0]).map((key) => [key, mean(rows.map((row) => row[key]))]));
