// latent-preview in Node through Dawn: for machines with a GPU that no headless browser reaches. Started by run.mjs:
// node node.mjs <built library> <sizes> <output file> <weight file or ''>

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { create, globals } from 'webgpu';

const [library, sizes, output, weightFile] = process.argv.slice(2);
Object.assign(globalThis, globals);
// Kept: where Dawn's instance is collected while a device lives, the process crashes.
const gpu = create([]);
globalThis.latentPreviewBenchDawn = gpu;

const { createPreviewer, latentsFromArray, loadWeights, taesd } = await import(
  pathToFileURL(join(library, 'index.js')).href
);

const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
if (!adapter) throw new Error('Dawn found no WebGPU adapter');
const requiredFeatures = ['shader-f16', 'subgroups'].filter((feature) => adapter.features.has(feature));
const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
const device = await adapter.requestDevice({
  requiredFeatures,
  requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
});

let dispatches = 0;
const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...counts) {
  dispatches++;
  return dispatchWorkgroups.apply(this, counts);
};

/** Values alike for every run; what they are does not change the time. */
const noise = (count, scale) => {
  let state = 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * scale;
  });
};

function randomWeights() {
  const tensors = new Map();
  const conv = (name, inputs, outputs, bias = true) => {
    const data = noise(outputs * inputs * 9, 1 / Math.sqrt(inputs * 9));
    tensors.set(`${name}.weight`, { dtype: 'float32', shape: [outputs, inputs, 3, 3], data });
    if (bias) tensors.set(`${name}.bias`, { dtype: 'float32', shape: [outputs], data: noise(outputs, 0.05) });
  };
  conv('1', 4, 64);
  for (const block of [3, 4, 5, 8, 9, 10, 13, 14, 15, 18])
    for (const k of [0, 2, 4]) conv(`${block}.conv.${k}`, 64, 64);
  for (const place of [7, 12, 17]) conv(`${place}`, 64, 64, false);
  conv('19', 64, 3);
  return tensors;
}

const decoder = taesd(weightFile ? await loadWeights(readFileSync(weightFile)) : randomWeights());
const timed = async (run) => {
  const start = performance.now();
  await run();
  return performance.now() - start;
};

let previewer;
const setUp = await timed(async () => {
  previewer = await createPreviewer({ format: 'sd15', decoder, device });
});

const rows = [];
for (const size of sizes.split(',').map(Number)) {
  const latents = latentsFromArray(noise(4 * size * size, 2), { shape: [1, 4, size, size] });
  const onGpu = async () => {
    const encoder = device.createCommandEncoder();
    previewer.record(encoder, latents);
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  };
  for (const [name, run] of [
    ['latent-preview, picture stays on the GPU', onGpu],
    ['latent-preview, read back', () => previewer.toImageData(latents)],
  ]) {
    dispatches = 0;
    const first = await timed(run);
    const row = { name, size, setUp: rows.length ? undefined : setUp, first, times: [], dispatches };
    // As nominalFlops() of page/network.ts counts them.
    row.flops = 141.35e9 * (size / 64) ** 2;
    const begun = performance.now();
    while (row.times.length < (first > 5000 ? 1 : 3) || (row.times.length < 50 && performance.now() - begun < 5000))
      row.times.push(await timed(run));
    rows.push(row);
    console.log(name, size, 'first', first.toFixed(1), 'steady', Math.min(...row.times).toFixed(2));
  }
}

const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
const weights = weightFile ? 'the published ones of TAESD (SD1)' : 'random ones of the shapes of TAESD';
writeFileSync(
  output,
  JSON.stringify({
    adapter: { vendor, architecture, description, isFallbackAdapter },
    features: requiredFeatures,
    weights,
    rows,
  }),
);
previewer.destroy();
device.destroy();
process.exit(0);
