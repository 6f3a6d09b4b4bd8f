// Genmo Mochi 1.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat, LatentSpace } from './format';
import { diffusers } from './sources';

export const mochiSpace: LatentSpace = {
  name: 'Mochi 1',
  base: 'mochi',
  channels: 12,
  dims: 3,
  spatialDownscale: 8,
  temporalDownscale: 6,
  // diffusers docs/source/en/api/pipelines/mochi.md (Apache-2.0): what its clips are written at.
  framesPerSecond: 30,
  latentsMean: [
     -0.06730895953510081, -0.038011381506090416,  -0.07477820912866141,  -0.05565264470995561,
     0.012767231469026969,  -0.04703542746246419,  0.043896967884726704,  -0.09346305707025976,
     -0.09918314763016893, -0.008729793427399178, -0.011931556316503654,   -0.0321993391887285,
  ],
  latentsStd: [
    0.9263795028493863, 0.9248894543193766, 0.9393059390890617,  0.959253732819592,
    0.8244560132752793,  0.917259975397747, 0.9294154431013696, 1.3720942357788521,
     0.881393668867029, 0.9168315692124348, 0.9185249279345552, 0.9274757570805041,
  ],
};

export const mochiFormats: readonly LatentFormat[] = [
  {
    ...mochiSpace,
    id: 'mochi',
    aliases: ['mochi-1'],
    source: diffusers('src/diffusers/models/autoencoders/autoencoder_kl_mochi.py'),
  },
];
