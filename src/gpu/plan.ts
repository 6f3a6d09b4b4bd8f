// A decoder's layers compiled for one device: its pipelines and weights, and for each picture size the buffers and bind
// groups of its schedule. Recording a frame of a size seen before creates nothing on the GPU.

import { LatentPreviewError } from '../errors';
import { inputOf, type Layer } from '../ops/op';
import type { Shape } from '../tensor';
import type { LatentView } from '../view';
import { compileKernel, type KernelSpec } from './kernel';
import { ContentCache, RecentMap } from './memory';
import { type Dispatch, type Schedule, type ScheduleLimits, schedule } from './schedule';
import { bindingRange, type LatentSource, viewWords } from './source';
import {
  familyOf,
  type KernelFamily,
  type Pass,
  passesOf,
  type Scratch,
  type StagedLayer,
  scratchBytes,
  stagesOf,
} from './stages';

export interface PlanOutput {
  readonly activation: 'clamp' | 'sigmoid' | 'oklab';
  readonly scale: number;
  readonly offset: number;
}

/** One stage of a layer. */
interface Step {
  readonly pipeline: GPUComputePipeline;
  readonly weights: GPUBuffer | undefined;
  readonly takesAdded: boolean;
  readonly from: Scratch | undefined;
  readonly to: Scratch | undefined;
}

/** Of a layer in stages: what one leaves to the next. Absent where no layer has more than one. */
type ScratchBuffers = Readonly<Partial<Record<Scratch, GPUBuffer>>>;

/** One dispatch on the device, ready but for the bind group of those that read latents. */
interface ReadyPass {
  readonly layer: number;
  readonly step: Step;
  readonly workgroups: Pass['workgroups'];
  readonly group: GPUBindGroup | undefined;
}

