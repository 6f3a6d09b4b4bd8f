// TensorFlow.js: WebAssembly and WebGPU, in its own layout (pixels before channels) and with its fused convolutions.

import type { Contender } from './contender';

interface Tensor {
  readonly shape: readonly number[];
  transpose(order: readonly number[]): Tensor;
  expandDims(axis: number): Tensor;
  squeeze(axes: readonly number[]): Tensor;
  data(): Promise<Float32Array>;
  dispose(): void;
}
interface TensorFlow {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  getBackend(): string;
  tidy<T>(run: () => T): T;
  tensor(data: Float32Array, shape: readonly number[]): Tensor;
  mul(a: Tensor, b: number | Tensor): Tensor;
  div(a: Tensor, b: number): Tensor;
  tanh(a: Tensor): Tensor;
  add(a: Tensor, b: Tensor): Tensor;
  relu(a: Tensor): Tensor;
  image: { resizeNearestNeighbor(x: Tensor, size: readonly number[]): Tensor };
  fused: { conv2d(options: object): Tensor };
  wasm: { setWasmPaths(folder: string): void };
}

export type { TensorFlow };

const folder = '/peers/@tensorflow/';
const scripts = [
  'tfjs/dist/tf.min.js',
  'tfjs-backend-wasm/dist/tf-backend-wasm.min.js',
  'tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js',
];

let loaded: Promise<TensorFlow> | undefined;

async function loadInPage(): Promise<TensorFlow> {
  for (const script of scripts)
    await new Promise((resolve, reject) => {
      const element = document.createElement('script');
      Object.assign(element, { src: folder + script, onload: resolve, onerror: reject });
      document.head.append(element);
    });
  const { tf } = globalThis as unknown as { tf: TensorFlow };
  tf.wasm.setWasmPaths(`${folder}tfjs-backend-wasm/dist/`);
  return tf;
}

export function tensorflow(name: string, backend: string, load: () => Promise<TensorFlow>, slow = false): Contender {
  let tf: TensorFlow;
  return {
    name,
    slow,
    async load() {
      loaded ??= load();
      tf = await loaded;
    },
    async prepare({ steps, convs }) {
      // One library serves both backends, so each says at every turn which one is its own.
      await tf.setBackend(backend);
      await tf.ready();
      if (tf.getBackend() !== backend) throw new Error(`the backend is ${tf.getBackend()}`);
      const filters = new Map<string, { filter: Tensor; bias: Tensor | undefined }>();
      for (const [key, { weight, shape, bias }] of convs)
        filters.set(key, {
          filter: tf.tidy(() => tf.tensor(weight, shape).transpose([2, 3, 1, 0])),
          bias: bias && tf.tensor(bias, [bias.length]),
        });
      const run = (data: Float32Array, size: number): Tensor => {
        const results: Tensor[] = [];
        let x = tf.tensor(data, [4, size, size]).transpose([1, 2, 0]).expandDims(0);
        for (const step of steps) {
          if (step.kind === 'clamp') x = tf.mul(tf.tanh(tf.div(x, 3)), 3);
          else if (step.kind === 'upsample') x = tf.image.resizeNearestNeighbor(x, [x.shape[1]! * 2, x.shape[2]! * 2]);
          else if (step.kind === 'shuffle') throw new Error('a network of ours alone');
          else {
            const { filter, bias } = filters.get(step.name)!;
            const activation = step.relu && step.add === undefined ? 'relu' : 'linear';
            x = tf.fused.conv2d({ x, filter, bias, strides: 1, pad: 'same', activation });
            if (step.add !== undefined) x = tf.relu(tf.add(x, results[step.add]!));
          }
          results.push(x);
        }
        return x.squeeze([0]).transpose([2, 0, 1]);
      };
      return {
        async decode({ data, size }) {
          await tf.setBackend(backend);
          const result = tf.tidy(() => run(data, size));
          const planes = await result.data();
          result.dispose();
          return { planes };
        },
        destroy() {
          for (const { filter, bias } of filters.values()) {
            filter.dispose();
            bias?.dispose();
          }
        },
      };
    },
  };
}

export const tensorflowInPage: readonly Contender[] = [
  tensorflow('TensorFlow.js WASM', 'wasm', loadInPage),
  tensorflow('TensorFlow.js WebGPU', 'webgpu', loadInPage, true),
];
