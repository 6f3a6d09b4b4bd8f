// SeedVR2. Nobody has published a map for it.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat, LatentSpace } from './format';

const seedvr2Space: LatentSpace = {
  name: 'SeedVR2',
  base: 'seedvr2',
  channels: 16,
  dims: 3,
  spatialDownscale: 8,
  temporalDownscale: 4,
  scalingFactor: 0.9152,
  notes: ["ComfyUI's format says scale 1 and no temporal downscale."],
};

export const seedvrFormats: readonly LatentFormat[] = [
  {
    ...seedvr2Space,
    id: 'seedvr2',
    source: { repo: 'ByteDance-Seed/SeedVR', path: 'configs_3b/main.yaml', licence: 'Apache-2.0' },
  },
];
