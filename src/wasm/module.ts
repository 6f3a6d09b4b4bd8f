// The compiled convolution (conv/, conv-module.ts) with types: its memory, and a layer's description in that memory.

import type { Conv2dParams } from '../ops/conv2d';
import { convModule } from './conv-module';

/** As struct conv of conv/layer.h, in its order. Pointers are byte addresses, 0 where there is none. */
const fields = [
  'weight',
  'bias',
  'packed',
  'scratch',
  'inputs',
  'outputs',
  'size',
  'padding',
  'upscale',
  'slope',
  'width',
  'height',
  'outputWidth',
  'first',
  'end',
  'input',
  'inputFirst',
  'inputRows',
  'output',
  'outputFirst',
  'outputRows',
  'added',
  'addedFirst',
  'addedRows',
] as const;

export type ConvFields = Partial<Record<(typeof fields)[number], number>>;

const pageBytes = 65536;
/** Room for the description, which lies first. */
const descriptionBytes = 256;

interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly __heap_base: WebAssembly.Global<'i32'>;
  packedFloats(description: number): number;
  scratchFloats(description: number): number;
  cellCount(description: number): number;
  pack(description: number): void;
  run(description: number, first: number, end: number): void;
}

/** One instance of the module. Addresses are in bytes. */
export class ConvModule {
  /** Where memory is free from. */
  readonly start: number;
  readonly #exports: Exports;
  readonly #description: number;

  constructor(exports: Exports) {
    this.#exports = exports;
    this.#description = Math.ceil(this.#exports.__heap_base.value / 64) * 64;
    this.start = this.#description + descriptionBytes;
    this.reserve(this.start);
  }

  /**
   * Makes memory at least this large. Views from before are empty after it.
   * @throws RangeError where the platform has no more
   */
  reserve(bytes: number): void {
    const { memory } = this.#exports;
    const missing = bytes - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / pageBytes));
  }

  floats(address: number, count: number): Float32Array {
    return new Float32Array(this.#exports.memory.buffer, address, count);
  }

  /** Sets what is given of the layer that the calls below are about. */
  describe(values: ConvFields): void {
    const words = new DataView(this.#exports.memory.buffer, this.#description, descriptionBytes);
    fields.forEach((field, index) => {
      const value = values[field];
      if (value === undefined) return;
      if (field === 'slope') words.setFloat32(index * 4, value, true);
      else words.setUint32(index * 4, value, true);
    });
  }

  describeParams({ inputs, outputs, size, padding, upscale, activation }: Conv2dParams): void {
    const slope = { none: 1, relu: 0, leaky: 0.1 }[activation];
    this.describe({ inputs, outputs, size, padding, upscale, slope });
  }

  packedFloats = (): number => this.#exports.packedFloats(this.#description);
  scratchFloats = (): number => this.#exports.scratchFloats(this.#description);
  cellCount = (): number => this.#exports.cellCount(this.#description);
  pack = (): void => this.#exports.pack(this.#description);
  run = (first: number, end: number): void => this.#exports.run(this.#description, first, end);
}

/** Undefined where WebAssembly or its SIMD is missing, or a content security policy forbids it ('wasm-unsafe-eval'). */
export async function loadConvModule(): Promise<ConvModule | undefined> {
  if (typeof WebAssembly !== 'object') return undefined;
  try {
    const bytes = Uint8Array.from(atob(convModule), (character) => character.charCodeAt(0));
    const { instance } = await WebAssembly.instantiate(bytes);
    return new ConvModule(instance.exports as unknown as Exports);
  } catch {
    // Browsers do not agree on the error of a policy, and the bytes are always the same.
    return undefined;
  }
}