/** What a picture size keeps: the picture, the buffers and the bind groups, those over the last source too. */
interface FrameResources {
  readonly schedule: Schedule;
  readonly picture: GPUTexture;
  readonly buffers: readonly GPUBuffer[];
  readonly uniforms: GPUBuffer | undefined;
  readonly slices: readonly (readonly ReadyPass[])[];
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
// Of View in shaders/lib/activations-input.wgsl.
const viewBytes = 48;

/**
 * @param family of kernels; default what suits the device
 * @throws LatentPreviewError `shader`, `gpu-limit`
 */
export async function compilePlan(
  device: GPUDevice,
  channels: number,
  layers: readonly Layer[],
  output: PlanOutput,
  limits: Partial<ScheduleLimits> = {},
  family: KernelFamily = familyOf(device),
): Promise<Plan> {
  // Constants do not depend on the picture's size, so any size serves to make the pipelines.
  const shapes: Shape[] = [];
  const steps = layers.map((layer, index): Promise<Step[]> => {
    const last = index === layers.length - 1;
    const input = shapes[inputOf(layers, index)] ?? [channels, 32, 32];
    shapes[index] = layer.outputShape(input);
    const { stages } = stagesOf(layer, input, device.limits, family);
    return Promise.all(
      stages.map(async ({ shader, constants, weights, takesAdded = false, from, to }): Promise<Step> => {
        const toPicture = last && !to;
        const spec: KernelSpec = {
          input: layer.input,
          output: toPicture ? 'picture' : 'activations',
          kernel: {
            shader,
            constants: {
              ...constants,
              ...(toPicture
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
        const packed = weights?.() as Float32Array<ArrayBuffer> | undefined;
        if (!packed) return { pipeline, weights: undefined, takesAdded, from, to };
        const buffer = device.createBuffer({
          label: `${layer.name} ${index} weights`,
          size: Math.max(16, packed.byteLength),
          usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
        });
        device.queue.writeBuffer(buffer, 0, packed);
        return { pipeline, weights: buffer, takesAdded, from, to };
      }),
    );
  });
  const bufferBytes = Math.min(largestBuffer, device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  return new Plan(device, layers, await Promise.all(steps), family, { bufferBytes, sliceWork, ...limits });
}

export class Plan {
  readonly #device: GPUDevice;
  readonly #layers: readonly Layer[];
  readonly #steps: readonly (readonly Step[])[];
  readonly #family: KernelFamily;
  readonly #limits: ScheduleLimits;
  readonly #frames = new RecentMap<FrameResources>(keptSizes, ({ picture, buffers, uniforms }) => {
    picture.destroy();
    uniforms?.destroy();
    for (const buffer of buffers) buffer.destroy();
  });
  readonly #schedules = new RecentMap<Schedule>(keptSizes, () => {});
  readonly #uniforms: ContentCache;
  readonly #maps: ContentCache;
  #scratch: ScratchBuffers = {};

  constructor(
    device: GPUDevice,
    layers: readonly Layer[],
    steps: readonly (readonly Step[])[],
    family: KernelFamily,
    limits: ScheduleLimits,
  ) {
    this.#device = device;
    this.#layers = layers;
    this.#steps = steps;
    this.#family = family;
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
    for (const { layer, step, workgroups, group } of passes) {
      pass.setPipeline(step.pipeline);
      pass.setBindGroup(0, group ?? groups.get(layer));
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    return frame.picture;
  }

  destroy(): void {
    for (const { weights } of this.#steps.flat()) weights?.destroy();
    this.#scratch.tiles?.destroy();
    this.#scratch.sums?.destroy();
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
    const view = picture.createView();
    const staged = (dispatch: Dispatch): StagedLayer =>
      stagesOf(this.#layers[dispatch.layer], dispatch.shape, this.#device.limits, this.#family);
    this.#createScratch(plan.slices.flat().map(staged));
    const planned = plan.slices.map((slice) =>
      slice.flatMap((dispatch) => passesOf(staged(dispatch), dispatch).map((pass) => ({ dispatch, pass }))),
    );
    const inner = planned.flat().filter(({ dispatch }) => dispatch.input !== 'latents');
    const uniforms = this.#createUniforms(inner.map(({ pass }) => pass));
    const places = new Map(inner.map(({ pass }, index) => [pass, index * uniformStep]));
    const slices = planned.map((slice) =>
      slice.map(({ dispatch, pass }): ReadyPass => {
        const step = this.#steps[dispatch.layer][pass.stage];
        const offset = places.get(pass);
        const group =
          uniforms && offset !== undefined
            ? this.#bind(dispatch, step, buffers, view, { buffer: uniforms, offset, size: viewBytes })
            : undefined;
        return { layer: dispatch.layer, step, workgroups: pass.workgroups, group };
      }),
    );
    return { schedule: plan, picture, buffers, uniforms, slices };
  }

  /** Once, for pictures of any size. */
  #createScratch(layers: readonly StagedLayer[]): void {
    if (this.#scratch.tiles) return;
    const create = (scratch: Scratch): GPUBuffer =>
      this.#device.createBuffer({
        label: scratch,
        size: scratchBytes(layers, scratch),
        usage: GPUBufferUsage.STORAGE,
      });
    if (layers.some(({ tiling }) => tiling)) this.#scratch = { tiles: create('tiles'), sums: create('sums') };
  }

  /** The View of every pass that reads activations, one after the other. */
  #createUniforms(passes: readonly Pass[]): GPUBuffer | undefined {
    if (passes.length === 0) return undefined;
    const words = new Uint32Array((passes.length * uniformStep) / 4);
    for (const [index, { view }] of passes.entries()) words.set(view, (index * uniformStep) / 4);
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
    { pipeline, weights, takesAdded, from, to }: Step,
    buffers: readonly GPUBuffer[],
    picture: GPUTextureView,
    uniform: GPUBufferBinding,
  ): GPUBindGroup {
    const scratch = (which: Scratch): GPUBindingResource => ({ buffer: this.#scratch[which] as GPUBuffer });
    const place = (of: Dispatch['input'] | Dispatch['output']): GPUBindingResource =>
      of === 'picture' ? picture : { buffer: buffers[of as number] };
    const source = from ? scratch(from) : place(input);
    return this.#device.createBindGroup({
      label: `${this.#layers[layer].name} ${layer}`,
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: source },
        { binding: 2, resource: uniform },
        ...(weights ? [{ binding: 3, resource: { buffer: weights } }] : []),
        { binding: 4, resource: to ? scratch(to) : place(output) },
        // Bound to anything where nothing is added.
        ...(takesAdded ? [{ binding: 5, resource: added === undefined ? source : place(added) }] : []),
      ],
    });
  }

  #bindLatents(frame: FrameResources, source: LatentSource): ReadonlyMap<number, GPUBindGroup> {
    const { buffer, domainMap } = source;
    const range = bindingRange(this.#device, source);
    const uniform = this.#uniforms.get(viewWords(source, range.base));
    const map = this.#maps.get(domainMap);
    const key = [buffer, range.offset, range.size, uniform, map];
    if (frame.latents && key.every((part, index) => part === frame.latents?.key[index])) return frame.latents.groups;
    const groups = new Map<number, GPUBindGroup>();
    for (const { layer, input, output } of frame.schedule.slices.flat()) {
      if (input !== 'latents') continue;
      const [{ pipeline, weights }] = this.#steps[layer];
      const goal = output === 'picture' ? frame.picture.createView() : { buffer: frame.buffers[output] };
      const group = this.#device.createBindGroup({
        label: `${this.#layers[layer].name} ${layer}`,
        layout: pipeline.getBindGroupLayout(0),
        entries: [
          { binding: 0, resource: { buffer, offset: range.offset, size: range.size } },
          { binding: 1, resource: { buffer: map } },
          { binding: 2, resource: { buffer: uniform } },
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
