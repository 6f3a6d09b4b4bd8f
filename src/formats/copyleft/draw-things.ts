// Maps of the Draw Things app. Licence of the tables in this file: GPL-3.0.
// biome-ignore-all format: tables keep channels in columns

import type { LatentFormat, RgbMap, Source } from '../format';
import { kandinsky21Space } from '../kandinsky';
import { sd15Space } from '../sd15';
import { sdxlSpace } from '../sdxl';
import { stageBSpace } from '../stable-cascade';

const drawThings: Source = {
  repo: 'drawthingsai/draw-things-community',
  path: 'Libraries/LocalImageGenerator/Sources/ImageConverter.swift',
  commit: 'bfafc68cf2c105319f8a5fe7e12bb9bd6f2b3a09',
  licence: 'GPL-3.0',
};

const sd15: RgbMap = {
  latentRgbFactors: [
    [  49.521,  41.1373,  40.2919],
    [ 29.0283,  42.4951,  18.9304],
    [-23.9673,  24.7349,  30.0236],
    [-39.4981, -50.8279, -81.9976],
  ],
  latentRgbBias: [99.9368, 99.8421, 99.5384],
  outputRange: [0, 255],
  source: drawThings,
};

const sdxl: RgbMap = {
  latentRgbFactors: [
    [ 47.195,  53.237,  58.182],
    [-29.114, -1.4623,  4.3734],
    [ 11.883,  12.991, -3.3735],
    [-38.063, -28.043, -26.722],
  ],
  latentRgbBias: [141.64, 127.46, 114.5],
  outputRange: [0, 255],
  source: drawThings,
};

const stageB: RgbMap = {
  latentRgbFactors: [
    [  10.175,    21.07,   7.8454],
    [ -20.807,  -4.3022,  -2.3713],
    [ -27.834,  -11.258, -0.45565],
    [ -2.0577,    -18.8,  -41.648],
  ],
  latentRgbBias: [143.39, 131.53, 120.76],
  outputRange: [0, 255],
  source: drawThings,
};

const kandinsky21: RgbMap = {
  latentRgbFactors: [
    [ -0.051509,  -0.028686, -0.0068242],
    [  0.039954, -0.0061331,  0.0068562],
    [  0.039893,  -0.016837,   -0.03415],
    [ -0.087302,   0.016139, 0.00056286],
  ],
  latentRgbBias: [0.88591, 0.0018263, 0.0096209],
  outputActivation: 'oklab',
  source: { ...drawThings, note: 'The three numbers are OKLab L, a, b.' },
};

export const drawThingsFormats: readonly LatentFormat[] = [
  { ...sd15Space, ...sd15, id: 'sd15/drawthings', name: 'Stable Diffusion 1.x / 2.x (Draw Things)' },
  { ...sdxlSpace, ...sdxl, id: 'sdxl/drawthings', name: 'Stable Diffusion XL (Draw Things)' },
  { ...stageBSpace, ...stageB, id: 'sc_b/drawthings', name: 'Stable Cascade, stage B (Draw Things)' },
  { ...kandinsky21Space, ...kandinsky21, id: 'kandinsky21/drawthings', name: 'Kandinsky 2.x (Draw Things)' },
];
