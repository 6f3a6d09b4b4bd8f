// The same suite on every WebGPU implementation: each op's examples and whole decodes, the GPU against the CPU.
// Dawn runs it in Node, Deno runs it through Naga, Chromium in a page. Must not import anything of Node's.

import type { Decoder } from '../src/decoders/decoder';
import { latentMap } from '../src/decoders/index';
import { type LatentMap, mapFeatures } from '../src/decoders/latent-map';
import type { Domain, LatentFormat } from '../src/formats/format';
import { fuseLayers } from '../src/gpu/fuse';
import { familyOf, type KernelFamily } from '../src/gpu/stages';
import { createPreviewer, type FrameOptions, latentsFromArray, latentsFromBuffer } from '../src/index';
import type { Latents, Layout } from '../src/latents';
import { conv2dExamples } from '../src/ops/conv2d';
import { noise } from '../src/ops/examples';
import { conv2d, layer, opExamples, unpack } from '../src/ops/index';
import type { Layer } from '../src/ops/op';
import { type DType, numberToFloat16, type Tensor } from '../src/tensor';
import { domainMap } from '../src/view';
import { convFixtures } from './conv-fixtures';
import { runLayer, runLayersOnGpu } from './run-layer';
import { stepCases } from './step-suite';
import { differingPictures, differingPlanes, tolerances } from './tolerances';

export interface SuiteResult {
  readonly name: string;
  readonly ok: boolean;
  readonly message?: string;
}

/** Answers with what is wrong, or undefined. */
export interface SuiteCase {
  readonly name: string;
  readonly run: (device: GPUDevice) => Promise<string | undefined>;
}

export const runOpSuite = (device: GPUDevice): Promise<SuiteResult[]> => runCases(device, suiteCases(device));

export async function runCases(device: GPUDevice, cases: readonly SuiteCase[]): Promise<SuiteResult[]> {
  const results: SuiteResult[] = [];
  for (const { name, run } of cases) {
    device.pushErrorScope('validation');
    const message = await run(device).catch((error: unknown) => `${error}`);
    const invalid = await device.popErrorScope();
    const all = [message, invalid?.message].filter(Boolean).join('\n');
    results.push(all ? { name, ok: false, message: all } : { name, ok: true });
  }
  return results;
}

/** @param device that will run them: some kernels take a feature */
export function suiteCases(device: GPUDevice): SuiteCase[] {
  return [
    ...kernelCases(familyOf(device, 'float32') === 'winograd-quads'),
    ...fusedCases(),
    ...decodeCases(),
    ...convCases(),
    ...stepCases(),
  ];
}

/** An unpack and the conv after it, which a device runs as one, against one reference after the other. */
function fusedCases() {
  const examples = conv2dExamples().filter(({ params: { inputs, size }, add }) => !add && (inputs < 8 || size > 3));
  return examples.flatMap(({ shape, params }, index) =>
    (['direct', 'winograd'] as const).map((family) => ({
      name: `fused = references: unpack, conv2d (${shape.join(', ')}) #${index} ${family}`,
      run: async (device: GPUDevice) => {
        const [channels, height, width] = shape as [number, number, number];
        const layers = [layer(unpack, { channels, clamp: index % 2 === 0 }), layer(conv2d, params)];
        const input = noise(channels * height * width, index + 1).map((value) => value * 5);
        const expected = layers.reduce<Float32Array>((planes, current) => current.reference(planes, shape), input);
        if (fuseLayers(layers).length !== 1) return 'the two are not fused';
        const actual = await runLayersOnGpu(device, layers, shape, input, 'float32', family);
        return differingPlanes(actual, expected, layers[1]!.outputShape(shape), tolerances.planes);
      },
    })),
  );
}

