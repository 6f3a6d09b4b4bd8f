// Half floats on devices with `shader-f16`: kernels against reference(), tiny nets against PyTorch, and who gets them. Like
// op-suite.ts for every WebGPU implementation; must not import anything of Node's.

import { taesd } from '../src/decoders/index';
import { createPreviewer, type Latents, latentsFromArray, type Previewer, type Weights } from '../src/index';
import { noise } from '../src/ops/examples';
import { conv2d, opExamples } from '../src/ops/index';
import { type Layer, layer, type Op } from '../src/ops/op';
import { float16ToNumber, numberToFloat16, type Tensor, toFloat32 } from '../src/tensor';
import { type ConvFixture, convFixtures } from './conv-fixtures';
import { intoDomain, isForStrips, pictureOf, type SuiteCase } from './op-suite';
import { runLayer, runLayersOnGpu } from './run-layer';
import { decibels, differingPictures, differingPlanes, tolerances } from './tolerances';

/** @param report is told the dB of each net */
export const halfCases = (report: (line: string) => void): SuiteCase[] => [
  ...kernelCases(),
  ...overflowCases,
  ...netCases(report),
  ...choiceCases,
];

const rounded = (values: Float32Array): Float32Array => values.map((value) => float16ToNumber(numberToFloat16(value)));

/** The layer with all its numbers rounded to half floats: what is left of a difference is the kernel's. */
function inHalves({ bound: { op, params }, add }: Layer): Layer {
  const numbers = Object.entries(params as object).map(([name, value]) => [
    name,
    value instanceof Float32Array ? rounded(value) : value,
  ]);
  return layer(op as Op<unknown>, Object.fromEntries(numbers), add === undefined ? {} : { add });
}

const defaultLimits = { maxComputeInvocationsPerWorkgroup: 256, maxComputeWorkgroupStorageSize: 16384 };

function kernelCases(): SuiteCase[] {
  return opExamples().flatMap(({ layer: original, shape }, index) => {
    const example = inHalves(original);
    if (isForStrips({ layer: original, shape })) return [];
    if (!example.kernel(shape, defaultLimits).takesHalves) return [];
    const run = async (device: GPUDevice) => {
      const size = (of: readonly number[]): number => of.reduce((product, n) => product * n, 1);
      const outputShape = example.outputShape(shape);
      const input = rounded(noise(size(shape), index + 1));
      const added = example.add ? rounded(noise(size(outputShape), index + 77)) : undefined;
      const expected = example.reference(input, shape, undefined, added);
      const actual = await runLayer(device, example, shape, input, added, 'float16');
      return differingPlanes(actual, expected, outputShape, tolerances.halves);
    };
    return [{ name: `half floats: kernel = reference: ${example.name} (${shape.join(', ')}) #${index}`, run }];
  });
}

/** Sums beyond half floats: within one input group, and of many. An infinity would be NaN some layers later. */
const overflowCases: readonly SuiteCase[] = [4, 128].map((inputs) => ({
  name: `half floats: what ${inputs} channels sum up to beyond them stays at the largest`,
  run: async (device) => {
    const [weight, value] = inputs === 4 ? [200, 200] : [8, 128];
    const conv = layer(conv2d, {
      inputs,
      outputs: 4,
      size: 1,
      padding: 0,
      weight: new Float32Array(4 * inputs).fill(weight).fill(-weight, 3 * inputs),
      activation: 'none',
      upscale: 1,
    });
    const actual = await runLayer(
      device,
      conv,
      [inputs, 1, 1],
      new Float32Array(inputs).fill(value),
      undefined,
      'float16',
    );
    return differingPlanes(actual, [65504, 65504, 65504, -65504], [4, 1, 1], { maxAbs: 0 });
  },
}));

/** Tiny nets, layer by layer for their numbers, and the plan for its picture. */
function netCases(report: (line: string) => void): SuiteCase[] {
  return convFixtures.map((fixture) => ({
    name: `half floats: net = PyTorch: ${fixture.name}`,
    run: async (device) => {
      const { format, domain, latents, inputShape, outputShape } = fixture;
      const decoder = fixture.decoder();
      const input = intoDomain(latents, format, domain, decoder.domain);
      const planes = await runLayersOnGpu(device, decoder.layers, inputShape.slice(1), input, 'float16');
      const quality = decibels(planes, fixture.expected(), decoder.output.range);
      report(`tiny net ${fixture.name} in half floats: ${quality.toFixed(1)} dB`);
      if (!(quality >= tolerances.convHalves.decibels)) return `${quality.toFixed(1)} dB`;
      const previewer = await createPreviewer({ format, decoder, device, precision: 'float16' });
      const picture = await previewer.toImageData(latentsOf(fixture));
      previewer.destroy();
      if (previewer.precision !== 'float16') return `it decodes in ${previewer.precision}`;
      // Layer by layer the last layer's numbers were rounded once more.
      return differingPictures(
        picture,
        pictureOf(planes, outputShape.slice(1), decoder),
        tolerances.convHalves.picture,
      );
    },
  }));
}

