// The HunyuanVideo and HunyuanImage families. Nobody has published maps for them under a permissive licence.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat, LatentSpace } from './format';
import { diffusers } from './sources';

export const hunyuanVideoSpace: LatentSpace = {
  name: 'HunyuanVideo',
  base: 'hunyuanvideo',
  channels: 16,
  dims: 3,
  spatialDownscale: 8,
  temporalDownscale: 4,
  // Tencent/HunyuanVideo sample_video.py: what its clips are written at.
  framesPerSecond: 24,
  scalingFactor: 0.476986,
};

export const hunyuanVideo15Space: LatentSpace = {
  name: 'HunyuanVideo 1.5',
  base: 'hunyuanvideo15',
  channels: 32,
  dims: 3,
  spatialDownscale: 16,
  temporalDownscale: 4,
  // Tencent-Hunyuan/HunyuanVideo-1.5 README: what its clips are written at.
  framesPerSecond: 24,
  scalingFactor: 1.03682,
};

export const hunyuanImage21Space: LatentSpace = {
  name: 'HunyuanImage 2.1',
  base: 'hunyuanimage21',
  channels: 64,
  dims: 2,
  spatialDownscale: 32,
  scalingFactor: 0.75289,
};

export const hunyuanImage21RefinerSpace: LatentSpace = {
  name: 'HunyuanImage 2.1 refiner',
  base: 'hunyuanimage21_refiner',
  channels: 64,
  dims: 3,
  spatialDownscale: 8,
  temporalDownscale: 1,
  scalingFactor: 1.03682,
  notes: [
    "Its 64 channels are two frames of the VAE's 32: the sampler repeats the first frame, then folds frame pairs " +
      'into channels.',
  ],
};

export const hunyuanFormats: readonly LatentFormat[] = [
  {
    ...hunyuanVideoSpace,
    id: 'hunyuanvideo',
    aliases: ['hunyuan-video', 'framepack', 'skyreels', 'kandinsky5-video'],
    source: diffusers('src/diffusers/models/autoencoders/autoencoder_kl_hunyuan_video.py'),
  },
  {
    ...hunyuanVideo15Space,
    id: 'hunyuanvideo15',
    aliases: ['hunyuan-video-1.5'],
    source: diffusers('src/diffusers/models/autoencoders/autoencoder_kl_hunyuanvideo15.py'),
  },
  {
    ...hunyuanImage21Space,
    id: 'hunyuanimage21',
    aliases: ['hunyuan-image-2.1'],
    source: diffusers('scripts/convert_hunyuan_image_to_diffusers.py'),
  },
  {
    ...hunyuanImage21RefinerSpace,
    id: 'hunyuanimage21_refiner',
    source: diffusers('src/diffusers/models/autoencoders/autoencoder_kl_hunyuanimage_refiner.py'),
  },
];
