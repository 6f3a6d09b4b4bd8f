// rgb = Σ over 1, the channels around a latent pixel and, up to degree 2 or 3, the products of its own channels; a row
// of weights for every picture pixel in a latent pixel. Neighbours beyond an edge are the nearest pixel inside.

import { LatentPreviewError } from '../errors';
import { noise } from './examples';
import { threePlanes } from './linear';
import type { Examples, Op } from './op';
import { monomialCount } from './polynomial';

export interface LatentMapParams {
  readonly channels: number;
  /** Odd: 1 is the pixel alone. */
  readonly neighbourhood: number;
  /** Picture pixels per latent pixel and side. */
  readonly upscale: number;
  readonly degree: 1 | 2 | 3;
  /**
   * (3·upscale², features). Row (plane·upscale + dy)·upscale + dx is for picture pixel (dx, dy) of a latent pixel.
   * Features: 1, the neighbourhood (channels, k, k), zᵢzⱼ (i ≤ j), zᵢzⱼzₗ (i ≤ j ≤ l).
   */
  readonly coefficients: Float32Array;
}

/** Weights per row. */
export const featureCount = ({
  channels,
  neighbourhood,
  degree,
}: Pick<LatentMapParams, 'channels' | 'neighbourhood' | 'degree'>): number =>
  monomialCount(channels, degree) + channels * (neighbourhood ** 2 - 1);

/** Picture pixels of a workgroup's side: a square has the fewest neighbours. */
const groupSide = 8;
/** Of workgroup memory: more leaves GPUs fewer workgroups at a time, and takes software ones seconds to compile. */
const preferredBytes = 8192;

export const latentMap: Op<LatentMapParams> = {
  name: 'latent-map',
  input: 'latents',
  perPixel: false,

  outputShape(input, { channels, upscale }) {
    const [planes, height, width] = threePlanes('latent-map', input, channels);
    return [planes, height * upscale, width * upscale];
  },

  reach: ({ neighbourhood, upscale }) => ((neighbourhood - 1) / 2) * upscale,
  work: ({ coefficients, upscale }) => coefficients.length / upscale ** 2,

  // Two latent pixels and three planes at a time: each weight is read once per two pixels, each feature per three planes.
  reference(input, [, height, width], params, output) {
    const { upscale, coefficients } = params;
    const features = new Float64Array(2 * featureCount(params));
    const row = width * upscale;
    const plane = height * upscale * row;
    const planes = output ?? new Float32Array(3 * plane);
    const perPlane = coefficients.length / 3;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x += 2) {
        gather(input, height, width, y, x, 0, params, features);
        gather(input, height, width, y, Math.min(x + 1, width - 1), 1, params, features);
        for (let inner = 0, k = 0; inner < upscale ** 2; inner++) {
          // One by one: destructuring here takes twice the time.
          let r = 0;
          let g = 0;
          let b = 0;
          let nextR = 0;
          let nextG = 0;
          let nextB = 0;
          for (let f = 0; f < features.length; f += 2, k++) {
            const value = features[f];
            const next = features[f + 1];
            const ofR = coefficients[k];
            const ofG = coefficients[perPlane + k];
            const ofB = coefficients[2 * perPlane + k];
            r += ofR * value;
            g += ofG * value;
            b += ofB * value;
            nextR += ofR * next;
            nextG += ofG * next;
            nextB += ofB * next;
          }
          const dx = inner % upscale;
          const place = (y * upscale + (inner - dx) / upscale) * row + x * upscale + dx;
          planes[place] = r;
          planes[plane + place] = g;
          planes[2 * plane + place] = b;
          if (x + 1 === width) continue;
          planes[place + upscale] = nextR;
          planes[plane + place + upscale] = nextG;
          planes[2 * plane + place + upscale] = nextB;
        }
      }
    return planes;
  },

  kernel([channels, height, width], params, { maxComputeWorkgroupStorageSize }) {
    const { neighbourhood, upscale, degree } = params;
    const reach = (neighbourhood - 1) / 2;
    const { tileWidth, tileHeight } = tileThatFits(params, maxComputeWorkgroupStorageSize);
    return {
      shader: 'latent-map',
      constants: {
        channels,
        reach,
        upscale,
        degree,
        tileWidth,
        tileHeight,
        groupWidth: tileWidth * upscale,
        groupHeight: tileHeight * upscale,
        scratchSize: channels * (tileWidth + 2 * reach) * (tileHeight + 2 * reach),
      },
      workgroups: [Math.ceil(width / tileWidth), Math.ceil(height / tileHeight), 1],
      weights: () => byFeature(params),
    };
  },
};

