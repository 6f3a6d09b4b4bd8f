// The cheaper forms of a convolution: their shaders, constants and weights. All are held to conv2d's reference.

import type { Conv2dParams } from '../ops/conv2d';
import { pixelGrid } from '../ops/dispatch';
import type { Kernel } from '../ops/op';
import type { Shape } from '../tensor';
import type { Stage, StagedLayer } from './stages';

/** Channels that one invocation of conv2d-products.wgsl computes, and tiles. */
const block = 16;
/** Channels that one quad of conv2d-products-quads.wgsl takes, channels that it computes, and tiles: a strip of Winograd's. */
const inputsOfQuad = 64;
const outputsOfQuad = 32;
const tilesOfQuad = 560;
/** Invocations in a workgroup of conv2d-products.wgsl. */
const groupWidth = 16;
// Of scratch each way. For 64 channels 560 tiles of 36 numbers: no power of two, which would put all planes on the same
// lines of a cache.
const stripBytes = 5 * 2 ** 20;
// Below this a transform costs more than it saves.
const fewestChannels = 16;

/** From three weights along a row to the numbers that a tile's numbers are multiplied with. */
type Transform = readonly (readonly [number, number, number])[];

/**
 * Of 3×3, with enough channels: Winograd's F(4×4, 3×3) at the picture's own size, nine products at twice its size.
 * @param quads whether subgroups are single quads
 */
export function stagedForm(params: Conv2dParams, adds: boolean, quads: boolean): Omit<StagedLayer, 'work'> | undefined {
  const { inputs, outputs, size, padding, upscale } = params;
  if (size !== 3 || padding !== 1 || Math.min(inputs, outputs) < fewestChannels) return undefined;
  if (upscale === 1) return threeStages('winograd', winogradTransform(), 4, params, adds, quads);
  return upscale === 2 ? threeStages('nine', nineTransform, 2, params, adds, quads) : undefined;
}

function threeStages(
  name: 'winograd' | 'nine',
  transform: Transform,
  side: number,
  params: Conv2dParams,
  adds: boolean,
  quads: boolean,
): Omit<StagedLayer, 'work'> {
  const { inputs, outputs } = params;
  const inputChannelGroups = Math.ceil(inputs / 4);
  const outputChannelGroups = Math.ceil(outputs / 4);
  const numbers = transform.length ** 2;
  const grid = { groupWidth: 16, groupHeight: 4 };
  const perTile =
    (groups: number): Stage['workgroups'] =>
    (tiles) => [Math.ceil(tiles / grid.groupWidth), Math.ceil(groups / grid.groupHeight), 1];
  const form = quads && inputs === inputsOfQuad ? quadProducts : blockProducts;
  const { outputPlanes, ...products } = form(params, transform);
  const planes = { tiles: numbers * inputChannelGroups, sums: numbers * outputPlanes };
  const tilesThatFit = stripBytes / (Math.max(planes.tiles, planes.sums) * 16);
  return {
    stages: [
      {
        shader: `${name}-tiles`,
        constants: { ...grid, inputChannelGroups },
        workgroups: perTile(inputChannelGroups),
        to: 'tiles',
      },
      { ...products, from: 'tiles', to: 'sums' },
      {
        shader: `${name}-pixels`,
        constants: { ...grid, outputChannelGroups, outputPlanes },
        workgroups: perTile(outputChannelGroups),
        weights: () => finishing(params, adds, outputChannelGroups),
        takesAdded: true,
        from: 'sums',
      },
    ],
    tiling: { side, strip: Math.max(1, Math.floor(tilesThatFit / block)) * block, planes },
  };
}

/** With the planes of sums that it leaves for each number: groups of the channels, rounded up to what it computes at once. */
interface Products extends Stage {
  readonly outputPlanes: number;
}

/** conv2d-products.wgsl, for any channels. */
function blockProducts(params: Conv2dParams, transform: Transform): Products {
  const inputChannelGroups = Math.ceil(params.inputs / 4);
  const outputBlocks = Math.ceil(params.outputs / block);
  return {
    shader: 'conv2d-products',
    constants: { inputChannelGroups, outputBlocks, groupWidth },
    workgroups: (tiles) => [
      Math.ceil((Math.ceil(tiles / block) * outputBlocks) / groupWidth),
      transform.length ** 2,
      1,
    ],
    weights: () => packBlocks(params, transform),
    outputPlanes: (outputBlocks * block) / 4,
  };
}

/** conv2d-products-quads.wgsl, for 64 input channels. */
function quadProducts(params: Conv2dParams, transform: Transform): Products {
  const outputQuads = Math.ceil(params.outputs / outputsOfQuad);
  return {
    shader: 'conv2d-products-quads',
    constants: { outputQuads, tilesAtOnce: tilesOfQuad },
    workgroups: (tiles) => [Math.ceil(tiles / tilesOfQuad) * outputQuads, transform.length ** 2, 1],
    weights: () => packQuads(params, transform),
    outputPlanes: (outputQuads * outputsOfQuad) / 4,
  };
}

/** For 3×3 and at most four channels, as a decoder ends: conv2d's own kernel computes eight. */
export function narrowKernel(conv: Kernel, params: Conv2dParams, [, height, width]: Shape): Kernel | undefined {
  const { outputs, size, padding, upscale } = params;
  if (outputs > 4 || size !== 3 || padding !== 1 || upscale !== 1) return undefined;
  const { inputChannelGroups, outputChannelGroups, activation2d, adds } = conv.constants;
  const { workgroups, constants: grid } = pixelGrid(Math.ceil(width / 4), Math.ceil(height / 2), 16, 4);
  const constants = { ...grid, inputChannelGroups, outputChannelGroups, activation2d, adds };
  return { ...conv, shader: 'conv2d-narrow', constants, workgroups, groupRows: 2 * grid.groupHeight };
}

