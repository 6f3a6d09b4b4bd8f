// Every packing that latents come in, against plain loops written here from what each was published as: the CPU path, the
// kernels, both from the caller's own buffer too, and conv decoders whole and in tiles.

import { afterAll, describe, expect, it } from 'vitest';
import type { Decoder } from '../src/decoders/decoder';
import { outputScale } from '../src/decoders/decoder';
import { frameJobs } from '../src/frames';
import { createGpuDecoder } from '../src/gpu/decode';
import {
  createPreviewer,
  type Domain,
  formats,
  type LatentFormat,
  type LatentOptions,
  latentsFromArray,
  latentsFromBuffer,
  linear,
  viewLatents,
} from '../src/index';
import { numberToFloat16 } from '../src/tensor';
import { convFixtures } from './conv-fixtures';
import { checked, describeGpu } from './setup/gpu';
import { differingPictures } from './tolerances';

/** A place in the unpacked latents. */
interface Place {
  readonly n: number;
  readonly t: number;
  readonly c: number;
  readonly y: number;
  readonly x: number;
}

interface Unpacked {
  readonly items: number;
  readonly frames: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

interface Packing {
  readonly name: string;
  readonly format: LatentFormat;
  readonly unpacked: Unpacked;
  readonly shape: readonly number[];
  /** The element that holds a place, by the rule that the packing's makers published. */
  readonly element: (place: Place) => number;
  /** Packed channel of a place: where the statistics of its domain are. Undefined: its unpacked one. */
  readonly statistic?: (place: Place) => number;
  readonly options?: LatentOptions;
  /** What the tensor's other elements hold. */
  readonly filler?: number;
}

const picture = (channels: number, height: number, width: number, frames = 1, items = 1): Unpacked => ({
  ...{ items, frames, channels, height, width },
});

/** FLUX.1's, after FluxPipeline: view(b, c, h/2, 2, w/2, 2), permute(0, 2, 4, 1, 3, 5), (b, h/2 · w/2, c · 4). */
const tokens2x2 =
  ({ frames, channels, height, width }: Unpacked) =>
  ({ n, t, c, y, x }: Place): number => {
    const [rows, columns] = [height / 2, width / 2];
    const token = (t * rows + Math.floor(y / 2)) * columns + Math.floor(x / 2);
    return (n * frames * rows * columns + token) * channels * 4 + c * 4 + (y % 2) * 2 + (x % 2);
  };
/** FLUX.2's, after Flux2Pipeline: view(b, c, h/2, 2, w/2, 2), permute(0, 1, 3, 5, 2, 4), (b, c · 4, h/2, w/2). */
const channels2x2 =
  ({ channels, height, width }: Unpacked) =>
  ({ n, c, y, x }: Place): number => {
    const k = c * 4 + (y % 2) * 2 + (x % 2);
    return ((n * channels * 4 + k) * (height / 2) + Math.floor(y / 2)) * (width / 2) + Math.floor(x / 2);
  };
const packedChannel = ({ c, y, x }: Place): number => c * 4 + (y % 2) * 2 + (x % 2);
/** Channel-major planes of which the first `channels` of `all` are read. */
const planes =
  ({ height, width }: Unpacked, all: number) =>
  ({ n, c, y, x }: Place): number =>
    ((n * all + c) * height + y) * width + x;

const flux = picture(16, 8, 12, 1, 2);
const tall = picture(16, 12, 8);
const layers = picture(16, 4, 6, 3, 2);
const clip = picture(128, 3, 5, 4);
const patches = picture(32, 6, 10, 1, 2);
const odd = picture(32, 5, 7);
const four = picture(4, 5, 7, 1, 2);
const sixteen = picture(16, 5, 3);
const video = picture(16, 3, 5, 4, 2);

const packings: readonly Packing[] = [
  { name: 'FLUX.1 tokens', format: formats.flux!, unpacked: flux, shape: [2, 24, 64], element: tokens2x2(flux) },
  {
    name: 'FLUX.1 tokens of a given size',
    format: formats.flux!,
    unpacked: tall,
    shape: [24, 64],
    element: tokens2x2(tall),
    options: { size: { height: 12, width: 8 } },
  },
  {
    name: 'Qwen-Image tokens, layer after layer',
    format: formats.wan21!,
    unpacked: layers,
    shape: [2, 18, 64],
    element: tokens2x2(layers),
    options: { size: { height: 4, width: 6 } },
  },
  {
    name: 'LTX tokens of a clip',
    format: formats.ltx2!,
    unpacked: clip,
    shape: [1, 60, 128],
    element: ({ t, c, y, x }) => ((t * 3 + y) * 5 + x) * 128 + c,
    options: { size: { height: 3, width: 5 } },
  },
  {
    name: 'Qwen-Image 2.1 tokens',
    format: formats.qwen_image_2_1!,
    unpacked: picture(64, 4, 6),
    shape: [1, 24, 64],
    element: ({ c, y, x }) => (y * 6 + x) * 64 + c,
  },
  {
    name: 'FLUX.2, 128 channels',
    format: formats.flux2!,
    unpacked: patches,
    shape: [2, 128, 3, 5],
    element: channels2x2(patches),
    statistic: packedChannel,
  },
  {
    name: 'FLUX.2 tokens',
    format: formats.flux2!,
    unpacked: patches,
    shape: [2, 15, 128],
    element: tokens2x2(patches),
    statistic: packedChannel,
    options: { size: { height: 6, width: 10 } },
  },
  {
    name: 'FLUX.2 unpacked, odd sides',
    format: formats.flux2!,
    unpacked: odd,
    shape: [1, 32, 5, 7],
    element: planes(odd, 32),
    statistic: packedChannel,
  },
  {
    name: "FLUX.2's moments",
    format: formats.flux2!,
    unpacked: odd,
    shape: [1, 64, 5, 7],
    element: planes(odd, 64),
    statistic: packedChannel,
    filler: -20,
  },
  {
    name: 'Ideogram 4: patches first',
    format: formats.ideogram4!,
    unpacked: patches,
    shape: [2, 128, 3, 5],
    element: ({ n, c, y, x }) =>
      ((n * 128 + ((y % 2) * 2 + (x % 2)) * 32 + c) * 3 + Math.floor(y / 2)) * 5 + Math.floor(x / 2),
    statistic: ({ c, y, x }) => ((y % 2) * 2 + (x % 2)) * 32 + c,
  },
  {
    name: "SD1's moments",
    format: formats.sd15!,
    unpacked: four,
    shape: [2, 8, 5, 7],
    element: planes(four, 8),
    filler: -20,
  },
  {
    name: "FLUX.1's moments without a batch",
    format: formats.flux!,
    unpacked: sixteen,
    shape: [32, 5, 3],
    element: planes(sixteen, 32),
    filler: -20,
  },
  {
    name: "SD1's moments, channels last",
    format: formats.sd15!,
    unpacked: four,
    shape: [2, 5, 7, 8],
    element: ({ n, c, y, x }) => ((n * 5 + y) * 7 + x) * 8 + c,
    options: { layout: 'NHWC' },
    filler: -20,
  },
  {
    name: "Wan's moments",
    format: formats.wan21!,
    unpacked: video,
    shape: [2, 32, 4, 3, 5],
    element: ({ n, t, c, y, x }) => (((n * 32 + c) * 4 + t) * 3 + y) * 5 + x,
    filler: -20,
  },
  {
    name: 'frames with channels last',
    format: formats.wan21!,
    unpacked: video,
    shape: [2, 4, 3, 5, 16],
    element: ({ n, t, c, y, x }) => (((n * 4 + t) * 3 + y) * 5 + x) * 16 + c,
    options: { layout: 'NTHWC' },
  },
];

const range = 4;
/** Latent value of a place, in the tensor's domain. */
const valueAt = ({ n, t, c, y, x }: Place): number =>
  Math.round(((Math.sin(n * 7.1 + t * 3.3 + c * 1.7 + y * 5.9 + x * 2.3) * 43758.5) % 1) * 60) / 20;

/** R, G and B are the first, the second and the last channel, −4..4. */
function shownFormat(format: LatentFormat): LatentFormat {
  const latentRgbFactors = Array.from({ length: format.channels }, () => [0, 0, 0] as [number, number, number]);
  latentRgbFactors[0]![0] = 1;
  latentRgbFactors[1]![1] = 1;
  latentRgbFactors.at(-1)![2] = 1;
  const nothing = { latentRgbBias: undefined, smoothMatrix: undefined, outputActivation: undefined };
  return { ...format, ...nothing, id: `${format.id}/shown`, latentRgbFactors, outputRange: [-range, range] };
}

function pack({ unpacked, shape, element, filler = 99 }: Packing, dtype: 'float32' | 'float16') {
  const values = new Float32Array(shape.reduce((product, n) => product * n, 1)).fill(filler);
  const { items, frames, channels, height, width } = unpacked;
  for (let n = 0; n < items; n++)
    for (let t = 0; t < frames; t++)
      for (let c = 0; c < channels; c++)
        for (let y = 0; y < height; y++)
          for (let x = 0; x < width; x++) values[element({ n, t, c, y, x })] = valueAt({ n, t, c, y, x });
  return dtype === 'float32' ? values : Uint16Array.from(values, numberToFloat16);
}

/** The published conversion, model = (vae − shift − mean) × scale / std, or its inverse. */
function converted(value: number, place: Place, packing: Packing, from: Domain, to: Domain): number {
  const { scalingFactor = 1, shiftFactor = 0, latentsMean, latentsStd } = packing.format;
  const k = packing.statistic?.(place) ?? place.c;
  const [mean, std] = [(latentsMean?.[k] as number) ?? 0, (latentsStd?.[k] as number) ?? 1];
  if (from === to) return value;
  return to === 'model'
    ? ((value - shiftFactor - mean) * scalingFactor) / std
    : (value * std) / scalingFactor + mean + shiftFactor;
}

function expectedPicture(packing: Packing, n: number, t: number, from: Domain, to: Domain) {
  const { channels, height, width } = packing.unpacked;
  const data = new Uint8ClampedArray(height * width * 4).fill(255);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      [0, 1, channels - 1].forEach((c, k) => {
        const value = converted(valueAt({ n, t, c, y, x }), { n, t, c, y, x }, packing, from, to);
        data[(y * width + x) * 4 + k] = ((value + range) / (2 * range)) * 255;
      });
  return { width, height, data };
}

/** Every item and frame of a packing, in domains that differ and that do not. */
async function check(packing: Packing, device?: GPUDevice): Promise<void> {
  const format = shownFormat(packing.format);
  const isMoments = packing.filler !== undefined;
  for (const to of ['model', 'vae'] as const) {
    const decoder: Decoder = { ...linear(format), domain: to };
    const previewer = await createPreviewer({ format, decoder, ...(device ? { device } : { backend: 'cpu' }) });
    for (const from of ['model', 'vae', undefined] as const)
      for (const dtype of ['float32', 'float16'] as const) {
        const data = pack(packing, dtype);
        const described = { ...packing.options, ...(from && { domain: from }), shape: packing.shape, dtype };
        const sources = [latentsFromArray(data, described)];
        // Buffers are written in whole words.
        const size = data.byteLength + 12;
        const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
        const buffer = device && size % 4 === 0 ? device.createBuffer({ size, usage }) : undefined;
        if (buffer) {
          device?.queue.writeBuffer(buffer, 12, data);
          sources.push(latentsFromBuffer(buffer, { ...described, offset: 12 }));
        }
        for (const latents of sources)
          for (let item = 0; item < packing.unpacked.items; item++)
            for (let frame = 0; frame < packing.unpacked.frames; frame++) {
              const actual = await previewer.toImageData(latents, { item, frame });
              const expected = expectedPicture(packing, item, frame, from ?? (isMoments ? 'vae' : 'model'), to);
              const wrong = differingPictures(actual, expected, { maxSteps: 1, equalShare: 0.9 });
              expect(wrong, `${dtype}, ${from} to ${to}, item ${item}, frame ${frame}`).toBeUndefined();
            }
        buffer?.destroy();
      }
    previewer.destroy();
  }
}

describe('packings on the CPU are what their makers published', () => {
  for (const packing of packings) it(packing.name, () => check(packing));
});

const theDevice = await (await navigator.gpu.requestAdapter())?.requestDevice();
afterAll(() => theDevice?.destroy());

describeGpu('packings in the kernels are what their makers published', () => {
  for (const packing of packings) it(packing.name, () => checked(theDevice!, () => check(packing, theDevice!)));
});

describeGpu('conv decoders read packed latents', () => {
  const net = convFixtures.find(({ name }) => name === 'taesd')!;
  const unpacked = picture(4, 26, 18);
  const cases: readonly (Pick<Packing, 'name' | 'shape' | 'element' | 'filler'> & { format: LatentFormat })[] = [
    {
      name: 'tokens',
      format: { ...net.format, packing: { patch: 2, packedChannels: 16, layouts: ['tokens'] } },
      shape: [1, 117, 16],
      element: tokens2x2(unpacked),
    },
    {
      name: 'packed channels',
      format: { ...net.format, packing: { patch: 2, packedChannels: 16, layouts: ['channels'] } },
      shape: [1, 16, 13, 9],
      element: channels2x2(unpacked),
    },
    { name: 'moments', format: net.format, shape: [1, 8, 26, 18], element: planes(unpacked, 8), filler: -20 },
  ];
  for (const { format, ...packing } of cases)
    for (const [dtype, limits] of [
      ['float32', {}],
      ['float16', { bufferBytes: 60_000 }],
    ] as const)
      it(`${packing.name}, ${dtype}, ${'bufferBytes' in limits ? 'in tiles' : 'whole'}`, () =>
        checked(theDevice!, async () => {
          const decoder = net.decoder();
          const data = pack({ ...packing, format, unpacked }, dtype);
          const size = { height: 26, width: 18 };
          const latents = latentsFromArray(data, { shape: packing.shape, dtype, domain: 'model', size });
          // Unpacked by the loops above, on the CPU.
          const plain = new Float32Array(4 * 26 * 18);
          for (let i = 0; i < plain.length; i++) {
            const [c, y, x] = [Math.floor(i / 468), Math.floor((i % 468) / 18), i % 18];
            plain[i] = valueAt({ n: 0, t: 0, c, y, x });
          }
          const cpu = await createPreviewer({ format: net.format, decoder, backend: 'cpu' });
          const expected = await cpu.toImageData(latentsFromArray(plain, { shape: [1, 4, 26, 18] }));
          const { channels, layers, output, upscale } = decoder;
          const scale = { activation: output.activation, ...outputScale(output) };
          const view = viewLatents(latents, format);
          const [width, height] = [18 * upscale, 26 * upscale];
          const device = theDevice!;
          const gpu = await createGpuDecoder(device, channels, layers, scale, limits);
          const outputSize = { width, height, filter: 'nearest' } as const;
          const frames = [{ item: 0, frame: 0 }];
          const jobs = frameJobs({ gpu, device, format, decoder }, latents, view, frames, outputSize);
          const [pixels] = await gpu.readBack(jobs, {});
          gpu.destroy();
          // Half floats hold every value to within 1/1000.
          const tolerance = { maxSteps: dtype === 'float32' ? 1 : 3, equalShare: 0.9 };
          expect(differingPictures({ width, height, data: pixels! }, expected, tolerance)).toBeUndefined();
          expect(new Set(expected.data).size).toBeGreaterThan(50);
        }));
});
