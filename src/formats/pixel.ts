// Models without a VAE: their latents are RGB in −1..1.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat } from './format';

export const pixelFormats: readonly LatentFormat[] = [
  {
    id: 'pixel',
    name: 'Pixel space (RGB)',
    base: 'pixel',
    aliases: ['rgb', 'chroma-radiance', 'hidream-o1', 'pixeldit'],
    channels: 3,
    dims: 2,
    spatialDownscale: 1,
    latentRgbFactors: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    source: { repo: 'latent-preview', licence: 'MIT', note: 'The identity.' },
  },
];