/** For what reads latents on a software adapter: what conv2d's own kernel saves there, compiling it takes. */
export function singleKernel(conv: Kernel, [, height, width]: Shape): Kernel {
  const { workgroups, constants: grid } = pixelGrid(width, height);
  return {
    ...conv,
    shader: 'conv2d-single',
    constants: { ...conv.constants, ...grid },
    workgroups: [workgroups[0], workgroups[1], conv.constants.outputChannelGroups],
    groupRows: grid.groupHeight,
  };
}

/** For 3×3 on the picture at twice its size: nine products in one dispatch. */
export function doubledKernel(conv: Kernel, params: Conv2dParams, [, height, width]: Shape): Kernel | undefined {
  const { size, padding, upscale } = params;
  if (size !== 3 || padding !== 1 || upscale !== 2) return undefined;
  const { inputChannelGroups, outputChannelGroups, activation2d, adds } = conv.constants;
  const { workgroups, constants: grid } = pixelGrid(Math.ceil(width / 4), Math.ceil(height / 2), 8, 8);
  return {
    ...conv,
    shader: 'conv2d-doubled',
    constants: { ...grid, inputChannelGroups, outputChannelGroups, activation2d, adds },
    workgroups: [workgroups[0], workgroups[1], outputChannelGroups],
    groupRows: 2 * grid.groupHeight,
    weights: () => packDoubled(params),
  };
}

const slopes = { none: 1, relu: 0, leaky: 0.1 } as const;

/** As shaders/lib/conv2d-finish.wgsl reads it. */
function finishing({ activation, bias }: Conv2dParams, adds: boolean, outputChannelGroups: number): Float32Array {
  const packed = new Float32Array(4 + outputChannelGroups * 4);
  packed.set([slopes[activation], adds ? 1 : 0]);
  if (bias) packed.set(bias, 4);
  return packed;
}

/** As shaders/conv2d-products.wgsl reads them: the kernels transformed along columns and rows, in 4×4 matrices. */
function packBlocks(params: Conv2dParams, transform: Transform): Float32Array {
  const inputChannelGroups = Math.ceil(params.inputs / 4);
  const outputBlocks = Math.ceil(params.outputs / block);
  const packed = new Float32Array(transform.length ** 2 * outputBlocks * block * inputChannelGroups * 4);
  forEachProduct(params, transform, (o, i, number, value) => {
    const matrices = (number * outputBlocks + Math.floor(o / block)) * inputChannelGroups + (i >> 2);
    packed[matrices * 4 * block + ((o >> 2) & 3) * 16 + (i & 3) * 4 + (o & 3)] = value;
  });
  return packed;
}

/** As shaders/conv2d-products-quads.wgsl reads them: each lane's in the order in which it gets its inputs. */
function packQuads(params: Conv2dParams, transform: Transform): Float32Array {
  const eights = Math.ceil(params.outputs / outputsOfQuad) * 4;
  const packed = new Float32Array(transform.length ** 2 * eights * inputsOfQuad * 8);
  forEachProduct(params, transform, (o, i, number, value) => {
    const [eight, lane] = [o >> 3, (o >> 3) & 3];
    const step = (i & ~15) + ((((i >> 2) & 3) ^ lane) << 2) + (i & 3);
    packed[((number * eights + eight) * inputsOfQuad + step) * 8 + (o & 7)] = value;
  });
  return packed;
}

/** As shaders/conv2d-doubled.wgsl reads them. */
function packDoubled(params: Conv2dParams): Float32Array {
  const { inputs, outputs, bias } = params;
  const [inputChannelGroups, outputChannelGroups] = [Math.ceil(inputs / 4), Math.ceil(outputs / 4)];
  const packed = new Float32Array(outputChannelGroups * 4 * (1 + inputChannelGroups * 36));
  if (bias) packed.set(bias);
  forEachProduct(params, nineTransform, (o, i, number, value) => {
    const matrix = ((o >> 2) * inputChannelGroups + (i >> 2)) * 9 + number;
    packed[outputChannelGroups * 4 + matrix * 16 + (i & 3) * 4 + (o & 3)] = value;
  });
  return packed;
}

/** The kernels transformed along columns and rows, number by number. */
function forEachProduct(
  { inputs, outputs, weight }: Conv2dParams,
  transform: Transform,
  take: (output: number, input: number, number: number, value: number) => void,
): void {
  const count = transform.length;
  const columns = new Float64Array(3);
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++) {
      const at = (o * inputs + i) * 9;
      for (let row = 0; row < count; row++) {
        const [a, b, c] = transform[row];
        for (let k = 0; k < 3; k++) columns[k] = a * weight[at + k] + b * weight[at + 3 + k] + c * weight[at + 6 + k];
        for (let column = 0; column < count; column++) {
          const [p, q, r] = transform[column];
          take(o, i, row * count + column, p * columns[0] + q * columns[1] + r * columns[2]);
        }
      }
    }
}

const nineTransform: Transform = [
  [1, 0, 0],
  [1, 1, 1],
  [0, 0, 1],
];

/** At the points 0, ±3/4, ±3/2 and infinity, as the shaders transform tiles. */
function winogradTransform(): Transform {
  const [a, b] = [0.75, 1.5];
  const point = (p: number, other: number): readonly [number, number, number] => {
    const scale = 2 * (p * p - other * other);
    return [1 / (p * p * scale), 1 / (p * scale), 1 / scale];
  };
  return [[1 / (a * a * b * b), 0, 0], point(a, b), point(-a, b), point(b, a), point(-b, a), [0, 0, 1]];
}
