// The first published map (2022), from a forum post. Licence of the table in this file: none stated.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat, RgbMap } from '../format';
import { sd15Space } from '../sd15';

const keturn: RgbMap = {
  latentRgbFactors: [
    [ 0.298,  0.207,  0.208],
    [ 0.187,  0.286,  0.173],
    [-0.158,  0.189,  0.264],
    [-0.184, -0.271, -0.473],
  ],
  source: {
    repo: 'discuss.huggingface.co',
    path: '/t/decoding-latents-to-rgb-without-upscaling/23204/2',
    licence: 'NONE',
    note: "Made by hand for Stable Diffusion 1.4 by keturn. Also the map of AUTOMATIC1111 and SD.Next.",
  },
};

export const keturnFormats: readonly LatentFormat[] = [
  { ...sd15Space, ...keturn, id: 'sd15/keturn-seed', name: 'Stable Diffusion 1.x / 2.x (keturn, 2022)' },
];
