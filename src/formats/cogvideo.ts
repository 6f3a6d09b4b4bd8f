// CogVideoX. Nobody has published maps for it.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat, LatentSpace } from './format';
import { diffusers } from './sources';

const cogvideoxSpace: LatentSpace = {
  name: 'CogVideoX',
  base: 'cogvideox',
  channels: 16,
  dims: 3,
  spatialDownscale: 8,
  temporalDownscale: 4,
  // zai-org/CogVideo README (Apache-2.0), here and below.
  framesPerSecond: 8,
  scalingFactor: 1.15258426,
};

export const cogvideoFormats: readonly LatentFormat[] = [
  {
    ...cogvideoxSpace,
    id: 'cogvideox',
    source: diffusers('src/diffusers/models/autoencoders/autoencoder_kl_cogvideox.py'),
  },
  {
    ...cogvideoxSpace,
    id: 'cogvideox15',
    base: 'cogvideox15',
    name: 'CogVideoX 1.5',
    scalingFactor: 0.7,
    framesPerSecond: 16,
    aliases: ['cogvideox1.5'],
    source: diffusers('src/diffusers/models/autoencoders/autoencoder_kl_cogvideox.py'),
  },
];
