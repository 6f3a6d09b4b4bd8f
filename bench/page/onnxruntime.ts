// onnxruntime-web: WebAssembly with one and two threads, WebGPU natively and through its older JavaScript kernels (JSEP).

import type { Contender } from './contender';
import { onnxModel } from './onnx';

interface OrtTensor {
  getData(): Promise<Float32Array>;
}
interface OrtSession {
  run(inputs: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
  release(): Promise<void>;
}
interface Ort {
  env: { wasm: { wasmPaths: string; numThreads: number }; logLevel: string };
  InferenceSession: { create(model: Uint8Array, options: object): Promise<OrtSession> };
  Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => OrtTensor;
}

const folder = `${location.origin}/peers/onnxruntime-web/dist/`;

function contender(name: string, bundle: string, provider: string, threads: number, slow = false): Contender {
  let ort: Ort;
  return {
    name,
    slow,
    async load() {
      // The query makes it a module of its own: the number of threads is chosen, and memory kept, once per module.
      ort = (await import(/* @vite-ignore */ `${folder}${bundle}?${encodeURIComponent(name)}`)) as Ort;
      ort.env.wasm.wasmPaths = folder;
      ort.env.wasm.numThreads = threads;
      ort.env.logLevel = 'error';
    },
    async prepare(network) {
      const session = await ort.InferenceSession.create(onnxModel(network), {
        executionProviders: [provider],
        graphOptimizationLevel: 'all',
      });
      return {
        async decode({ data, size }) {
          const results = await session.run({ latents: new ort.Tensor('float32', data, [1, 4, size, size]) });
          return { planes: await results.rgb!.getData() };
        },
        destroy: () => void session.release(),
      };
    },
  };
}

export const onnxruntime: readonly Contender[] = [
  contender('onnxruntime-web WASM, 1 thread', 'ort.wasm.bundle.min.mjs', 'wasm', 1),
  contender('onnxruntime-web WASM, 2 threads', 'ort.wasm.bundle.min.mjs', 'wasm', 2),
  contender('onnxruntime-web WebGPU', 'ort.webgpu.bundle.min.mjs', 'webgpu', 1, true),
  { ...contender('onnxruntime-web WebGPU (JSEP)', 'ort.bundle.min.mjs', 'webgpu', 1, true), older: true },
];

/** Whose output the others are compared with: another implementation than ours, in 32-bit floats. */
export const reference = contender('reference', 'ort.wasm.bundle.min.mjs', 'wasm', 1);