/** The layer with the pipeline that it has for plain latents, where it has one; the tests' latents are. */
function inPlainForm(plain: Layer): Layer {
  const kernel: Layer['kernel'] = (input, limits) => {
    const general = plain.kernel(input, limits);
    return { ...general, constants: { ...general.constants, plainLatents: 1 } };
  };
  return { ...plain, name: `${plain.name}, plain latents,`, kernel };
}

/** Convolutions large enough for several strips: of the direct family they would take software longest and test nothing. */
export const isForStrips = ({
  layer,
  shape: [, height = 0, width = 0],
}: ReturnType<typeof opExamples>[number]): boolean => layer.name === 'conv2d' && height * width > 1000;

/** Convolutions have kernels of several families, maps a form for plain latents. */
function kernelCases(quads: boolean) {
  const examples = opExamples().map((example, index) => ({ ...example, index, family: 'direct' as KernelFamily }));
  const families = examples.flatMap((example) => {
    const staged = { ...example, family: 'winograd' as const };
    const inQuads = quads ? [{ ...example, family: 'winograd-quads' as const }] : [];
    if (example.layer.name === 'conv2d')
      return isForStrips(example) ? [staged, ...inQuads] : [example, staged, ...inQuads];
    if (example.layer.name === 'linear') return [example, { ...example, layer: inPlainForm(example.layer) }];
    return [example];
  });
  return families.map(({ layer, shape, index, family }) => ({
    name: `kernel = reference: ${layer.name} (${shape.join(', ')}) #${index} ${family}`,
    run: async (device: GPUDevice) => {
      const [channels, height, width] = shape as [number, number, number];
      let input = noise(channels * height * width, index + 1);
      if (layer.input === 'picture') input = input.map((value) => Math.round((value * 0.5 + 0.5) * 255) / 255);
      const added = layer.add
        ? noise(
            layer.outputShape(shape).reduce((a, b) => a * b, 1),
            index + 77,
          )
        : undefined;
      const expected = layer.reference(input, shape, undefined, added);
      const actual = await runLayer(device, layer, shape, input, added, 'float32', family);
      if (layer.input !== 'picture')
        return differingPlanes(actual, expected, layer.outputShape(shape), tolerances.planes);
      const rounded = expected.map((value) => Math.round(Math.min(Math.max(value, 0), 1) * 255));
      const step = { maxAbs: tolerances.picture.maxSteps };
      return differingPlanes(
        actual.map((value) => value * 255),
        rounded,
        layer.outputShape(shape),
        step,
      );
    },
  }));
}

const source = { repo: 'test', licence: 'MIT' };

/** A made-up family of `channels` channels, with whatever the case is about. */
function family(channels: number, rest: Partial<LatentFormat> = {}): LatentFormat {
  const rows = noise(channels * 3, channels + 7);
  const latentRgbFactors = Array.from(
    { length: channels },
    (_, c) => [rows[c * 3], rows[c * 3 + 1], rows[c * 3 + 2]] as [number, number, number],
  );
  return {
    id: 'test',
    name: 'Test',
    base: 'test',
    channels,
    dims: 2,
    spatialDownscale: 8,
    latentRgbFactors,
    source,
    ...rest,
  };
}

/** `count` numbers as a tensor's data of any dtype. */
function dataOf(dtype: DType, count: number): Tensor['data'] {
  const values = noise(count, 99);
  switch (dtype) {
    case 'float16':
      return Uint16Array.from(values, numberToFloat16);
    case 'bfloat16':
      return Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16);
    case 'float64':
      return Float64Array.from(values);
    case 'int8':
      return Int8Array.from(values, (value) => value * 2);
    case 'uint8':
      return Uint8Array.from(values, (value) => 1 + value);
    default:
      return values;
  }
}

interface DecodeCase {
  readonly name: string;
  readonly format: LatentFormat;
  readonly shape: readonly number[];
  readonly dtype?: DType;
  readonly domain?: 'model' | 'vae';
  readonly layout?: Layout;
  readonly size?: Latents['size'];
  readonly options?: FrameOptions;
  /** Default: the family's own map. */
  readonly decoder?: Decoder;
  /** Element index → value, over the noise. */
  readonly odd?: Readonly<Record<number, number>>;
}

