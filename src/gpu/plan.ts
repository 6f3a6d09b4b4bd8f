// A decoder's layers compiled for one device: its pipelines and weights, and for each picture size the buffers and bind
// groups of its schedule. Recording a frame of a size seen before creates nothing on the GPU.

import { LatentPreviewError } from '../errors';
import { inputOf, type Layer } from '../ops/op';
import type { Shape } from '../tensor';
import type { LatentView } from '../view';
import { compileKernel, type KernelSpec } from './kernel';
import { ContentCache, RecentMap } from './memory';
import { bytesOfReal, fitsHalves, type Precision, toReals } from './precision';
import { type Dispatch, type Schedule, type ScheduleLimits, schedule } from './schedule';
import { bindingRange, type LatentSource, viewWords } from './source';

export interface PlanOutput {
  readonly activation: 'clamp' | 'sigmoid' | 'oklab';
  readonly scale: number;
  readonly offset: number;
}

interface Step {
  readonly pipeline: GPUComputePipeline;
  readonly weights: GPUBuffer | undefined;
  readonly takesAdded: boolean;
}

/** One dispatch, ready but for the bind group of those that read latents. */
interface Pass {
  readonly dispatch: Dispatch;
  readonly workgroups: readonly [number, number, number];
  readonly group: GPUBindGroup | undefined;
}

/** What a picture size keeps: the picture, the buffers and the bind groups, those over the last source too. */
interface FrameResources {
  readonly schedule: Schedule;
  readonly picture: GPUTexture;
  readonly buffers: readonly GPUBuffer[];
  readonly uniforms: GPUBuffer | undefined;
  readonly slices: readonly (readonly Pass[])[];
  latents?: { readonly key: readonly unknown[]; readonly groups: ReadonlyMap<number, GPUBindGroup> };
}

const activations = { clamp: 0, sigmoid: 1, oklab: 2 } as const;

// Picture sizes kept at a time; the least recently used goes first.
const keptSizes = 8;
// Of each buffer of activations. A decode needs at most four: 256 MiB.
const largestBuffer = 64 * 2 ** 20;
// Multiplications in one submit: a tenth of a second at a fifth of a TFLOP/s, which integrated GPUs reach.
const sliceWork = 10e9;
// Uniform bindings start at multiples of this.
const uniformStep = 256;

/**
 * @param wanted half floats give way to float32 where a layer has no kernel for them or a weight does not fit them
 * @throws LatentPreviewError `shader`, `gpu-limit`
 */
