// The SDXL map of AUTOMATIC1111. Licence of the table in this file: AGPL-3.0.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat, RgbMap } from '../format';
import { sdxlSpace } from '../sdxl';

const a1111: RgbMap = {
  latentRgbFactors: [
    [ 0.3448,  0.4168,  0.4395],
    [-0.1953,  -0.029,   0.025],
    [ 0.1074,  0.0886, -0.0163],
    [ -0.373, -0.2499, -0.2088],
  ],
  source: { repo: 'AUTOMATIC1111/stable-diffusion-webui', path: 'modules/sd_vae_approx.py', licence: 'AGPL-3.0' },
};

export const a1111Formats: readonly LatentFormat[] = [
  { ...sdxlSpace, ...a1111, id: 'sdxl/a1111', name: 'Stable Diffusion XL (AUTOMATIC1111)' },
];
