// The contract of a layer: its shape, its truth, its kernel and the examples that test it, in one file so that they
// cannot drift apart. A new kernel is one file here, one .wgsl file of the same base name, and a line in index.ts.

import type { Shape } from '../tensor';

/** What WebGPU needs to run one layer. Everything a shader's size depends on is an override constant. */
export interface Kernel {
  /** Base name of the .wgsl file. */
  readonly shader: string;
  /** Values of the shader's override constants. */
  readonly constants: Readonly<Record<string, number>>;
  readonly workgroups: readonly [number, number, number];
  /** The layer's numbers in the order its shader reads them; absent where it has none. */
  readonly weights?: Float32Array;
}

/** The part of `GPUSupportedLimits` that kernels choose by. */
export interface KernelLimits {
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
}

/**
 * `latents`: reads latents through lib/latents.wgsl (any dtype, layout, packing, domain).
 * `planes`: reads float32 planes (C, H, W) that a layer before it wrote.
 * `picture`: reads a finished rgba8 picture.
 */
export type OpInput = 'latents' | 'planes' | 'picture';

export interface Op<P> {
  readonly name: string;
  readonly input: OpInput;
  /** True where an output pixel depends on the input pixel at its place alone: the CPU path then works in bands. */
  readonly perPixel: boolean;
  /** Shapes are (C, H, W). @throws LatentPreviewError `shape` where the input does not fit the parameters */
  outputShape(input: Shape, params: P): Shape;
  /**
   * The truth the kernel is held to, and the CPU fallback: (C, H, W) in, `outputShape` out, unclamped.
   * A non-finite input must make its outputs non-finite (the CPU path finds bad latents by that).
   * @param output to be filled instead of a new array, with room for the output
   */
  reference(input: Float32Array, shape: Shape, params: P, output?: Float32Array): Float32Array;
  kernel(input: Shape, params: P, limits: KernelLimits): Kernel;
  /** Odd sizes, one pixel, 1×N, many channels: these drive the tests on every WebGPU implementation. */
  readonly examples: readonly { readonly shape: Shape; readonly params: P }[];
}

/** One op with its parameters: an entry of a decoder's layer list. */
export interface Layer {
  readonly name: string;
  readonly input: OpInput;
  readonly perPixel: boolean;
  outputShape(input: Shape): Shape;
  reference(input: Float32Array, shape: Shape, output?: Float32Array): Float32Array;
  kernel(input: Shape, limits: KernelLimits): Kernel;
}

/** Binds an op to its parameters. */
export const layer = <P>(op: Op<P>, params: P): Layer => ({
  name: op.name,
  input: op.input,
  perPixel: op.perPixel,
  outputShape: (input) => op.outputShape(input, params),
  reference: (input, shape, output) => op.reference(input, shape, params, output),
  kernel: (input, limits) => op.kernel(input, params, limits),
});
