// latent-preview itself, as a page uses it: latents in, ImageData out. And without the way back from the GPU.

import {
  createPreviewer,
  formats,
  latentsFromArray,
  linear,
  mini,
  type Previewer,
  taesd,
  viewLatents,
} from 'latent-preview';
import { outputScale } from '../../src/decoders/decoder';
import { createGpuDecoder } from '../../src/gpu/decode';
import { acquireDevice } from '../../src/gpu/device';
import { domainMap } from '../../src/view';
import { createConvRunner } from '../../src/wasm/index';
import type { Contender, Latents, Output } from './contender';
import type { Network } from './network';

const open = ({ size, data }: Latents) => latentsFromArray(data, { shape: [1, 4, size, size] });

const decoderOf = ({ task, tensors }: Network) =>
  task === 'linear' ? linear('sd15') : task === 'mini' ? mini(tensors) : taesd(tensors);

const all = ['taesd', 'mini', 'linear'] as const;

async function pixels(previewer: Previewer, latents: Latents): Promise<Output> {
  return { pixels: (await previewer.toImageData(open(latents))).data };
}

const cpu: Contender = {
  name: 'latent-preview CPU (1 thread)',
  tasks: all,
  convolves: 'winograd',
  async prepare(network) {
    const decoder = decoderOf(network);
    const previewer = await createPreviewer({ format: 'sd15', decoder, backend: 'cpu' });
    return {
      decode: (latents) => pixels(previewer, latents),
      // The same numbers before they become bytes.
      async check({ data, size }) {
        const runner = network.task !== 'linear' ? await createConvRunner(decoder.layers) : undefined;
        return runner && { planes: (await runner.run(data, [4, size, size])).planes };
      },
      destroy: () => previewer.destroy(),
    };
  },
};

// Software adapters alone take the stages of Winograd.
const isSoftware = (await navigator.gpu?.requestAdapter())?.info.isFallbackAdapter ?? false;

const gpu: Contender = {
  name: 'latent-preview WebGPU',
  tasks: all,
  convolves: isSoftware ? 'winograd' : 'nine',
  async prepare(network) {
    const decoder = decoderOf(network);
    const previewer = await createPreviewer({ format: 'sd15', decoder, backend: 'webgpu' });
    return { decode: (latents) => pixels(previewer, latents), destroy: () => previewer.destroy() };
  },
};

/** One family of kernels, whatever the adapter is. */
const family = (name: string, kernels: 'direct' | 'winograd', rest: Partial<Contender>): Contender => ({
  name,
  tasks: ['taesd', 'mini'],
  slow: true,
  ...rest,
  async prepare(network) {
    const { channels, layers, output } = decoderOf(network);
    const { device } = await acquireDevice();
    const scale = { activation: output.activation, ...outputScale(output) };
    const decoder = await createGpuDecoder(device, channels, layers, scale, { family: kernels });
    return {
      async decode(latents) {
        const { size, data } = latents;
        const view = viewLatents(open(latents), formats.sd15);
        const source = () => ({
          ...decoder.upload({ dtype: 'float32', data, strides: view.strides }),
          ...{ base: 0, dtype: 'float32' as const, view },
          domainMap: domainMap(formats.sd15, 'model', 'model', 1, 0),
        });
        const picture = { width: size * 8, height: size * 8, filter: 'nearest' } as const;
        const [pixels] = await decoder.readBack([{ source, view, size: picture }], {});
        return { pixels: pixels! };
      },
      destroy() {
        decoder.destroy();
        device.destroy();
      },
    };
  },
});

const families = isSoftware
  ? [family('latent-preview WebGPU, kernels for GPUs', 'direct', { convolves: 'nine' })]
  : [family('latent-preview WebGPU, kernels for software', 'winograd', { convolves: 'winograd' })];

const stays: Contender = {
  name: 'latent-preview WebGPU, no read-back',
  tasks: all,
  convolves: isSoftware ? 'winograd' : 'nine',
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

export const ours: readonly Contender[] = [cpu, gpu, ...families, stays];

/** Where there is no onnxruntime-web: our CPU path in floats, which the tests hold to PyTorch. */
export const oursInFloats: Contender = {
  name: 'reference',
  async prepare(network) {
    const runner = await createConvRunner(decoderOf(network).layers);
    if (!runner) throw new Error('WebAssembly SIMD is needed');
    return { decode: async ({ data, size }) => ({ planes: (await runner.run(data, [4, size, size])).planes }) };
  },
};
