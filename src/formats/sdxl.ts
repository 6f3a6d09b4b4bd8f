// Stable Diffusion XL and what shares its latent space, and Playground v2.5, which has its own normalisation.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat, LatentSpace, RgbMap } from './format';
import { diffusersDocumentation, invokeai, playground, sdnext, stableDiffusionCpp } from './sources';

export const sdxlSpace: LatentSpace = {
  name: 'Stable Diffusion XL',
  base: 'sdxl',
  channels: 4,
  dims: 2,
  spatialDownscale: 8,
  scalingFactor: 0.13025,
};

const invoke: RgbMap = {
  latentRgbFactors: [
    [ 0.3816,   0.493,   0.532],
    [-0.3753,  0.1631,  0.1739],
    [  0.177,  0.3588, -0.2048],
    [ -0.435, -0.2644, -0.4289],
  ],
  smoothMatrix: [
    [0.0358, 0.0964, 0.0358],
    [0.0964, 0.4711, 0.0964],
    [0.0358, 0.0964, 0.0358],
  ],
  source: {
    ...invokeai,
    note: 'The 3×3 kernel belongs to the map: without it the picture is noisier than with other maps.',
  },
};

const sdnextMap: RgbMap = {
  latentRgbFactors: [
    [ 0.4543,  0.5008,  0.5294],
    [-0.2868,  0.0952,  0.1625],
    [ 0.1566,  0.2155, -0.0624],
    [-0.4748, -0.3268, -0.3793],
  ],
  latentRgbBias: [0.1375, 0.0144, -0.0675],
  source: {
    ...sdnext,
    note:
      'Published transposed, (3, 4). Without a kernel the noisiest detail, averaged over 2×2 pixels the truest ' +
      'colours.',
  },
};

const sdcpp: RgbMap = {
  latentRgbFactors: [
    [ 0.258303,   0.27764,  0.329699],
    [-0.299701,  0.105446,  0.014194],
    [ 0.050522,  0.186163, -0.143257],
    [-0.211938, -0.149892, -0.080036],
  ],
  latentRgbBias: [0.144381, -0.033313, 0.007061],
  source: stableDiffusionCpp,
};

const diffusersDocs: RgbMap = {
  latentRgbFactors: [
    [ 60,  60,  60],
    [-60,  -5,  10],
    [ 25,  15,  -5],
    [-70, -50, -35],
  ],
  latentRgbBias: [150, 140, 130],
  outputRange: [0, 255],
  source: {
    ...diffusersDocumentation,
    note:
      'From an article by Timothy Alexis Vass; the documentation applies it to noisy latents, not to the x0 ' +
      'estimate.',
  },
};

export const sdxlFormats: readonly LatentFormat[] = [
  {
    ...sdxlSpace,
    ...invoke,
    id: 'sdxl',
    aliases: ['sdxl-refiner', 'ssd-1b', 'pixart-sigma', 'auraflow', 'hunyuan-dit', 'kolors'],
  },
  { ...sdxlSpace, ...invoke, id: 'sdxl/invokeai', name: 'Stable Diffusion XL (InvokeAI)' },
  { ...sdxlSpace, ...sdnextMap, id: 'sdxl/sdnext', name: 'Stable Diffusion XL (SD.Next)' },
  { ...sdxlSpace, ...sdcpp, id: 'sdxl/sdcpp', name: 'Stable Diffusion XL (stable-diffusion.cpp)' },
  { ...sdxlSpace, ...diffusersDocs, id: 'sdxl/diffusers-docs', name: 'Stable Diffusion XL (diffusers documentation)' },
];

export const playground25Space: LatentSpace = {
  name: 'Playground v2.5',
  base: 'playground25',
  channels: 4,
  dims: 2,
  spatialDownscale: 8,
  scalingFactor: 0.5,
  latentsMean: [-1.6574, 1.886, -1.383, 2.5155],
  latentsStd: [8.4927, 5.9022, 6.5498, 5.2299],
};

export const playground25Formats: readonly LatentFormat[] = [
  { ...playground25Space, id: 'playground25', aliases: ['playground-v2.5'], source: playground },
];