export async function compilePlan(
  device: GPUDevice,
  channels: number,
  layers: readonly Layer[],
  output: PlanOutput,
  wanted: Precision,
  limits: Partial<ScheduleLimits> = {},
): Promise<Plan> {
  // Constants do not depend on the picture's size, so any size serves to make the pipelines.
  const shapes: (readonly number[])[] = [];
  const kernels = layers.map((layer, index) => {
    const input = shapes[inputOf(layers, index)] ?? [channels, 32, 32];
    shapes[index] = layer.outputShape(input);
    const kernel = layer.kernel(input, device.limits);
    return { kernel, weights: kernel.weights?.() };
  });
  const halves = kernels.every(({ kernel, weights }) => kernel.takesHalves && (!weights || fitsHalves(weights)));
  const precision = halves ? wanted : 'float32';
  const steps = kernels.map(async ({ kernel, weights: values }, index): Promise<Step> => {
    const last = index === layers.length - 1;
    const spec: KernelSpec = {
      input: layers[index].input,
      output: last ? 'picture' : 'activations',
      precision,
      kernel: {
        shader: kernel.shader,
        constants: {
          ...kernel.constants,
          ...(last
            ? {
                activation: activations[output.activation],
                outputScale: output.scale,
                outputOffset: output.offset,
                hasAlpha: shapes[index][0] === 4 ? 1 : 0,
              }
            : {}),
        },
      },
    };
    const pipeline = await compileKernel(device, spec);
    const takesAdded = kernel.takesAdded ?? false;
    if (!values) return { pipeline, weights: undefined, takesAdded };
    const packed = toReals(values, precision) as Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
    const weights = device.createBuffer({
      label: `${layers[index].name} ${index} weights`,
      size: Math.max(16, packed.byteLength),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(weights, 0, packed);
    return { pipeline, weights, takesAdded };
  });
  const bufferBytes = Math.min(largestBuffer, device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  const elementBytes = bytesOfReal[precision];
  return new Plan(device, layers, await Promise.all(steps), precision, {
    bufferBytes,
    sliceWork,
    elementBytes,
    ...limits,
  });
}

export class Plan {
  /** Of activations and weights. */
  readonly precision: Precision;
  readonly #device: GPUDevice;
  readonly #layers: readonly Layer[];
  readonly #steps: readonly Step[];
  readonly #limits: ScheduleLimits;
  readonly #frames = new RecentMap<FrameResources>(keptSizes, ({ picture, buffers, uniforms }) => {
    picture.destroy();
    uniforms?.destroy();
    for (const buffer of buffers) buffer.destroy();
  });
  readonly #schedules = new RecentMap<Schedule>(keptSizes, () => {});
  readonly #uniforms: ContentCache;
  readonly #maps: ContentCache;

  constructor(
    device: GPUDevice,
    layers: readonly Layer[],
    steps: readonly Step[],
    precision: Precision,
    limits: ScheduleLimits,
  ) {
    this.precision = precision;
    this.#device = device;
    this.#layers = layers;
    this.#steps = steps;
    this.#limits = limits;
    this.#uniforms = new ContentCache(device, 'latent view', GPUBufferUsage.UNIFORM);
    this.#maps = new ContentCache(device, 'domain map', GPUBufferUsage.STORAGE);
  }

  /** Into how many submits a frame of this size is best cut. @throws LatentPreviewError `gpu-limit` */
  slices({ channels, height, width }: LatentView): number {
    return this.#schedule([channels, height, width]).slices.length;
  }

  /**
   * Records one slice of a frame, or all of it. The picture returned is this plan's, is done once the last slice is, and
   * is written again by the next frame of its size.
   * @throws LatentPreviewError `gpu-limit` where the picture or the latents exceed the device's limits
   */
  record(encoder: GPUCommandEncoder, source: LatentSource, slice?: number): GPUTexture {
    const frame = this.#frame(source);
    const groups = this.#bindLatents(frame, source);
    const pass = encoder.beginComputePass({ label: 'latent-preview decode' });
    const passes = slice === undefined ? frame.slices.flat() : frame.slices[slice];
    for (const { dispatch, workgroups, group } of passes) {
      pass.setPipeline(this.#steps[dispatch.layer].pipeline);
      pass.setBindGroup(0, group ?? groups.get(dispatch.layer));
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    return frame.picture;
  }

  destroy(): void {
    for (const { weights } of this.#steps) weights?.destroy();
    this.#frames.clear();
    this.#uniforms.clear();
    this.#maps.clear();
  }

  #frame({ view }: LatentSource): FrameResources {
    const { channels, width, height } = view;
    return this.#frames.get(`${width}×${height}`, () => this.#createFrame([channels, height, width]));
  }

  #schedule(shape: Shape): Schedule {
    return this.#schedules.get(shape.join('×'), () => schedule(this.#layers, shape, this.#limits));
  }

  #createFrame(shape: Shape): FrameResources {
    const plan = this.#schedule(shape);
    checkPicture(this.#device, plan.width, plan.height);
    const buffers = plan.buffers.map((size, index) =>
      this.#device.createBuffer({ label: `activations ${index}`, size, usage: GPUBufferUsage.STORAGE }),
    );
    const picture = createPicture(this.#device, plan.width, plan.height, 'decoded');
    const inner = plan.slices.flat().filter(({ input }) => input !== 'latents');
    const uniforms = this.#createUniforms(inner);
    const view = picture.createView();
    const passes = new Map(
      inner.map((dispatch, index) => [dispatch, this.#bind(dispatch, buffers, view, uniforms, index)] as const),
    );
    const slices = plan.slices.map((slice) =>
      slice.map((dispatch) => ({
        dispatch,
        workgroups: this.#layers[dispatch.layer].kernel(dispatch.shape, this.#device.limits).workgroups,
        group: passes.get(dispatch),
      })),
    );
    return { schedule: plan, picture, buffers, uniforms, slices };
  }

  /** The View of every dispatch that reads activations, one after the other. */
  #createUniforms(dispatches: readonly Dispatch[]): GPUBuffer | undefined {
    if (dispatches.length === 0) return undefined;
    const words = new Uint32Array((dispatches.length * uniformStep) / 4);
    dispatches.forEach((dispatch, index) => {
      const { width, height, shape, inputPlane, inputOffset, keepFirst, keepCount, pictureRow } = dispatch;
      const [, inputHeight, inputWidth] = shape;
      words.set(
        [width, height, width * height, inputWidth, inputHeight, inputPlane, inputOffset],
        (index * uniformStep) / 4,
      );
      words.set([keepFirst, keepCount, pictureRow], (index * uniformStep) / 4 + 7);
    });
    const buffer = this.#device.createBuffer({
      label: 'activation views',
      size: words.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.#device.queue.writeBuffer(buffer, 0, words);
    return buffer;
  }

  #bind(
    { layer, input, added, output }: Dispatch,
    buffers: readonly GPUBuffer[],
    picture: GPUTextureView,
    uniforms: GPUBuffer | undefined,
    index: number,
  ): GPUBindGroup {
    const { pipeline, weights, takesAdded } = this.#steps[layer];
    const buffer = buffers[input as number];
    const uniform = { buffer: uniforms as GPUBuffer, offset: index * uniformStep, size: 40 };
    return this.#device.createBindGroup({
      label: `${this.#layers[layer].name} ${layer}`,
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: { buffer } },
        { binding: 2, resource: uniform },
        ...(weights ? [{ binding: 3, resource: { buffer: weights } }] : []),
        { binding: 4, resource: output === 'picture' ? picture : { buffer: buffers[output] } },
        ...(takesAdded ? [{ binding: 5, resource: { buffer: added === undefined ? buffer : buffers[added] } }] : []),
      ],
    });
  }

  #bindLatents(frame: FrameResources, source: LatentSource): ReadonlyMap<number, GPUBindGroup> {
    const { buffer, domainMap } = source;
    const range = bindingRange(this.#device, source);
    const dispatches = frame.schedule.slices.flat().filter(({ input }) => input === 'latents');
    const uniforms = dispatches.map((dispatch) => this.#uniforms.get(viewWords(source, range.base, dispatch)));
    const map = this.#maps.get(domainMap);
    const key = [buffer, range.offset, range.size, map, ...uniforms];
    if (frame.latents && key.every((part, index) => part === frame.latents?.key[index])) return frame.latents.groups;
    const groups = new Map<number, GPUBindGroup>();
    for (const [index, { layer, output }] of dispatches.entries()) {
      const { pipeline, weights } = this.#steps[layer];
      const goal = output === 'picture' ? frame.picture.createView() : { buffer: frame.buffers[output] };
      const group = this.#device.createBindGroup({
        label: `${this.#layers[layer].name} ${layer}`,
        layout: pipeline.getBindGroupLayout(0),
        entries: [
          { binding: 0, resource: { buffer, offset: range.offset, size: range.size } },
          { binding: 1, resource: { buffer: map } },
          { binding: 2, resource: { buffer: uniforms[index] } },
          ...(weights ? [{ binding: 3, resource: { buffer: weights } }] : []),
          { binding: 4, resource: goal },
        ],
      });
      groups.set(layer, group);
    }
    frame.latents = { key, groups };
    return groups;
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
