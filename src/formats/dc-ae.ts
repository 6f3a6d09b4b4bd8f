// Deep compression autoencoders (DC-AE), among them that of Sana. Nobody has published maps for them.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat } from './format';
import { diffusers } from './sources';

const source = diffusers('scripts/convert_dcae_to_diffusers.py');

export const dcAeFormats: readonly LatentFormat[] = [
  {
    id: 'sana',
    name: 'Sana (DC-AE f32c32)',
    base: 'sana',
    aliases: ['dc-ae-f32c32-sana-1.0'],
    channels: 32,
    dims: 2,
    spatialDownscale: 32,
    scalingFactor: 0.41407,
    source,
  },
  {
    id: 'dc-ae-f32c32-in-1.0',
    name: 'DC-AE f32c32 in-1.0',
    base: 'dc-ae-f32c32-in-1.0',
    channels: 32,
    dims: 2,
    spatialDownscale: 32,
    scalingFactor: 0.3189,
    source,
  },
  {
    id: 'dc-ae-f32c32-mix-1.0',
    name: 'DC-AE f32c32 mix-1.0',
    base: 'dc-ae-f32c32-mix-1.0',
    channels: 32,
    dims: 2,
    spatialDownscale: 32,
    scalingFactor: 0.4552,
    source,
  },
  {
    id: 'dc-ae-f64c128-in-1.0',
    name: 'DC-AE f64c128 in-1.0',
    base: 'dc-ae-f64c128-in-1.0',
    channels: 128,
    dims: 2,
    spatialDownscale: 64,
    scalingFactor: 0.2889,
    source,
  },
  {
    id: 'dc-ae-f64c128-mix-1.0',
    name: 'DC-AE f64c128 mix-1.0',
    base: 'dc-ae-f64c128-mix-1.0',
    channels: 128,
    dims: 2,
    spatialDownscale: 64,
    scalingFactor: 0.4538,
    source,
  },
  {
    id: 'dc-ae-f128c512-in-1.0',
    name: 'DC-AE f128c512 in-1.0',
    base: 'dc-ae-f128c512-in-1.0',
    channels: 512,
    dims: 2,
    spatialDownscale: 128,
    scalingFactor: 0.4883,
    source,
  },
  {
    id: 'dc-ae-f128c512-mix-1.0',
    name: 'DC-AE f128c512 mix-1.0',
    base: 'dc-ae-f128c512-mix-1.0',
    channels: 512,
    dims: 2,
    spatialDownscale: 128,
    scalingFactor: 0.362,
    source,
  },
];
