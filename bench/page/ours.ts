// latent-preview itself, as a page uses it: latents in, ImageData out. And without the way back from the GPU.

import { createPreviewer, latentsFromArray, linear, type Previewer, taesd } from 'latent-preview';
import { createConvRunner } from '../../src/wasm/index';
import type { Contender, Latents, Output } from './contender';
import type { Network } from './network';

const open = ({ size, data }: Latents) => latentsFromArray(data, { shape: [1, 4, size, size] });

const decoderOf = ({ task, tensors }: Network) => (task === 'taesd' ? taesd(tensors) : linear('sd15'));

async function pixels(previewer: Previewer, latents: Latents): Promise<Output> {
  return { pixels: (await previewer.toImageData(open(latents))).data };
}

const cpu: Contender = {
  name: 'latent-preview CPU (1 thread)',
  async prepare(network) {
    const decoder = decoderOf(network);
    const previewer = await createPreviewer({ format: 'sd15', decoder, backend: 'cpu' });
    return {
      decode: (latents) => pixels(previewer, latents),
      // The same numbers before they become bytes.
      async check({ data, size }) {
        const runner = network.task === 'taesd' ? await createConvRunner(decoder.layers) : undefined;
        return runner && { planes: (await runner.run(data, [4, size, size])).planes };
      },
      destroy: () => previewer.destroy(),
    };
  },
};

const gpu: Contender = {
  name: 'latent-preview WebGPU',
  async prepare(network) {
    const decoder = decoderOf(network);
    const previewer = await createPreviewer({ format: 'sd15', decoder, backend: 'webgpu' });
    return { decode: (latents) => pixels(previewer, latents), destroy: () => previewer.destroy() };
  },
};

const stays: Contender = {
  name: 'latent-preview WebGPU, no read-back',
  async prepare(network) {
    const decoder = decoderOf(network);
    const previewer = await createPreviewer({ format: 'sd15', decoder, backend: 'webgpu' });
    const { device } = previewer;
    if (!device) throw new Error('a previewer on the GPU has a device');
    return {
      async decode(latents) {
        const encoder = device.createCommandEncoder();
        previewer.record(encoder, open(latents));
        device.queue.submit([encoder.finish()]);
        await device.queue.onSubmittedWorkDone();
        return undefined;
      },
      check: (latents) => pixels(previewer, latents),
      destroy: () => previewer.destroy(),
    };
  },
};

export const ours: readonly Contender[] = [cpu, gpu, stays];

/** Where there is no onnxruntime-web: our CPU path in floats, which the tests hold to PyTorch. */
export const oursInFloats: Contender = {
  name: 'reference',
  async prepare(network) {
    const runner = await createConvRunner(decoderOf(network).layers);
    if (!runner) throw new Error('WebAssembly SIMD is needed');
    return { decode: async ({ data, size }) => ({ planes: (await runner.run(data, [4, size, size])).planes }) };
  },
};