/** The features of pixel (x, y) into every second place of `features` from `first` on. */
function gather(
  input: Float32Array,
  height: number,
  width: number,
  y: number,
  x: number,
  first: number,
  { channels, neighbourhood, degree }: LatentMapParams,
  features: Float64Array,
): void {
  const count = height * width;
  const reach = (neighbourhood - 1) / 2;
  let k = first;
  const push = (value: number): void => {
    features[k] = value;
    k += 2;
  };
  push(1);
  for (let c = 0; c < channels; c++)
    for (let row = y - reach; row <= y + reach; row++) {
      const start = c * count + Math.min(Math.max(row, 0), height - 1) * width;
      for (let column = x - reach; column <= x + reach; column++)
        push(input[start + Math.min(Math.max(column, 0), width - 1)]);
    }
  const centre = y * width + x;
  for (let power = 2; power <= degree; power++)
    for (let i = 0; i < channels; i++)
      for (let j = i; j < channels; j++) {
        const product = input[i * count + centre] * input[j * count + centre];
        if (power === 2) push(product);
        else for (let l = j; l < channels; l++) push(product * input[l * count + centre]);
      }
}

/** Latent pixels of a workgroup: a group's, halved until they fit. */
function tileThatFits({ channels, neighbourhood, upscale }: LatentMapParams, storage: number) {
  let [tileWidth, tileHeight] = [groupSide / upscale, groupSide / upscale];
  const bytes = (): number => 4 * channels * (tileWidth + neighbourhood - 1) * (tileHeight + neighbourhood - 1);
  while (bytes() > Math.min(preferredBytes, storage) && tileWidth > 1)
    if (tileWidth > tileHeight) tileWidth /= 2;
    else tileHeight /= 2;
  if (bytes() > storage)
    throw new LatentPreviewError(
      'gpu-limit',
      `latent-map: ${channels} channels of ${neighbourhood}×${neighbourhood} pixels need ${bytes()} bytes of workgroup ` +
        `memory, the device has ${storage}; use backend 'cpu'`,
    );
  return { tileWidth, tileHeight };
}

/** (features, upscale², 3): what neighbouring invocations read lies together. */
function byFeature({ upscale, coefficients }: LatentMapParams): Float32Array {
  const rows = 3 * upscale ** 2;
  const features = coefficients.length / rows;
  const packed = new Float32Array(coefficients.length);
  for (let row = 0; row < rows; row++) {
    const place = (row % upscale ** 2) * 3 + Math.floor(row / upscale ** 2);
    for (let f = 0; f < features; f++) packed[f * rows + place] = coefficients[row * features + f];
  }
  return packed;
}

export const latentMapExamples: Examples<LatentMapParams> = () => [
  { shape: [4, 8, 8], params: example(4, 3, 1, 1) },
  { shape: [4, 9, 7], params: example(4, 3, 8, 1) },
  { shape: [4, 1, 1], params: example(4, 5, 2, 3) },
  { shape: [3, 1, 67], params: example(3, 3, 4, 2) },
  { shape: [1, 35, 1], params: example(1, 5, 8, 3) },
  { shape: [16, 5, 3], params: example(16, 1, 2, 2) },
  { shape: [16, 3, 18], params: example(16, 3, 2, 3) },
  { shape: [32, 11, 9], params: example(32, 5, 1, 2) },
  { shape: [127, 2, 5], params: example(127, 3, 2, 1) },
  { shape: [128, 3, 2], params: example(128, 5, 4, 1) },
  { shape: [128, 2, 3], params: example(128, 3, 8, 2) },
];

function example(channels: number, neighbourhood: number, upscale: number, degree: 1 | 2 | 3): LatentMapParams {
  const params = { channels, neighbourhood, upscale, degree };
  const features = featureCount(params);
  // Scaled so that sums stay near 1 for any number of features.
  const coefficients = noise(3 * upscale ** 2 * features, channels * degree + upscale).map(
    (value) => value / Math.sqrt(features),
  );
  return { ...params, coefficients };
}
