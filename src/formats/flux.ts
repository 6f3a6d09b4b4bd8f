// FLUX.1 and the many models that use its VAE.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat, LatentSpace, RgbMap } from './format';
import { invokeai, mold, stableDiffusionCpp } from './sources';

export const fluxSpace: LatentSpace = {
  name: 'FLUX.1',
  base: 'flux',
  channels: 16,
  dims: 2,
  spatialDownscale: 8,
  scalingFactor: 0.3611,
  shiftFactor: 0.1159,
  packing: { patch: 2, packedChannels: 64, layouts: ['tokens'] },
  notes: [
    'diffusers hands out packed tokens (N, H/2 × W/2, 64), ComfyUI (N, 16, H, W); H and W in latent pixels.',
  ],
};

const moldMap: RgbMap = {
  latentRgbFactors: [
    [-0.0346,  0.0244,  0.0681], [ 0.0034,   0.021,  0.0687], [ 0.0275, -0.0668, -0.0433],
    [-0.0174,   0.016,  0.0617], [ 0.0859,  0.0721,  0.0329], [ 0.0004,  0.0383,  0.0115],
    [ 0.0405,  0.0861,  0.0915], [-0.0236, -0.0185, -0.0259], [-0.0245,   0.025,   0.118],
    [ 0.1008,  0.0755, -0.0421], [-0.0515,  0.0201,  0.0011], [ 0.0428, -0.0012, -0.0036],
    [ 0.0817,  0.0765,  0.0749], [-0.1264, -0.0522, -0.1103], [ -0.028, -0.0881, -0.0499],
    [-0.1262, -0.0982, -0.0778],
  ],
  latentRgbBias: [-0.0329, -0.0718, -0.0851],
  source: { ...mold, note: 'First published in ComfyUI (GPL-3.0).' },
};

const invoke: RgbMap = {
  latentRgbFactors: [
    [-0.0412,  0.0149,  0.0521], [ 0.0056,  0.0291,  0.0768], [ 0.0342, -0.0681, -0.0427],
    [-0.0258,  0.0092,  0.0463], [ 0.0863,  0.0784,  0.0547], [-0.0017,  0.0402,  0.0158],
    [ 0.0501,  0.1058,  0.1152], [-0.0209, -0.0218, -0.0329], [-0.0314,  0.0083,  0.0896],
    [ 0.0851,  0.0665, -0.0472], [-0.0534,  0.0238, -0.0024], [ 0.0452, -0.0026,  0.0048],
    [ 0.0892,  0.0831,  0.0881], [-0.1117, -0.0304, -0.0789], [ 0.0027, -0.0479, -0.0043],
    [-0.1146, -0.0827, -0.0598],
  ],
  source: invokeai,
};

const sdcpp: RgbMap = {
  latentRgbFactors: [
    [-0.041168,  0.019917,  0.097253], [ 0.028096,   0.02673,  0.129576], [ 0.065618,  -0.06795, -0.014651],
    [-0.012998, -0.014762,  0.081251], [ 0.078567,  0.059296, -0.024687], [-0.015987, -0.003697,  0.005012],
    [ 0.033605,  0.138999,  0.068517], [ -0.02445, -0.063567, -0.030101], [-0.040194,  -0.01671,  0.127185],
    [ 0.112681,  0.088764,  -0.04194], [-0.023498,  0.093664,  0.025543], [ 0.082899,   0.04832,  0.007491],
    [ 0.075712,  0.074139,  0.081965], [-0.143501,  0.018263, -0.136138], [-0.025767, -0.082035, -0.040023],
    [-0.111849, -0.055589, -0.032361],
  ],
  latentRgbBias: [0.0246, -0.006937, -0.008089],
  source: stableDiffusionCpp,
};

export const fluxFormats: readonly LatentFormat[] = [
  {
    ...fluxSpace,
    ...moldMap,
    id: 'flux',
    aliases: [
      'flux1', 'flux.1', 'z-image', 'chroma', 'hidream-i1', 'lumina2', 'omnigen2', 'longcat-image', 'kandinsky5-image',
      'ovis',
    ],
  },
  { ...fluxSpace, ...moldMap, id: 'flux/mold', name: 'FLUX.1 (mold)' },
  { ...fluxSpace, ...invoke, id: 'flux/invokeai', name: 'FLUX.1 (InvokeAI)' },
  { ...fluxSpace, ...sdcpp, id: 'flux/sdcpp', name: 'FLUX.1 (stable-diffusion.cpp)' },
];