const flux2 = family(6, {
  packing: { patch: 2, packedChannels: 24, layouts: ['channels', 'tokens'] },
  latentsMean: [...noise(24, 3)],
  latentsStd: [...noise(24, 4)].map((value) => 2 + value),
});
const patchFirst = { ...flux2, packing: { ...flux2.packing, order: 'patch' } } as LatentFormat;
const scaled = family(4, { scalingFactor: 0.18215, shiftFactor: 0.5 });
const video = family(3, { dims: 3, latentsMean: [1, -1, 0.5], latentsStd: [2, 3, 4] });
const perFrame = family(2, {
  dims: 3,
  latentsMean: [
    [0, 1, 2],
    [3, 4, 5],
  ],
  latentsStd: [
    [1, 2, 3],
    [4, 5, 6],
  ],
});

const decodes: readonly DecodeCase[] = [
  ...(['float32', 'float16', 'bfloat16', 'float64', 'int8', 'uint8'] as const).flatMap((dtype) => [
    { name: `dtype ${dtype}`, format: family(4), shape: [1, 4, 5, 9], dtype },
    { name: `dtype ${dtype}, odd count`, format: family(3), shape: [3, 3, 7], dtype },
  ]),
  {
    name: 'second item of a batch, halves at an odd offset',
    format: family(3),
    shape: [3, 3, 3, 5],
    dtype: 'float16',
    options: { item: 1 },
  },
  { name: 'channels last', format: family(4), shape: [1, 6, 5, 4], layout: 'NHWC' },
  { name: 'rows and columns last, no batch', format: family(5), shape: [5, 4, 3] },
  { name: 'raw to model domain, scale and shift', format: scaled, shape: [1, 4, 6, 6], domain: 'vae' },
  { name: 'video, one frame', format: video, shape: [1, 3, 4, 5, 7], options: { frame: 3 } },
  {
    name: 'video, middle frame by default, raw',
    format: video,
    shape: [1, 3, 5, 5, 7],
    domain: 'vae',
    dtype: 'bfloat16',
  },
  { name: 'video, frames first', format: video, shape: [4, 3, 5, 7], options: { frame: 0 }, layout: 'TCHW' },
  {
    name: 'video, statistics per frame',
    format: perFrame,
    shape: [1, 2, 3, 4, 4],
    domain: 'vae',
    options: { frame: 2 },
  },
  { name: 'packed channels', format: flux2, shape: [1, 24, 3, 4] },
  { name: 'packed channels, raw, float16', format: flux2, shape: [1, 24, 3, 4], domain: 'vae', dtype: 'float16' },
  { name: 'packed family unpacked, odd sides, raw', format: flux2, shape: [1, 6, 5, 7], domain: 'vae' },
  {
    name: 'tokens with a size',
    format: flux2,
    shape: [2, 12, 24],
    layout: 'NLC',
    size: { height: 4, width: 12 },
    domain: 'vae',
    options: { item: 1 },
  },
  { name: 'tokens without a size', format: flux2, shape: [1, 12, 24] },
  { name: 'packed channels, patch first, raw', format: patchFirst, shape: [1, 24, 3, 4], domain: 'vae' },
  { name: 'sigmoid', format: family(4, { outputActivation: 'sigmoid' }), shape: [1, 4, 5, 5] },
  { name: 'OKLab', format: family(4, { outputActivation: 'oklab', latentRgbBias: [0.7, 0, 0] }), shape: [1, 4, 9, 9] },
  {
    name: 'range 0..255',
    format: family(4, { outputRange: [0, 255], latentRgbBias: [90, 130, 60] }),
    shape: [1, 4, 5, 5],
  },
  {
    name: 'smoothing',
    format: family(4, {
      smoothMatrix: [
        [0.05, 0.1, 0.05],
        [0.1, 0.4, 0.1],
        [0.05, 0.1, 0.05],
      ],
    }),
    shape: [1, 4, 9, 7],
  },
  {
    name: 'NaN and infinities',
    format: family(4),
    shape: [1, 4, 3, 3],
    odd: { 0: Number.NaN, 5: Number.POSITIVE_INFINITY, 14: Number.NEGATIVE_INFINITY },
  },
  {
    name: 'half NaN and infinities',
    format: family(4),
    shape: [1, 4, 3, 3],
    dtype: 'float16',
    odd: { 1: 0x7e01, 5: 0x7c00, 14: 0xfc00, 20: 0x0001 },
  },
  {
    name: 'brain NaN and infinities',
    format: family(4),
    shape: [1, 4, 3, 3],
    dtype: 'bfloat16',
    odd: { 1: 0x7fc0, 5: 0x7f80, 14: 0xff80 },
  },
  {
    name: 'NaN, raw domain',
    format: scaled,
    shape: [1, 4, 3, 3],
    domain: 'vae',
    odd: { 0: Number.NaN, 30: Number.NaN },
  },
  { name: 'absurdly large', format: family(4), shape: [1, 4, 3, 3], odd: { 0: 1e30, 4: -1e30, 8: 1e38 } },
  { name: 'subnormal', format: family(4), shape: [1, 4, 2, 2], odd: { 0: 1e-42, 1: -1e-45 } },
  { name: 'one pixel', format: family(4), shape: [1, 4, 1, 1] },
  { name: 'one row', format: family(4), shape: [1, 4, 1, 301] },
  { name: 'one column', format: family(4), shape: [1, 4, 1025, 1] },
  { name: '128 channels', format: family(128), shape: [1, 128, 3, 5], dtype: 'float16' },
  ...(['nearest', 'bilinear', 'bicubic'] as const).map((resample) => ({
    name: `image size, ${resample}`,
    format: family(4),
    shape: [1, 4, 4, 6],
    options: { size: 'image' as const, resample },
  })),
  {
    name: 'fitted map, 3×3 ×4, halves, raw',
    format: scaled,
    shape: [1, 4, 7, 11],
    dtype: 'float16',
    domain: 'vae',
    decoder: fitted(4, 'affine', 3, 4),
  },
  {
    name: 'fitted map, 5×5 ×2, packed channels',
    format: flux2,
    shape: [1, 24, 3, 4],
    decoder: fitted(6, 'quadratic', 5, 2),
  },
  {
    name: 'fitted map, 3×3 ×8, NaN and infinities, resized',
    format: family(4),
    shape: [1, 4, 5, 3],
    odd: { 0: Number.NaN, 7: Number.POSITIVE_INFINITY, 50: -1e30 },
    decoder: fitted(4, 'linear', 3, 8),
    options: { size: { width: 37, height: 61 } },
  },
  {
    name: 'fitted map, 5×5, many bands',
    format: family(3),
    shape: [1, 3, 200, 61],
    decoder: fitted(3, 'affine', 5, 1),
  },
  { name: 'fitted map, cubic per pixel', format: family(4), shape: [1, 4, 6, 5], decoder: fitted(4, 'cubic', 1, 1) },
  { name: 'a size of its own', format: family(4), shape: [1, 4, 4, 6], options: { size: { width: 31, height: 9 } } },
];

