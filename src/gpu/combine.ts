// Runs shaders/combine.wgsl: two whole tensors in GPU memory into a third. Knows neither schedulers nor what the numbers
// mean. Beside kernel.ts, which knows all shaders of the decoders: whoever wants this alone need not load those.

import combineShader from '../../shaders/combine.wgsl?raw';
import type { GpuTensor } from '../latents';
import { type CombineParams, combine } from '../ops/combine';
import { elementCount, type Tensor } from '../tensor';
import { ContentCache } from './memory';
import { dtypeCodes, elementRange } from './source';
import { asGpuTensor } from './upload';

interface DeviceCache {
  readonly pipeline: GPUComputePipeline;
  readonly combinations: ContentCache;
}

const caches = new WeakMap<GPUDevice, DeviceCache>();

function cacheOf(device: GPUDevice, constants: Record<string, number>): DeviceCache {
  let cache = caches.get(device);
  if (!cache) {
    const module = device.createShaderModule({ label: 'combine', code: combineShader });
    const compute = { module, entryPoint: 'main', constants };
    cache = {
      pipeline: device.createComputePipeline({ label: 'combine', layout: 'auto', compute }),
      combinations: new ContentCache(device, 'combination', GPUBufferUsage.UNIFORM),
    };
    caches.set(device, cache);
  }
  return cache;
}

/**
 * Records first · p + second · q into `result`, float32, from its first byte.
 * @throws LatentPreviewError `shape`, `gpu-limit`
 */
export function recordCombine(
  device: GPUDevice,
  encoder: GPUCommandEncoder,
  [first, second]: readonly [GpuTensor, GpuTensor],
  { factors }: CombineParams,
  result: GPUBuffer,
): void {
  const count = elementCount(combine.outputShape(first.shape, second.shape));
  const range = (tensor: GpuTensor, what: string) => elementRange(device, { ...tensor, base: 0 }, count, { what });
  const [from, and] = [range(first, 'the first tensor'), range(second, 'the second tensor')];
  const to = range({ buffer: result, offset: 0, dtype: 'float32', shape: first.shape }, 'the result');

  const { constants, workgroups } = combine.kernel(count);
  const { pipeline, combinations } = cacheOf(device, constants);
  // Combination in combine.wgsl, padded to 16 bytes.
  const words = new Uint32Array(8);
  words.set(new Uint32Array(Float32Array.from(factors).buffer));
  words.set([count, from.base, and.base, dtypeCodes[first.dtype], dtypeCodes[second.dtype]], 2);
  const bound = (buffer: GPUBuffer, { offset, size }: typeof to) => ({ buffer, offset, size });
  const pass = encoder.beginComputePass({ label: 'latent-preview combine' });
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      label: 'combine',
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: bound(first.buffer, from) },
        { binding: 1, resource: bound(second.buffer, and) },
        { binding: 2, resource: { buffer: combinations.get(words) } },
        { binding: 4, resource: bound(result, to) },
      ],
    }),
  );
  pass.dispatchWorkgroups(...workgroups);
  pass.end();
}

/** A tensor of CPU memory in a buffer of its own, which the caller destroys. */
export function uploadTensor(device: GPUDevice, tensor: Tensor): GpuTensor {
  const { dtype, data } = asGpuTensor(tensor);
  // Buffers that are mapped at once, and bindings, come in words.
  const size = Math.max(4, Math.ceil(data.byteLength / 4) * 4);
  const usage = GPUBufferUsage.STORAGE;
  const buffer = device.createBuffer({ label: 'latents to combine', size, usage, mappedAtCreation: true });
  new Uint8Array(buffer.getMappedRange()).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  buffer.unmap();
  return { buffer, offset: 0, dtype, shape: tensor.shape };
}
