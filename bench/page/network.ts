// What every contender computes, described once: the steps of TAESD's decoder, and a linear map as a network of one step.

import { formats, loadWeights, type Tensor } from 'latent-preview';
import { toFloat32 } from '../../src/tensor';

export type TaskName = 'taesd' | 'mini' | 'linear';

/** Each step reads the one before it; the first reads the latents. */
export type Step =
  | { readonly kind: 'clamp' }
  /** Nearest, ×2. */
  | { readonly kind: 'upsample' }
  /** Channels become pixels. */
  | { readonly kind: 'shuffle'; readonly factor: number }
  /** Keeps the size. `add`: the number of the step whose output is added before the ReLU. */
  | { readonly kind: 'conv'; readonly name: string; readonly relu: boolean; readonly add?: number };

export interface Conv {
  /** (outputs, inputs, size, size) */
  readonly weight: Float32Array<ArrayBuffer>;
  readonly shape: readonly [number, number, number, number];
  readonly bias: Float32Array<ArrayBuffer> | undefined;
}

export interface Network {
  readonly task: TaskName;
  readonly steps: readonly Step[];
  readonly convs: ReadonlyMap<string, Conv>;
  readonly upscale: number;
  /** As a weight file has them; for our own decoder. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Where the weights are from. */
  readonly weights: string;
}

/** Places in TAESD's nn.Sequential, in order. */
const places = ['clamp', 1, 'block 3', 'block 4', 'block 5', 'upsample', 7, 'block 8', 'block 9', 'block 10'] as const;
const rest = ['upsample', 12, 'block 13', 'block 14', 'block 15', 'upsample', 17, 'block 18', 19] as const;

function taesdSteps(): Step[] {
  const steps: Step[] = [];
  for (const place of [...places, ...rest]) {
    if (place === 'clamp' || place === 'upsample') steps.push({ kind: place });
    else if (typeof place === 'number') steps.push({ kind: 'conv', name: `${place}`, relu: place === 1 });
    else {
      const block = place.replace('block ', '');
      const input = steps.length - 1;
      steps.push(
        { kind: 'conv', name: `${block}.conv.0`, relu: true },
        { kind: 'conv', name: `${block}.conv.2`, relu: true },
        { kind: 'conv', name: `${block}.conv.4`, relu: true, add: input },
      );
    }
  }
  return steps;
}

/** TAESD's decoder with the weights of a file, or with random ones of the same shapes where there is none. */
export async function taesdNetwork(file: string | Uint8Array | undefined): Promise<Network> {
  const steps = taesdSteps();
  const tensors = file ? await loadWeights(file) : randomWeights(steps);
  const convs = new Map<string, Conv>();
  for (const step of steps) {
    if (step.kind !== 'conv') continue;
    const weight = tensors.get(`${step.name}.weight`);
    if (!weight) throw new Error(`the weight file has no ${step.name}.weight`);
    const bias = tensors.get(`${step.name}.bias`);
    const shape = weight.shape as unknown as Conv['shape'];
    convs.set(step.name, { weight: floats(weight), shape, bias: bias && floats(bias) });
  }
  const weights = file ? 'the published ones of TAESD (SD1)' : 'random ones of the shapes of TAESD';
  return { task: 'taesd', steps, convs, upscale: 8, tensors, weights };
}

/** Scaled so that values neither vanish nor explode on their way through the network. */
function randomWeights(steps: readonly Step[]): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [index, step] of steps.entries()) {
    if (step.kind !== 'conv') continue;
    const [inputs, outputs] = [step.name === '1' ? 4 : 64, step.name === '19' ? 3 : 64];
    const gain = step.name === '19' ? 0.15 : step.add === undefined ? 1.4 : 0.35;
    const weight = noise(outputs * inputs * 9, index).map((value) => (value * gain) / Math.sqrt(inputs * 9));
    tensors.set(`${step.name}.weight`, { dtype: 'float32', shape: [outputs, inputs, 3, 3], data: weight });
    // The convolutions after an upsampling have no bias.
    if (steps[index - 1]?.kind === 'upsample') continue;
    const bias = noise(outputs, index + 1000).map((value) => value / 20);
    tensors.set(`${step.name}.bias`, { dtype: 'float32', shape: [outputs], data: bias });
  }
  return tensors;
}

/** Published factors of SD 1.5 as a 1×1 convolution that leaves 0..1. */
export function linearNetwork(): Network {
  const { latentRgbFactors = [], latentRgbBias = [0, 0, 0] } = formats.sd15;
  const [weight, bias] = [new Float32Array(12), new Float32Array(3)];
  for (let plane = 0; plane < 3; plane++) {
    bias[plane] = (latentRgbBias[plane]! + 1) / 2;
    for (let c = 0; c < 4; c++) weight[plane * 4 + c] = latentRgbFactors[c]![plane]! / 2;
  }
  return {
    task: 'linear',
    steps: [{ kind: 'conv', name: 'map', relu: false }],
    convs: new Map([['map', { weight, shape: [3, 4, 1, 1], bias }]]),
    upscale: 1,
    tensors: new Map(),
    weights: 'the published ones of SD 1.5 (stable-diffusion.cpp)',
  };
}

/** Floating-point operations of direct convolutions, whatever a contender really executes. */
export function nominalFlops({ steps, convs }: Network, size: number): number {
  let [flops, pixels] = [0, size * size];
  for (const step of steps) {
    if (step.kind === 'upsample') pixels *= 4;
    if (step.kind === 'shuffle') pixels *= step.factor ** 2;
    if (step.kind === 'conv') flops += 2 * convs.get(step.name)!.weight.length * pixels;
  }
  return flops;
}

/**
 * The same for a contender that does without some of the products (Contender.convolves), its sums and transforms left out.
 * Which convolutions that goes for is the library's choice: 3×3 with 16 channels or more on both sides.
 */
export function executedFlops({ steps, convs }: Network, size: number, convolves: 'winograd' | 'nine'): number {
  let [flops, side] = [0, size];
  for (const [index, step] of steps.entries()) {
    if (step.kind === 'upsample') side *= 2;
    if (step.kind === 'shuffle') side *= step.factor;
    if (step.kind !== 'conv') continue;
    const { weight, shape } = convs.get(step.name)!;
    const [outputs, inputs, taps] = shape;
    const enlarged = steps[index - 1]?.kind === 'upsample';
    const fewer = enlarged || convolves === 'winograd';
    if (!fewer || taps !== 3 || Math.min(outputs, inputs) < 16) flops += 2 * weight.length * side ** 2;
    else if (enlarged) flops += 2 * outputs * inputs * 9 * (side / 2) ** 2;
    else flops += 2 * outputs * inputs * 36 * Math.ceil(side / 4) ** 2;
  }
  return flops;
}

/** Deterministic, roughly normal, of variance 1. */
export function noise(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  const uniform = (): number => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
  return Float32Array.from({ length: count }, () => (uniform() + uniform() + uniform() + uniform() - 2) * Math.sqrt(3));
}

const floats = (tensor: Tensor): Float32Array<ArrayBuffer> => new Float32Array(toFloat32(tensor));
