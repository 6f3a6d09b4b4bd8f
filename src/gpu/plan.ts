// A decoder's layers compiled for one device: which dispatches, which buffers between them, which picture at the end.
// Recording a frame of a size seen before creates nothing on the GPU.

import { LatentPreviewError } from '../errors';
import type { Layer } from '../ops/op';
import { compileKernel, type KernelSpec } from './kernel';
import { ContentCache, RecentMap } from './memory';
import { bindingRange, type LatentSource, uniformBytes, viewWords } from './source';

export interface PlanOutput {
  readonly activation: 'clamp' | 'sigmoid' | 'oklab';
  readonly scale: number;
  readonly offset: number;
}

/** What a frame size keeps: the picture, the planes between layers and the bind groups over the last source. */
interface FrameResources {
  readonly picture: GPUTexture;
  readonly planes: readonly GPUBuffer[];
  groups?: { readonly key: readonly unknown[]; readonly bindings: readonly GPUBindGroup[] };
}

interface Step {
  readonly layer: Layer;
  readonly pipeline: GPUComputePipeline;
  readonly weights: GPUBuffer;
}

const activations = { clamp: 0, sigmoid: 1, oklab: 2 } as const;

// Frame sizes kept at a time; the least recently used goes first.
const keptSizes = 8;

/** @throws LatentPreviewError `shader`, `gpu-limit` */
export async function compilePlan(
  device: GPUDevice,
  channels: number,
  layers: readonly Layer[],
  output: PlanOutput,
): Promise<Plan> {
  // Constants do not depend on the picture's size, so any size serves to make the pipelines.
  let shape: readonly number[] = [channels, 1, 1];
  const steps = layers.map(async (layer, index): Promise<Step> => {
    const last = index === layers.length - 1;
    const kernel = layer.kernel(shape, device.limits);
    shape = layer.outputShape(shape);
    const spec: KernelSpec = {
      input: layer.input,
      output: last ? 'picture' : 'planes',
      kernel: {
        shader: kernel.shader,
        constants: last
          ? {
              ...kernel.constants,
              activation: activations[output.activation],
              outputScale: output.scale,
              outputOffset: output.offset,
            }
          : kernel.constants,
      },
    };
    const pipeline = await compileKernel(device, spec);
    const weights = device.createBuffer({
      label: `${layer.name} weights`,
      size: Math.max(16, kernel.weights?.byteLength ?? 0),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
    });
    if (kernel.weights) device.queue.writeBuffer(weights, 0, kernel.weights as Float32Array<ArrayBuffer>);
    return { layer, pipeline, weights };
  });
  return new Plan(device, await Promise.all(steps));
}

export class Plan {
  readonly #device: GPUDevice;
  readonly #steps: readonly Step[];
  readonly #frames = new RecentMap<FrameResources>(keptSizes, ({ picture, planes }) => {
    picture.destroy();
    for (const buffer of planes) buffer.destroy();
  });
  readonly #uniforms: ContentCache;
  readonly #maps: ContentCache;

  constructor(device: GPUDevice, steps: readonly Step[]) {
    this.#device = device;
    this.#steps = steps;
    this.#uniforms = new ContentCache(device, 'latent view', GPUBufferUsage.UNIFORM);
    this.#maps = new ContentCache(device, 'domain map', GPUBufferUsage.STORAGE);
  }

  /**
   * Records one frame. The picture returned is this plan's, and is written again by the next frame of its size.
   * @throws LatentPreviewError `gpu-limit` where the picture or the latents exceed the device's limits
   */
  record(encoder: GPUCommandEncoder, source: LatentSource): GPUTexture {
    const { width, height } = source.view;
    checkPicture(this.#device, width, height);
    const frame = this.#frames.get(`${width}×${height}`, () => this.#createFrame(width, height));
    const groups = this.#bind(frame, source);
    const pass = encoder.beginComputePass({ label: 'latent-preview decode' });
    this.#steps.forEach(({ layer, pipeline }, index) => {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, groups[index]);
      const channels = index === 0 ? source.view.channels : 3;
      pass.dispatchWorkgroups(...layer.kernel([channels, height, width], this.#device.limits).workgroups);
    });
    pass.end();
    return frame.picture;
  }

  destroy(): void {
    for (const { weights } of this.#steps) weights.destroy();
    this.#frames.clear();
    this.#uniforms.clear();
    this.#maps.clear();
  }

  #createFrame(width: number, height: number): FrameResources {
    const bytes = 3 * width * height * 4;
    const most = this.#device.limits.maxStorageBufferBindingSize;
    if (this.#steps.length > 1 && bytes > most)
      throw new LatentPreviewError(
        'gpu-limit',
        `previewer: the planes between two layers take ${bytes} bytes for ${width}×${height}, the device binds at most ` +
          `${most}; use backend 'cpu', or pass a device with a higher maxStorageBufferBindingSize`,
      );
    const picture = createPicture(this.#device, width, height, 'decoded');
    const planes = this.#steps.slice(1).map((_, index) =>
      this.#device.createBuffer({
        label: `planes after layer ${index}`,
        size: bytes,
        usage: GPUBufferUsage.STORAGE,
      }),
    );
    return { picture, planes };
  }

  #bind(frame: FrameResources, source: LatentSource): readonly GPUBindGroup[] {
    const { buffer, domainMap } = source;
    const range = bindingRange(this.#device, source);
    const uniform = this.#uniforms.get(viewWords(source, range.base));
    const map = this.#maps.get(domainMap);
    const key = [buffer, range.offset, range.size, uniform, map];
    if (frame.groups && key.every((part, index) => part === frame.groups?.key[index])) return frame.groups.bindings;
    const bindings = this.#steps.map(({ layer, pipeline, weights }, index) => {
      const goal = frame.planes[index];
      return this.#device.createBindGroup({
        label: layer.name,
        layout: pipeline.getBindGroupLayout(0),
        entries: [
          ...(index === 0
            ? [
                { binding: 0, resource: { buffer, offset: range.offset, size: range.size } },
                { binding: 1, resource: { buffer: map } },
                { binding: 2, resource: { buffer: uniform } },
              ]
            : [
                { binding: 0, resource: { buffer: frame.planes[index - 1] as GPUBuffer } },
                { binding: 2, resource: { buffer: uniform, offset: uniformBytes.size, size: uniformBytes.planes } },
              ]),
          { binding: 3, resource: { buffer: weights } },
          { binding: 4, resource: goal ? { buffer: goal } : frame.picture.createView() },
        ],
      });
    });
    frame.groups = { key, bindings };
    return bindings;
  }
}

/** An rgba8 texture that kernels write and that can be copied, sampled and read back. */
export const createPicture = (device: GPUDevice, width: number, height: number, label: string): GPUTexture =>
  device.createTexture({
    label: `${label} ${width}×${height}`,
    size: [width, height],
    format: 'rgba8unorm',
    usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_SRC,
  });

/** @throws LatentPreviewError `gpu-limit` */
export function checkPicture(device: GPUDevice, width: number, height: number): void {
  const most = device.limits.maxTextureDimension2D;
  if (width > most || height > most)
    throw new LatentPreviewError(
      'gpu-limit',
      `previewer: a picture of ${width}×${height} exceeds the device's ${most} pixels a side; ` +
        `ask for a smaller \`size\`, use backend 'cpu', or pass a device with a higher maxTextureDimension2D`,
    );
}