const latentsOf = ({ latents, inputShape, domain }: ConvFixture): Latents =>
  latentsFromArray(latents, { shape: inputShape, domain });

const net = (): ConvFixture => convFixtures.find(({ name }) => name === 'taesd')!;

/** The same net as a function, some of its numbers beyond half floats: the ReLU between two convs lets factors through. */
function beyondHalves(weights: Weights): Weights {
  const scaled = (tensor: Tensor, factor: number): Tensor => ({
    dtype: 'float32',
    shape: tensor.shape,
    data: toFloat32(tensor).map((value) => value * factor),
  });
  const factors: Readonly<Record<string, number>> = {
    '3.conv.0.weight': 2 ** 20,
    '3.conv.0.bias': 2 ** 20,
    '3.conv.2.weight': 2 ** -20,
  };
  for (const name of Object.keys(factors)) if (!weights.has(name)) throw new Error(`the net has no ${name}`);
  return new Map([...weights].map(([name, tensor]) => [name, scaled(tensor, factors[name] ?? 1)]));
}

/** Makes a previewer, runs, destroys it. */
async function withPreviewer<T>(
  options: Parameters<typeof createPreviewer>[0],
  run: (previewer: Previewer) => Promise<T> | T,
): Promise<T> {
  const previewer = await createPreviewer(options);
  try {
    return await run(previewer);
  } finally {
    previewer.destroy();
  }
}

const choiceCases: readonly SuiteCase[] = [
  {
    name: 'half floats: weights beyond them are decoded in float32',
    run: (device) => {
      const fixture = net();
      const decoder = taesd(beyondHalves(fixture.weights()));
      return withPreviewer({ format: fixture.format, decoder, device, precision: 'float16' }, async (previewer) => {
        if (previewer.precision !== 'float32') return `it decodes in ${previewer.precision}`;
        const picture = await previewer.toImageData(latentsOf(fixture));
        return differingPictures(picture, pictureOf(fixture.expected(), fixture.outputShape.slice(1), decoder));
      });
    },
  },
  {
    name: 'half floats: absurd latents spoil no more of the picture than they reach',
    run: async (device) => {
      const { format, decoder } = convFixtures.find(({ kind }) => kind === 'vaeApprox')!;
      const [side, far] = [24, 16];
      const data = noise(format.channels * side * side, 3);
      const absurd = data.slice();
      absurd[0] = 1e30;
      const previewer = await createPreviewer({ format, decoder: decoder(), device, precision: 'float16' });
      const shape = [1, format.channels, side, side];
      const sane = await previewer.toImageData(latentsFromArray(data, { shape }));
      const spoilt = await previewer.toImageData(latentsFromArray(absurd, { shape }));
      previewer.destroy();
      for (let y = 0; y < sane.height; y++)
        for (let x = 0; x < sane.width; x++) {
          const k = (y * sane.width + x) * 4;
          if (Math.max(x, y) > far * 2 && sane.data[k] !== spoilt.data[k]) return `(y ${y}, x ${x}) differs`;
        }
      return spoilt.data.every((value, k) => value === sane.data[k]) ? 'the absurd latent shows nowhere' : undefined;
    },
  },
  {
    name: 'half floats: auto takes them on a real GPU, for conv decoders alone',
    run: async (device) => {
      const { format, decoder } = net();
      const best = device.adapterInfo.isFallbackAdapter ? 'float32' : 'float16';
      const map = { ...format, latentRgbFactors: Array.from({ length: format.channels }, () => [1, 0, 0] as const) };
      const chosen = [
        await withPreviewer({ format, decoder: decoder(), device }, ({ precision }) => precision),
        await withPreviewer({ format, decoder: decoder(), device, precision: 'float32' }, ({ precision }) => precision),
        await withPreviewer({ format: map, device, precision: 'float16' }, ({ precision }) => precision),
      ];
      return `${chosen}` === `${best},float32,float32` ? undefined : `chosen: ${chosen}`;
    },
  },
  {
    name: "half floats: a device of the library's own has the feature",
    run: () =>
      withPreviewer({ format: 'sd15', backend: 'webgpu' }, ({ device }) =>
        device?.features.has('shader-f16') ? undefined : 'it was made without shader-f16',
      ),
  },
];
