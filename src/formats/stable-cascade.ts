// Stable Cascade: the latents of stage C (the composition) and of stage B (what stage A decodes).
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat, LatentSpace } from './format';
import { stabilityCascade } from './sources';

export const stageCSpace: LatentSpace = {
  name: 'Stable Cascade, stage C',
  base: 'sc_prior',
  channels: 16,
  dims: 2,
  spatialDownscale: 42,
  scalingFactor: 1,
  notes: ['The downscale is 42.67, not a whole number: picture sizes are approximate.'],
};

export const stageBSpace: LatentSpace = {
  name: 'Stable Cascade, stage B',
  base: 'sc_b',
  channels: 4,
  dims: 2,
  spatialDownscale: 4,
  scalingFactor: 1 / 0.43,
};

export const stableCascadeFormats: readonly LatentFormat[] = [
  { ...stageCSpace, id: 'sc_prior', aliases: ['stable-cascade-c'], source: stabilityCascade },
  { ...stageBSpace, id: 'sc_b', aliases: ['stable-cascade-b', 'wuerstchen-b'], source: stabilityCascade },
];
