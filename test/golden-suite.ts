// Real weights against PyTorch (../shared/fixtures/golden, 12×10 latents): like op-suite.ts for every WebGPU
// implementation; must not import anything of Node's.

import { decode as decodePng } from 'fast-png';
import { taesd, vaeApprox } from '../src/decoders/index';
import { readTensorFile } from '../src/files/index';
import { familyOf, type KernelFamily } from '../src/gpu/stages';
import { createPreviewer, type Decoder, latentsFromArray } from '../src/index';
import { type Shape, toFloat32 } from '../src/tensor';
import { pictureOf, runCases, type SuiteCase, type SuiteResult } from './op-suite';
import { runLayersOnGpu } from './run-layer';
import { decibels, differingPictures, differingPlanes, tolerances } from './tolerances';

/** A file of ../shared/fixtures. */
export type ReadShared = (path: string) => Promise<Uint8Array>;

const families = {
  taesd: { weights: 'weights/taesd_decoder', input: 'sd1', expected: 'golden/sd1', format: 'sd15' },
  taesdxl: { weights: 'weights/taesdxl_decoder', input: 'sdxl', expected: 'golden/sdxl', format: 'sdxl' },
  taesd3: { weights: 'weights/taesd3_decoder', input: 'sd3', expected: 'golden/sd3', format: 'sd3' },
  taef1: { weights: 'weights/taef1_decoder', input: 'flux1', expected: 'golden/flux1', format: 'flux' },
  taef2: { weights: 'weights/taef2_decoder', input: 'flux2', expected: 'golden/flux2', format: 'flux2' },
  'vaeApprox sd1': approx('sd1', 'sd15'),
  'vaeApprox sdxl': approx('sdxl', 'sdxl'),
  'vaeApprox sd3': approx('sd3', 'sd3'),
} as const;

export type GoldenFamily = keyof typeof families;

const allFamilies = Object.keys(families) as GoldenFamily[];

function approx(input: string, format: string) {
  const folder = 'internal-only';
  const [weights, expected] = [`${folder}/weights/a1111_vaeapprox_${input}`, `${folder}/golden/${input}.a1111`];
  return { weights, input, expected, format };
}

interface Golden {
  readonly format: string;
  readonly decoder: Decoder;
  readonly input: Float32Array;
  /** (1, C, H, W). */
  readonly inputShape: Shape;
  /** In the decoder's range. */
  readonly expected: Float32Array;
  /** (3, H, W). */
  readonly size: Shape;
}

async function readGolden(read: ReadShared, family: GoldenFamily): Promise<Golden> {
  const paths = families[family];
  const tensors = async (path: string) => readTensorFile(await read(path)).tensors;
  const only = async (path: string) => [...(await tensors(path)).values()][0]!;
  const weights = await tensors(`${paths.weights}.safetensors`);
  const decoder = family.startsWith('vaeApprox') ? vaeApprox(weights) : taesd(weights);
  const [input, output] = [await only(`golden/${paths.input}.z.npy`), await only(`${paths.expected}.y.npy`)];
  const [low, high] = decoder.output.range;
  return {
    format: paths.format,
    decoder,
    input: toFloat32(input),
    inputShape: input.shape,
    // The goldens are in 0..1.
    expected: toFloat32(output).map((value) => value * (high - low) + low),
    size: output.shape.slice(1),
  };
}

/**
 * Each family layer by layer in float32, with the kernels for software and, where not told otherwise, those for GPUs, and
 * the plan's picture; then a whole photo.
 */
export const goldenCases = (read: ReadShared, direct: readonly GoldenFamily[] = allFamilies): SuiteCase[] => [
  ...allFamilies.map((family) => ({
    name: `real weights = PyTorch: ${family}`,
    run: async (device: GPUDevice) => {
      const golden = await readGolden(read, family);
      const { decoder, input, inputShape, expected, size } = golden;
      const software = familyOf(device, 'float32') === 'winograd-quads' ? 'winograd-quads' : 'winograd';
      for (const kernels of new Set<KernelFamily>(direct.includes(family) ? ['direct', software] : [software])) {
        const planes = await runLayersOnGpu(device, decoder.layers, inputShape.slice(1), input, 'float32', kernels);
        const wrong = differingPlanes(planes, expected, size, tolerances.conv);
        if (wrong) return `${kernels}: ${wrong}`;
      }
      return differingPictures(await decode(device, golden, 'float32'), pictureOf(expected, size, decoder));
    },
  })),
  {
    name: 'real weights = PyTorch: a photo, to the pixel',
    run: async (device) => {
      const { tensors } = readTensorFile(await read('weights/taesd_decoder.safetensors'));
      const [latents] = readTensorFile(await read('latents/chelsea.sd1.npy')).tensors.values();
      const previewer = await createPreviewer({
        format: 'sd15',
        decoder: taesd(tensors),
        device,
        precision: 'float32',
      });
      const picture = await previewer.toImageData(latentsFromArray(latents!.data, latents!));
      previewer.destroy();
      const { width, height, data, channels } = decodePng(await read('refs/chelsea.sd1.png'));
      const expected = Array.from({ length: width * height * 4 }, (_, k) =>
        k % 4 === 3 ? 255 : data[Math.floor(k / 4) * channels + (k % 4)]!,
      );
      return differingPictures(picture, { width, height, data: expected });
    },
  },
];

/** @param direct the families that the kernels for GPUs are tried with too, which take software long; default all */
export const runGoldens = (
  device: GPUDevice,
  read: ReadShared,
  direct?: readonly GoldenFamily[],
): Promise<SuiteResult[]> => runCases(device, goldenCases(read, direct));

/** @param report is told the dB of each family */
export const halfGoldenCases = (read: ReadShared, report: (line: string) => void): SuiteCase[] =>
  allFamilies.map((family) => ({
    name: `half floats: real weights ≈ PyTorch: ${family}`,
    run: async (device) => {
      const golden = await readGolden(read, family);
      const { decoder, input, inputShape, expected, size } = golden;
      const planes = await runLayersOnGpu(device, decoder.layers, inputShape.slice(1), input, 'float16');
      const quality = decibels(planes, expected, decoder.output.range);
      report(`real ${family} in half floats: ${quality.toFixed(1)} dB`);
      if (!(quality >= tolerances.convHalves.decibels)) return `${quality.toFixed(1)} dB`;
      const picture = await decode(device, golden, 'float16');
      return differingPictures(picture, pictureOf(expected, size, decoder), tolerances.convHalves.picture);
    },
  }));

async function decode(
  device: GPUDevice,
  { format, decoder, input, inputShape }: Golden,
  precision: 'float32' | 'float16',
): Promise<ImageData> {
  const previewer = await createPreviewer({ format, decoder, device, precision });
  const picture = await previewer.toImageData(latentsFromArray(input, { shape: inputShape }));
  previewer.destroy();
  if (previewer.precision !== precision) throw new Error(`it decodes in ${previewer.precision}`);
  return picture;
}
