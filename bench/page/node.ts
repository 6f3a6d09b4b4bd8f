// The measurement in Node, where node.mjs has put Dawn's WebGPU: for machines with a GPU that no headless browser reaches.

import './meter';
import type { Contender } from './contender';
import { type BenchOptions, measure } from './measure';
import { miniNetwork } from './mini';
import { linearNetwork, taesdNetwork } from './network';
import { ours, oursInFloats } from './ours';
import { adapterInfo, measurePeak } from './peak';
import { type TensorFlow, tensorflow } from './tensorflow';

/** @param loadTensorFlow with its WebGPU backend, where it is installed */
export async function run(
  options: BenchOptions & { readonly weights?: Uint8Array; readonly mini: Uint8Array },
  loadTensorFlow: () => Promise<unknown>,
) {
  const all: readonly Contender[] = [
    ...ours,
    tensorflow('TensorFlow.js WebGPU', 'webgpu', async () => (await loadTensorFlow()) as TensorFlow, true),
  ];
  const networks = [await taesdNetwork(options.weights), await miniNetwork(options.mini), linearNetwork()];
  const before = await measurePeak();
  const say = (...parts: unknown[]): void => console.log(...parts);
  const rows = await measure(networks, options, { all, reference: oursInFloats, say });
  const after = await measurePeak();
  return {
    adapter: await adapterInfo(),
    peak: after && before && (after.gflops > before.gflops ? after : before),
    weights: networks[0]!.weights,
    rows,
  };
}
