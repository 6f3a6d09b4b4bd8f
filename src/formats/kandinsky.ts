// Kandinsky 2.x, whose MoVQ takes latents as they are. Kandinsky 5 uses the latent spaces of FLUX.1 and HunyuanVideo.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat, LatentSpace } from './format';

export const kandinsky21Space: LatentSpace = {
  name: 'Kandinsky 2.x',
  base: 'kandinsky21',
  channels: 4,
  dims: 2,
  spatialDownscale: 8,
  scalingFactor: 1,
};

export const kandinskyFormats: readonly LatentFormat[] = [
  {
    ...kandinsky21Space,
    id: 'kandinsky21',
    aliases: ['kandinsky2.1', 'kandinsky2.2'],
    source: { repo: 'ai-forever/Kandinsky-2', licence: 'Apache-2.0' },
  },
];
