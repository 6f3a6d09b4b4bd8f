// Stable Diffusion 3 and 3.5.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat, LatentSpace, RgbMap } from './format';
import { invokeai, stability } from './sources';

export const sd3Space: LatentSpace = {
  name: 'Stable Diffusion 3 / 3.5',
  base: 'sd3',
  channels: 16,
  dims: 2,
  spatialDownscale: 8,
  scalingFactor: 1.5305,
  shiftFactor: 0.0609,
};

const stabilityMap: RgbMap = {
  latentRgbFactors: [
    [-0.0645,  0.0177,  0.1052], [ 0.0028,  0.0312,   0.065], [ 0.1848,  0.0762,   0.036],
    [ 0.0944,   0.036,  0.0889], [ 0.0897,  0.0506, -0.0364], [ -0.002,  0.1203,  0.0284],
    [ 0.0855,  0.0118,  0.0283], [-0.0539,  0.0658,  0.1047], [-0.0057,  0.0116,    0.07],
    [-0.0412,  0.0281, -0.0039], [ 0.1106,  0.1171,   0.122], [-0.0248,  0.0682, -0.0481],
    [ 0.0815,  0.0846,  0.1207], [ -0.012, -0.0055, -0.0867], [-0.0749, -0.0634, -0.0456],
    [-0.1418, -0.1457, -0.1259],
  ],
  source: { ...stability, note: 'Also in stable-diffusion.cpp (MIT).' },
};

const invoke: RgbMap = {
  latentRgbFactors: [
    [-0.05240681,  0.03251581,   0.0749016], [ -0.0580572,  0.00759826,  0.05729818],
    [ 0.16144888,  0.01270368, -0.03768577], [ 0.14418615,  0.08460266,  0.15941818],
    [ 0.04894035,   0.0056485, -0.06686988], [ 0.05187166,  0.19222395,  0.06261094],
    [  0.1539433,  0.04818359,  0.07103094], [-0.08601796,  0.09013458,  0.10893912],
    [-0.12398469, -0.06766567,   0.0033688], [ -0.0439737,  0.07825329,  0.02258823],
    [ 0.03101129,  0.06382551,  0.07753657], [-0.01315361,  0.08554491, -0.08772475],
    [ 0.06464487,  0.05914605,  0.13262741], [-0.07863674, -0.02261737, -0.12761454],
    [-0.09923835, -0.08010759, -0.06264447], [-0.03392309,  -0.0804029, -0.06078822],
  ],
  source: { ...invokeai, note: 'Fitted to latents that were scaled but not shifted.' },
};

export const sd3Formats: readonly LatentFormat[] = [
  { ...sd3Space, ...stabilityMap, id: 'sd3', aliases: ['sd3.5', 'sd35'] },
  {
    ...sd3Space,
    ...stabilityMap,
    id: 'sd3/stability',
    aliases: ['sd3/sdcpp'],
    name: 'Stable Diffusion 3 / 3.5 (Stability AI)',
  },
  { ...sd3Space, ...invoke, id: 'sd3/invokeai', name: 'Stable Diffusion 3 / 3.5 (InvokeAI)' },
];
