// CogView 3 and 4.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat, LatentSpace, RgbMap } from './format';
import { diffusers, invokeai } from './sources';

const cogview4Space: LatentSpace = {
  name: 'CogView4',
  base: 'cogview4',
  channels: 16,
  dims: 2,
  spatialDownscale: 8,
  scalingFactor: 1,
  shiftFactor: 0,
};

const invoke: RgbMap = {
  latentRgbFactors: [
    [ 0.00408832, -0.00082485, -0.00214816], [ 0.00084172,  0.00132241,  0.00842067],
    [-0.00466737, -0.00983181, -0.00699561], [ 0.03698397, -0.04797235,  0.03585809],
    [ 0.00234701, -0.00124326,  0.00080869], [-0.00723903, -0.00388422, -0.00656606],
    [-0.00970917, -0.00467356, -0.00971113], [ 0.17292486, -0.03452463,  -0.1457515],
    [ 0.02330308,  0.02942557,  0.02704329], [-0.00903131, -0.01499841, -0.01432564],
    [ 0.01250298,   0.0019407, -0.02168986], [ 0.01371188,  0.00498283, -0.01302135],
    [ 0.42396525,   0.4280575,  0.42148206], [ 0.00983825,  0.00613302,  0.00610316],
    [ 0.00473307, -0.00889551, -0.00915924], [-0.00955853, -0.00980067, -0.00977842],
  ],
  source: invokeai,
};

const cogview3Space: LatentSpace = {
  name: 'CogView3-Plus',
  base: 'cogview3',
  channels: 16,
  dims: 2,
  spatialDownscale: 8,
  scalingFactor: 1,
};

export const cogviewFormats: readonly LatentFormat[] = [
  { ...cogview3Space, id: 'cogview3', source: diffusers('scripts/convert_cogview3_to_diffusers.py') },
  { ...cogview4Space, ...invoke, id: 'cogview4' },
  { ...cogview4Space, ...invoke, id: 'cogview4/invokeai', name: 'CogView4 (InvokeAI)' },
];
