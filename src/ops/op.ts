// The contract of a layer: its shape, its truth, its kernel and the examples that test it, in one file so that they
// cannot drift apart. A new kernel is one file here, one .wgsl file of the same base name, and a line in index.ts.

import type { Shape } from '../tensor';

/** What WebGPU needs to run one layer. Everything a shader's code depends on is an override constant. */
export interface Kernel {
  /** Base name of the .wgsl file. */
  readonly shader: string;
  /** Values of the shader's override constants; none depends on the picture's size. */
  readonly constants: Readonly<Record<string, number>>;
  readonly workgroups: readonly [number, number, number];
  /** Packs the layer's numbers in the order its shader reads them; absent where it has none. */
  readonly weights?: () => Float32Array;
  /** The shader has a binding for a tensor that is added; bound to anything where the layer adds nothing. */
  readonly takesAdded?: boolean;
  /** The shader keeps to `real` (shaders/lib/real-*.wgsl) for activations and weights, so that it takes half floats too. */
  readonly takesHalves?: boolean;
  /** Reading latents takes most of its time: worth a second pipeline for plain ones (shaders/lib/latents.wgsl). */
  readonly plainForm?: boolean;
  /** Rows of the output that a workgroup computes, from the view's `firstRow` on: a long dispatch may be cut at them. */
  readonly groupRows?: number;
}

/** The part of `GPUSupportedLimits` that kernels choose by. */
export interface KernelLimits {
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
}

/**
 * `latents`: reads latents through lib/latents.wgsl (any dtype, layout, packing, domain).
 * `unpacked`: the same four channels to a vec4f, softly clamped where asked, through lib/unpacked.wgsl.
 * `activations`: reads what a layer before it wrote, four channels to a vec4f, through lib/activations-input.wgsl.
 * `picture`: reads a finished rgba8 picture.
 */
export type OpInput = 'latents' | 'unpacked' | 'activations' | 'picture';

export interface Op<P> {
  readonly name: string;
  readonly input: OpInput;
  /** True where an output pixel depends on the input pixel at its place alone. */
  readonly perPixel: boolean;
  /** Shapes are (C, H, W). @throws LatentPreviewError `shape` where the input does not fit the parameters */
  outputShape(input: Shape, params: P): Shape;
  /**
   * How far beyond its own place an output pixel looks, in pixels of the output; 0 for per-pixel ops, Infinity where it
   * depends on the whole picture. What tiles overlap by is worked out from this.
   */
  reach(params: P): number;
  /** Multiplications per output pixel. */
  work(params: P): number;
  /**
   * The truth the kernel is held to, and the CPU fallback: (C, H, W) in, `outputShape` out, unclamped.
   * A non-finite input must make its outputs non-finite (the CPU path finds bad latents by that).
   * @param output to be filled instead of a new array, with room for the output
   * @param added of the output's shape, added before the activation: where a layer's `add` points
   */
  reference(input: Float32Array, shape: Shape, params: P, output?: Float32Array, added?: Float32Array): Float32Array;
  /** @param adds whether the layer adds a tensor (Wiring) */
  kernel(input: Shape, params: P, limits: KernelLimits, adds: boolean): Kernel;
}

/**
 * Odd sizes, one pixel, 1×N, many channels: these drive the tests on every WebGPU implementation. Beside the op, and a
 * function, so that neither users' bundles nor their start pay for it.
 */
export type Examples<P> = () => readonly { readonly shape: Shape; readonly params: P; readonly add?: boolean }[];

/** Where a layer stands among the others: a decoder is a list, and most layers read the one before. */
export interface Wiring {
  /** How many layers back its input is; default 1. */
  readonly from?: number;
  /** How many layers back the output lies that is added before this layer's activation; default none. */
  readonly add?: number;
}

/** One op with its parameters: an entry of a decoder's layer list. */
export interface Layer extends Wiring {
  /** What it was bound from: see {@link paramsOf}. */
  readonly bound: { readonly op: unknown; readonly params: unknown };
  readonly name: string;
  readonly input: OpInput;
  readonly perPixel: boolean;
  readonly reach: number;
  readonly work: number;
  outputShape(input: Shape): Shape;
  reference(input: Float32Array, shape: Shape, output?: Float32Array, added?: Float32Array): Float32Array;
  kernel(input: Shape, limits: KernelLimits): Kernel;
}

/** Binds an op to its parameters. */
export const layer = <P>(op: Op<P>, params: P, wiring: Wiring = {}): Layer => ({
  ...wiring,
  bound: { op, params },
  name: op.name,
  input: op.input,
  perPixel: op.perPixel,
  reach: op.reach(params),
  work: op.work(params),
  outputShape: (input) => op.outputShape(input, params),
  reference: (input, shape, output, added) => op.reference(input, shape, params, output, added),
  kernel: (input, limits) => op.kernel(input, params, limits, wiring.add !== undefined),
});

/** The layer whose output layer `index` reads; −1 is the decoder's input. */
export const inputOf = (layers: readonly Layer[], index: number): number => index - (layers[index].from ?? 1);

/** The layer whose output layer `index` adds; undefined where it adds nothing. */
export function addedOf(layers: readonly Layer[], index: number): number | undefined {
  const { add } = layers[index];
  return add === undefined ? undefined : index - add;
}

/** The parameters of a layer of this op; undefined for a layer of another one. */
export const paramsOf = <P>({ bound }: Layer, op: Op<P>): P | undefined =>
  bound.op === op ? (bound.params as P) : undefined;
