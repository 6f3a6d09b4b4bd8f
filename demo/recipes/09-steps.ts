import type { Latents, Previewer } from 'latent-preview';
import { predictX0, predictX0FromSteps } from 'latent-preview/steps';

/** To be called with the sampler's latents of every step: noise for most of the way, but two tell where it is heading. */
export function showEstimates(previewer: Previewer, canvas: HTMLCanvasElement) {
  let before: { sample: Latents; sigma: number } | undefined;
  return async (sample: Latents, sigma: number): Promise<void> => {
    const x0 = before ? predictX0FromSteps(before.sample, sample, { sigmas: [before.sigma, sigma] }) : sample;
    before = { sample, sigma };
    await previewer.toCanvas(x0, canvas);
  };
}

/** Where the server sends what the model said too, after guidance, one step is enough. */
export function showEstimate(
  previewer: Previewer,
  canvas: HTMLCanvasElement,
  sample: Latents,
  said: Latents,
  sigma: number,
) {
  return previewer.toCanvas(predictX0(sample, said, { prediction: 'epsilon', sigma }), canvas);
}
