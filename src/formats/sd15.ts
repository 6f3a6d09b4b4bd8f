// Stable Diffusion 1 and 2 and what shares their latent space, and the x4 upscaler, which has its own.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat, LatentSpace, RgbMap } from './format';
import { invokeai, stableDiffusionCpp } from './sources';

export const sd15Space: LatentSpace = {
  name: 'Stable Diffusion 1.x / 2.x',
  base: 'sd15',
  channels: 4,
  dims: 2,
  spatialDownscale: 8,
  scalingFactor: 0.18215,
};

const sdcpp: RgbMap = {
  latentRgbFactors: [
    [ 0.337366,  0.216344,  0.257386],
    [ 0.165636,  0.386828,  0.046994],
    [-0.267803,  0.237036,  0.223517],
    [-0.178022, -0.200862, -0.678514],
  ],
  latentRgbBias: [-0.017478, -0.055834, -0.105825],
  source: stableDiffusionCpp,
};

const invoke: RgbMap = {
  latentRgbFactors: [
    [ 0.3444,  0.1385,   0.067],
    [ 0.1247,  0.4027,  0.1494],
    [-0.3192,  0.2513,  0.2103],
    [-0.1307, -0.1874, -0.7445],
  ],
  source: invokeai,
};

export const sd15Formats: readonly LatentFormat[] = [
  { ...sd15Space, ...sdcpp, id: 'sd15', aliases: ['sd1', 'sd1.5', 'sd14', 'sd2', 'sd21', 'svd', 'pixart-alpha'] },
  { ...sd15Space, ...sdcpp, id: 'sd15/sdcpp', name: 'Stable Diffusion 1.x / 2.x (stable-diffusion.cpp)' },
  { ...sd15Space, ...invoke, id: 'sd15/invokeai', name: 'Stable Diffusion 1.x / 2.x (InvokeAI)' },
];

export const sdX4Space: LatentSpace = {
  name: 'Stable Diffusion x4 upscaler',
  base: 'sd_x4',
  channels: 4,
  dims: 2,
  spatialDownscale: 4,
  scalingFactor: 0.08333,
};

export const sdX4Formats: readonly LatentFormat[] = [
  {
    ...sdX4Space,
    id: 'sd_x4',
    source: {
      repo: 'Stability-AI/stablediffusion',
      path: 'configs/stable-diffusion/x4-upscaling.yaml',
      commit: 'ca86da3a30c4e080d4db8c25fca73de843663cb4',
      licence: 'MIT',
    },
  },
];