/** A fitted map of the test family. */
function fitted(channels: number, kind: LatentMap['kind'], neighbourhood: 1 | 3 | 5, upscale: 1 | 2 | 4 | 8): Decoder {
  const features = mapFeatures({ kind, channels, neighbourhood });
  const coefficients = [...noise(3 * upscale ** 2 * features, features)].map((value) => value / Math.sqrt(features));
  const rest = { version: 1, name: 'test', format: 'test', domain: 'model', edges: 'replicate' } as const;
  return latentMap({ ...rest, kind, channels, neighbourhood, upscale, outputRange: [-1, 1], coefficients });
}

/** A decoder whose picture shows each latent channel's value: domain and addressing errors cannot cancel out. */
function decodeCases() {
  return decodes.map(({ name, format, shape, dtype = 'float32', odd = {}, options = {}, decoder, ...meaning }) => ({
    name: `decode = CPU: ${name}`,
    run: async (device: GPUDevice) => {
      const data = dataOf(
        dtype,
        shape.reduce((product, n) => product * n, 1),
      );
      for (const [index, value] of Object.entries(odd)) data[Number(index)] = value;
      const described = { shape, dtype, format, ...meaning };
      const made = { format, ...(decoder ? { decoder } : {}) };
      const cpu = await createPreviewer({ ...made, backend: 'cpu' });
      const gpu = await createPreviewer({ ...made, device });
      const expected = await cpu.toImageData(latentsFromArray(data, described), options);
      const wrong = differingPictures(await gpu.toImageData(latentsFromArray(data, described), options), expected);
      let wrongInPlace: string | undefined;
      if (dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16') {
        // The same numbers where a sampler would have left them: in a larger buffer, not at its start.
        const offset = 300;
        const size = Math.ceil((offset + data.byteLength) / 4) * 4;
        const buffer = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE, mappedAtCreation: true });
        new Uint8Array(buffer.getMappedRange()).set(
          new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
          offset,
        );
        buffer.unmap();
        const inPlace = latentsFromBuffer(buffer, { ...described, dtype, offset });
        wrongInPlace = differingPictures(await gpu.toImageData(inPlace, options), expected);
        buffer.destroy();
      }
      gpu.destroy();
      return wrong ?? (wrongInPlace ? `in the caller's buffer: ${wrongInPlace}` : undefined);
    },
  }));
}

