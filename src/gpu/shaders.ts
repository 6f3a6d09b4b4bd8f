// The .wgsl files by name, how they are joined, and how a compiler's line number is brought back to its file.

import conv2d from '../../shaders/conv2d.wgsl?raw';
import conv2dDoubled from '../../shaders/conv2d-doubled.wgsl?raw';
import conv2dNarrow from '../../shaders/conv2d-narrow.wgsl?raw';
import conv2dProducts from '../../shaders/conv2d-products.wgsl?raw';
import conv2dProductsQuads from '../../shaders/conv2d-products-quads.wgsl?raw';
import conv2dSingle from '../../shaders/conv2d-single.wgsl?raw';
import groupNorm from '../../shaders/group-norm.wgsl?raw';
import latentMap from '../../shaders/latent-map.wgsl?raw';
import activationsInput from '../../shaders/lib/activations-input.wgsl?raw';
import activationsOutput from '../../shaders/lib/activations-output.wgsl?raw';
import choosing from '../../shaders/lib/choose.wgsl?raw';
import conv2dDirectFinish from '../../shaders/lib/conv2d-direct-finish.wgsl?raw';
import conv2dFinish from '../../shaders/lib/conv2d-finish.wgsl?raw';
import latentsInput from '../../shaders/lib/latents.wgsl?raw';
import pictureOutput from '../../shaders/lib/picture-output.wgsl?raw';
import realFloat16 from '../../shaders/lib/real-f16.wgsl?raw';
import realFloat32 from '../../shaders/lib/real-f32.wgsl?raw';
import subgroups from '../../shaders/lib/subgroups.wgsl?raw';
import unpacked from '../../shaders/lib/unpacked.wgsl?raw';
import view from '../../shaders/lib/view.wgsl?raw';
import linear from '../../shaders/linear.wgsl?raw';
import mlp from '../../shaders/mlp.wgsl?raw';
import ninePixels from '../../shaders/nine-pixels.wgsl?raw';
import nineTiles from '../../shaders/nine-tiles.wgsl?raw';
import pixelShuffle from '../../shaders/pixel-shuffle.wgsl?raw';
import polynomial from '../../shaders/polynomial.wgsl?raw';
import resize from '../../shaders/resize.wgsl?raw';
import smooth from '../../shaders/smooth.wgsl?raw';
import unpack from '../../shaders/unpack.wgsl?raw';
import winogradPixels from '../../shaders/winograd-pixels.wgsl?raw';
import winogradTiles from '../../shaders/winograd-tiles.wgsl?raw';
import { LatentPreviewError } from '../errors';
import type { OpInput } from '../ops/op';
import type { Precision } from './precision';

const kernels: Readonly<Record<string, string>> = {
  conv2d,
  'conv2d-doubled': conv2dDoubled,
  'conv2d-narrow': conv2dNarrow,
  'conv2d-products': conv2dProducts,
  'conv2d-products-quads': conv2dProductsQuads,
  'conv2d-single': conv2dSingle,
  'group-norm': groupNorm,
  'latent-map': latentMap,
  linear,
  mlp,
  'nine-pixels': ninePixels,
  'nine-tiles': nineTiles,
  'pixel-shuffle': pixelShuffle,
  polynomial,
  resize,
  smooth,
  unpack,
  'winograd-pixels': winogradPixels,
  'winograd-tiles': winogradTiles,
};

type Part = readonly [name: string, text: string];

const choose: Part = ['lib/choose.wgsl', choosing];
const directFinish: readonly Part[] = [choose, ['lib/conv2d-direct-finish.wgsl', conv2dDirectFinish]];
const stagesFinish: readonly Part[] = [choose, ['lib/conv2d-finish.wgsl', conv2dFinish]];

/** What the kernels of convolutions end with. */
const finishes: Readonly<Record<string, readonly Part[]>> = {
  conv2d: directFinish,
  'conv2d-doubled': directFinish,
  'conv2d-narrow': directFinish,
  'conv2d-single': directFinish,
  'nine-pixels': stagesFinish,
  'winograd-pixels': stagesFinish,
};

/** What kernels enable beside `real`. */
const enables: Readonly<Record<string, Part>> = {
  'conv2d-products-quads': ['lib/subgroups.wgsl', subgroups],
};

const viewPart: Part = ['lib/view.wgsl', view];
const latentsPart: Part = ['lib/latents.wgsl', latentsInput];

const inputs: Readonly<Record<OpInput, readonly Part[]>> = {
  latents: [viewPart, latentsPart],
  unpacked: [viewPart, latentsPart, ['lib/unpacked.wgsl', unpacked]],
  activations: [viewPart, ['lib/activations-input.wgsl', activationsInput]],
  picture: [],
};

const outputs = {
  activations: [['lib/activations-output.wgsl', activationsOutput]],
  picture: [['lib/picture-output.wgsl', pictureOutput]],
} as const;

export type KernelOutput = keyof typeof outputs;

// Before everything else: what enables a feature must.
const reals: Readonly<Record<Precision, readonly [string, string]>> = {
  float32: ['lib/real-f32.wgsl', realFloat32],
  float16: ['lib/real-f16.wgsl', realFloat16],
};

interface Source {
  readonly code: string;
  /** The files in the order they were joined, each with its first line in `code` (from 1). */
  readonly files: readonly { readonly name: string; readonly firstLine: number }[];
}

/** A kernel's file with the library files its input, output and precision need. */
export function joinShader(
  name: string,
  input: OpInput,
  output: KernelOutput,
  precision: Precision = 'float32',
): Source {
  const kernel = kernels[name];
  if (kernel === undefined) throw new LatentPreviewError('shader', `shader: there is no ${name}.wgsl`);
  // A picture in means a picture out, and the kernel writes it itself.
  const library: readonly Part[] = input === 'picture' ? [] : [reals[precision], ...inputs[input], ...outputs[output]];
  const enable = enables[name];
  const parts: readonly Part[] = [
    ...(enable ? [enable] : []),
    ...library,
    ...(finishes[name] ?? []),
    [`${name}.wgsl`, kernel],
  ];
  let line = 1;
  const files = parts.map(([file, text]) => {
    const firstLine = line;
    line += text.split('\n').length;
    return { name: file, firstLine };
  });
  return { code: parts.map(([, text]) => text).join('\n'), files };
}

/** `conv2d.wgsl:27` for a line of the joined code. */
export function locate(line: number, { files }: Source): string {
  const file = files.filter(({ firstLine }) => firstLine <= line).at(-1);
  return file ? `${file.name}:${line - file.firstLine + 1}` : `line ${line}`;
}
