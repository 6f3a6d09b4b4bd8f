// The contract of a contender: a network prepared once, then latents in CPU memory decoded again and again.

import type { Network } from './network';

/** Four planes of `size` × `size`. */
export interface Latents {
  readonly data: Float32Array<ArrayBuffer>;
  readonly size: number;
}

/** What a decode ends with: planes R, G, B in 0..1, not clamped; or RGBA bytes; or nothing, where the picture stays on the GPU. */
export type Output = { readonly planes: Float32Array } | { readonly pixels: Uint8ClampedArray } | undefined;

export interface Session {
  decode(latents: Latents): Promise<Output> | Output;
  /** What `decode` does not show of the same result; not timed. */
  check?(latents: Latents): Promise<Output>;
  destroy?(): void;
}

export interface Contender {
  readonly name: string;
  /** Takes tens of seconds per decode on a software GPU: not part of quick runs. */
  readonly slow?: boolean;
  /** Another contender is the same library in its newer form: left out where a decode takes tens of seconds. */
  readonly older?: boolean;
  /**
   * How it convolves: `winograd` is F(4×4, 3×3), and nine products where the picture was enlarged; `nine` these alone;
   * default directly, as the peers' sources do.
   */
  readonly convolves?: 'winograd' | 'nine';
  /** The tasks it takes part in; default those that are not of one library alone: TAESD and the linear map. */
  readonly tasks?: readonly Network['task'][];
  /** Loads its library; not timed. */
  load?(): Promise<unknown>;
  /** Timed as set-up. */
  prepare(network: Network): Promise<Session>;
}