/** Tiny nets of each conv architecture against PyTorch: layer by layer in float32, and the plan's picture. */
function convCases() {
  return convFixtures.flatMap((fixture) => {
    const { name, format, domain, latents, inputShape, outputShape } = fixture;
    const size = outputShape.slice(1);
    return [
      {
        name: `kernels = PyTorch: ${name}`,
        run: async (device: GPUDevice) => {
          const decoder = fixture.decoder();
          const input = intoDomain(latents, format, domain, decoder.domain);
          const planes = await runLayersOnGpu(device, decoder.layers, inputShape.slice(1), input);
          return differingPlanes(planes, fixture.expected(), size, tolerances.conv);
        },
      },
      {
        name: `plan = PyTorch: ${name}`,
        run: async (device: GPUDevice) => {
          const decoder = fixture.decoder();
          const previewer = await createPreviewer({ format, decoder, device });
          const picture = await previewer.toImageData(latentsFromArray(latents, { shape: inputShape, domain }));
          previewer.destroy();
          return differingPictures(picture, pictureOf(fixture.expected(), size, decoder));
        },
      },
    ];
  });
}

export function intoDomain(latents: Float32Array, format: LatentFormat, from: Domain, to: Domain): Float32Array {
  const map = domainMap(format, from, to, 1, 0);
  const plane = latents.length / format.channels;
  return latents.map((value, i) => value * map[Math.floor(i / plane) * 2]! + map[Math.floor(i / plane) * 2 + 1]!);
}

/** Planes in the decoder's range as the 8-bit picture they mean. */
export function pictureOf(planes: Float32Array, size: readonly number[], { output: { range } }: Decoder) {
  const [channels, height, width] = size as [number, number, number];
  const byte = (c: number, i: number): number => {
    const value = (planes[c * width * height + i]! - range[0]) / (range[1] - range[0]);
    return Math.round(Math.min(Math.max(value, 0), 1) * 255);
  };
  const data = Array.from({ length: width * height * 4 }, (_, k) =>
    k % 4 < channels ? byte(k % 4, Math.floor(k / 4)) : 255,
  );
  return { width, height, data };
}
