// The steps that the demo's live page replays: a sample's latents with noise, less from step to step, as packets. Nothing is
// generated here: no model runs. Which socket they go through is live.mjs's.

import { bytesSource, openTensorFile, selectTensor } from '../src/files/index';
import { latentsFromArray } from '../src/latents';
import { type Content, encodeLatents, type WireType } from '../src/stream/index';
import { toFloat32 } from '../src/tensor';

export interface LiveOptions {
  readonly content: Content;
  readonly steps: number;
  readonly dtype: WireType;
  readonly deflate: boolean;
  readonly format: string;
  readonly seed: number;
}

/** Noise left after a share of the steps, from 1 to 0: a flow model's schedule, shifted by 3 as SD3's. */
export const sigmaAfter = (share: number): number => (3 * (1 - share)) / (1 + 2 * (1 - share));

/** One packet per step. `sample`: (1 − σ) · x0 + σ · noise. `x0`: those, smoothed, as a stand-in for a model's prediction. */
export async function* livePackets(
  file: Uint8Array,
  { content, steps, dtype, deflate, format, seed }: LiveOptions,
): AsyncGenerator<Uint8Array> {
  // Not by loadLatents, which imports what it needs only then: Vite's runner is closed when this runs.
  const tensor = await selectTensor(await openTensorFile(bytesSource(file))).tensor.read();
  const [clean, { shape }] = [toFloat32(tensor), tensor];
  const [height, width] = shape.slice(-2) as [number, number];
  const noise = gaussian(clean.length, seed);
  for (let step = 1; step <= steps; step++) {
    // A prediction is made from what the step began with, noisier than what it ends with.
    const sigma = sigmaAfter((content === 'x0' ? step - 1 : step) / steps);
    const noisy = clean.map((value, i) => (1 - sigma) * value + sigma * noise[i]);
    const data = content === 'x0' ? estimate(noisy, height, width, sigma) : noisy;
    yield encodeLatents(latentsFromArray(data, { shape, format, domain: 'model', layout: 'NCHW' }), {
      ...{ dtype, deflate, content, step, steps, sigma, timestep: Math.round(sigma * 1000) },
      metadata: { run: String(seed), note: 'a sample with noise, replayed; not a generation' },
    });
  }
}

/**
 * What can be said of the clean latents from noisy ones without a model: noise smoothed away over as many pixels as it takes,
 * and less contrast the less is known.
 */
function estimate(noisy: Float32Array, height: number, width: number, sigma: number): Float32Array {
  const radius = Math.min((1.2 * sigma) / Math.max(1 - sigma, 0.01), 4);
  // Less smoothing than this does nothing.
  if (radius < 0.3) return noisy.map((value) => value / (1 - sigma));
  const reach = Math.ceil(3 * radius);
  const bell = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-((k - reach) ** 2) / (2 * radius ** 2)));
  const total = bell.reduce((sum, weight) => sum + weight, 0);
  const weights = bell.map((weight) => weight / total);
  // What smoothing both ways leaves of the noise's variance, against a variance of latents of about 0.4.
  const left = sigma ** 2 * weights.reduce((sum, weight) => sum + weight ** 2, 0) ** 2;
  const gain = (1 - sigma) / ((1 - sigma) ** 2 + left / 0.4);
  return smoothed(noisy, height, width, weights).map((value) => value * gain);
}

/** Planes of height × width under weights both ways; beyond an edge, the nearest inside. */
function smoothed(planes: Float32Array, height: number, width: number, weights: readonly number[]): Float32Array {
  const reach = (weights.length - 1) / 2;
  const along = (from: Float32Array, length: number, stride: number): Float32Array =>
    from.map((_, i) => {
      const at = Math.floor(i / stride) % length;
      const start = i - at * stride;
      let value = 0;
      for (const [k, weight] of weights.entries())
        value += weight * from[start + Math.min(Math.max(at + k - reach, 0), length - 1) * stride];
      return value;
    });
  return along(along(planes, width, 1), height, width);
}

/** Normal numbers, the same for the same seed (Mulberry32, Box and Muller). */
function gaussian(length: number, seed: number): Float32Array {
  let state = seed;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
  return Float32Array.from(
    { length },
    () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}
