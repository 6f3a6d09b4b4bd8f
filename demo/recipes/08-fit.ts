import { createPreviewer, type Latents, type Previewer } from 'latent-preview';
import { type FitReport, fitLatentMap, latentMap } from 'latent-preview/fit';

/** Your own pairs of latents and the pictures they were encoded from; some are held out, to say how good the map is. */
export async function fitOwnMap(
  pairs: { latents: Latents; image: ImageData }[],
): Promise<{ previewer: Previewer; report: FitReport; json: string }> {
  const { map, report } = await fitLatentMap(pairs, { format: 'sdxl', kind: 'affine', neighbourhood: 3, upscale: 2 });
  const previewer = await createPreviewer({ format: 'sdxl', decoder: latentMap(map) });
  return { previewer, report, json: JSON.stringify(map) }; // latentMap(JSON.parse(json)) another day
}
