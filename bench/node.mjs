// Dawn's WebGPU and TensorFlow.js for page/node.ts. Started by run.mjs, in a process of its own:
// node node.mjs <bundle of page/node.ts> <orders as JSON> <output file>

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { create, globals } from 'webgpu';

const [bundle, orders, output] = process.argv.slice(2);
Object.assign(globalThis, globals);
// Kept: where Dawn's instance is collected while a device lives, the process crashes.
const gpu = create([]);
globalThis.latentPreviewBenchDawn = gpu;
Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'Node' }, configurable: true });

async function loadTensorFlow() {
  const require = createRequire(import.meta.url);
  const library = require('@tensorflow/tfjs');
  require('@tensorflow/tfjs-backend-webgpu');
  return library;
}

const { run } = await import(pathToFileURL(bundle).href);
const { weights, ...options } = JSON.parse(orders);
const mini = readFileSync(new URL('../weights/mini-sd15.safetensors', import.meta.url));
const result = await run({ ...options, mini, ...(weights ? { weights: readFileSync(weights) } : {}) }, loadTensorFlow);
writeFileSync(output, JSON.stringify(result));
// Dawn's objects would keep the process alive.
process.exit(0);
