// Video families with nothing published but their constants: Allegro, EasyAnimate.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat } from './format';
import { diffusers } from './sources';

export const otherVideoFormats: readonly LatentFormat[] = [
  {
    id: 'allegro',
    name: 'Allegro',
    base: 'allegro',
    channels: 4,
    dims: 3,
    spatialDownscale: 8,
    temporalDownscale: 4,
    // diffusers docs/source/en/api/pipelines/allegro.md (Apache-2.0); 22 latent frames are 88 of video.
    framesPerSecond: 15,
    causal: false,
    scalingFactor: 0.13,
    source: diffusers('src/diffusers/models/autoencoders/autoencoder_kl_allegro.py'),
  },
  {
    id: 'easyanimate-magvit',
    name: 'EasyAnimate',
    base: 'easyanimate-magvit',
    aliases: ['easyanimate'],
    channels: 16,
    dims: 3,
    spatialDownscale: 8,
    temporalDownscale: 4,
    // diffusers docs/source/en/api/pipelines/easyanimate.md (Apache-2.0).
    framesPerSecond: 8,
    scalingFactor: 0.7125,
    source: diffusers('src/diffusers/models/autoencoders/autoencoder_kl_magvit.py'),
  },
];
