import { createPreviewer, formats, type Latents, type Previewer, polynomial } from 'latent-preview';

/** Your own factors, and your own quadratic map, of one latent space side by side. */
export async function showOwnMaps(
  latents: Latents,
  latentRgbFactors: [number, number, number][], // (4, 3), R, G, B in −1..1
  coefficients: number[], // 45: for R, G, B the 15 monomials 1, z₀…z₃, z₀z₀, z₀z₁, … z₃z₃
  canvases: [HTMLCanvasElement, HTMLCanvasElement],
): Promise<Previewer[]> {
  // The format without its own map: factors, bias and smoothing belong together.
  const mine = {
    ...formats.sdxl,
    id: 'sdxl/mine',
    latentRgbFactors,
    latentRgbBias: undefined,
    smoothMatrix: undefined,
  };
  const linear = await createPreviewer({ format: mine });
  const quadratic = await createPreviewer({
    format: 'sdxl',
    decoder: polynomial({ channels: 4, degree: 2, coefficients }),
  });
  await linear.toCanvas(latents, canvases[0]);
  await quadratic.toCanvas(latents, canvases[1]);
  return [linear, quadratic];
}
