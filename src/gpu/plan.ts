// A decoder's layers compiled for one device: its pipelines and weights, and a frame's resources for each picture size.

import { LatentPreviewError } from '../errors';
import { inputOf, type Layer } from '../ops/op';
import { formatShape, type Shape } from '../tensor';
import type { LatentView } from '../view';
import { Frame, frameBytes, type StagedSchedule, type Step } from './frame';
import { fuseLayers } from './fuse';
import { compileKernel, type KernelSpec } from './kernel';
import { ContentCache, RecentMap } from './memory';
import { Pace } from './pace';
import { checkPicture } from './picture';
import { bytesOfReal, fitsHalves, type Precision, toReals } from './precision';
import { type Schedule, type ScheduleLimits, schedule } from './schedule';
import { scoped } from './scopes';
import { bindingRange, isPlain, type LatentSource, latentWords } from './source';
import { familyOf, type KernelFamily, passesOf, stagesOf } from './stages';

export interface PlanOutput {
  readonly activation: 'clamp' | 'sigmoid' | 'oklab';
  readonly scale: number;
  readonly offset: number;
}

const activations = { clamp: 0, sigmoid: 1, oklab: 2 } as const;

// Picture sizes kept at a time, and the bytes of them all; the least recently used goes first.
const keptSizes = 8;
const keptBytes = 256 * 2 ** 20;
// Of each buffer of activations: three of them, a picture of 2048², its read-back, latents and weights stay within 256 MiB.
const largestBuffer = (200 * 2 ** 20) / 3;
// Multiplications in one submit while nothing is known of the device: a tenth of a second at a tenth of a TFLOP/s, which
// integrated GPUs reach, and what a software adapter does in less; and what that one may do in one dispatch.
const firstWork = 5e9;
const firstWorkInSoftware = 6e7;
const dispatchWorkInSoftware = 4e7;

export interface PlanLimits extends ScheduleLimits {
  /** Of submits. */
  readonly pace: Pace;
  /** Multiplications in one dispatch, where it can be cut; less once the pace has shown that it takes too long. */
  readonly dispatchWork: number;
}

/**
 * @param wanted half floats give way to float32 where a layer has no kernel for them or a weight does not fit them
 * @param family of kernels; default what suits the device
 * @throws LatentPreviewError `shader`, `gpu-limit`
 */
export async function compilePlan(
  device: GPUDevice,
  channels: number,
  decoderLayers: readonly Layer[],
  output: PlanOutput,
  wanted: Precision,
  limits: Partial<PlanLimits> = {},
  family = familyOf(device, wanted),
): Promise<Plan> {
  const layers = fuseLayers(decoderLayers);
  // Constants do not depend on the picture's size, so any size serves to make the pipelines.
  const shapes: (readonly number[])[] = [];
  const staged = layers.map((layer, index) => {
    const input = shapes[inputOf(layers, index)] ?? [channels, 32, 32];
    shapes[index] = layer.outputShape(input);
    return stagesOf(layer, input, device.limits, family);
  });
  const blocks = staged.map(({ tiling }) => tiling?.side ?? 1);
  const stages = staged.map(({ stages }) => stages.map((stage) => ({ stage, values: stage.weights?.() })));
  const halves = stages.flat().every(({ stage, values }) => stage.takesHalves && (!values || fitsHalves(values)));
  const precision = halves ? wanted : 'float32';
  const compileStage = async ({ stage, values }: (typeof stages)[number][number], index: number): Promise<Step> => {
    const toPicture = index === layers.length - 1 && !stage.to;
    const { from, to, takesAdded = false } = stage;
    const spec: KernelSpec = {
      input: layers[index].input,
      output: toPicture ? 'picture' : 'activations',
      precision,
      kernel: {
        shader: stage.shader,
        constants: {
          ...stage.constants,
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
    const plainSpec = { ...spec, kernel: { ...spec.kernel, constants: { ...spec.kernel.constants, plainLatents: 1 } } };
    const [pipeline, plainPipeline] = await Promise.all([
      compileKernel(device, spec),
      stage.plainForm ? compileKernel(device, plainSpec) : undefined,
    ]);
    const pipelines = { pipeline, ...(plainPipeline && { plainPipeline }) };
    if (!values) return { ...pipelines, weights: undefined, takesAdded, from, to };
    const packed = toReals(values, precision) as Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
    const { value: weights, said } = scoped(device, () => {
      const buffer = device.createBuffer({
        label: `${layers[index].name} ${index} weights`,
        size: Math.max(16, packed.byteLength),
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
      });
      made.push(buffer);
      device.queue.writeBuffer(buffer, 0, packed);
      return buffer;
    });
    await said;
    return { ...pipelines, weights, takesAdded, from, to };
  };
  const made: GPUBuffer[] = [];
  const compiling = stages.map((ofLayer, index) => ofLayer.map((stage) => compileStage(stage, index)));
  const steps = await Promise.all(compiling.map((ofLayer) => Promise.all(ofLayer))).catch(async (error) => {
    // Nobody else could free what the other layers made.
    await Promise.allSettled(compiling.flat());
    for (const weights of made) weights.destroy();
    throw error;
  });
  const mostBytes = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  const elementBytes = bytesOfReal[precision];
  const software = device.adapterInfo?.isFallbackAdapter;
  return new Plan(device, { layers, blocks }, steps, precision, family, {
    bufferBytes: Math.min(largestBuffer, mostBytes),
    // What a caller limits is limited.
    ...(limits.bufferBytes ? {} : { mostBytes }),
    pace: new Pace(software ? firstWorkInSoftware : firstWork),
    // A GPU wants all it can get: bands leave parts of a large one idle.
    dispatchWork: software ? dispatchWorkInSoftware : Number.POSITIVE_INFINITY,
    elementBytes,
    ...limits,
  });
}

export class Plan {
  /** Of activations and weights. */
  readonly precision: Precision;
  /** Of this decoder's submits. */
  readonly pace: Pace;
  readonly #device: GPUDevice;
  readonly #layers: readonly Layer[];
  readonly #blocks: readonly number[];
  readonly #steps: readonly (readonly Step[])[];
  readonly #family: KernelFamily;
  readonly #limits: PlanLimits;
  /** Less than the limit once memory did not suffice. */
  #bufferBytes: number;
  #dispatchWork: number;
  readonly #frames = new RecentMap<Frame>(keptSizes, (frame) => frame.destroy(), keptBytes);
  readonly #planned = new RecentMap<Planned>(keptSizes, () => {});
  readonly #latentViews: ContentCache;
  readonly #maps: ContentCache;

  constructor(
    device: GPUDevice,
    { layers, blocks }: { readonly layers: readonly Layer[]; readonly blocks: readonly number[] },
    steps: readonly (readonly Step[])[],
    precision: Precision,
    family: KernelFamily,
    limits: PlanLimits,
  ) {
    this.precision = precision;
    this.#device = device;
    this.#layers = layers;
    this.#blocks = blocks;
    this.#steps = steps;
    this.#family = family;
    this.#limits = limits;
    this.#bufferBytes = limits.bufferBytes;
    this.#dispatchWork = limits.dispatchWork;
    this.pace = limits.pace;
    this.#latentViews = new ContentCache(device, 'latent view', GPUBufferUsage.UNIFORM);
    this.#maps = new ContentCache(device, 'domain map', GPUBufferUsage.STORAGE);
  }

  /** The work of each pass of a frame of this size; submits may end after any. @throws LatentPreviewError `gpu-limit` */
  works(view: LatentView): readonly number[] {
    return this.#plannedOf(shapeOf(view)).works;
  }

  /** From now on cuts dispatches, where the pace has shown that one takes too long: between decodes. */
  adapt(view: LatentView): void {
    const { amount } = this.pace;
    if (2 * amount < Math.min(this.#dispatchWork, Math.max(...this.works(view)))) this.#dispatchWork = amount;
  }

  /** Makes what a frame of this size takes, where it is not there yet, its picture too: for error scopes of its own. */
  prepare(view: LatentView): GPUTexture {
    return this.#frame(shapeOf(view)).picture;
  }

  /**
   * After the device ran out of memory: frees all frames, and from now on takes buffers of half the size.
   * @throws LatentPreviewError `gpu-limit` where nothing smaller will do; the next frame then starts at full size again
   */
  shrink(view: LatentView, cause: LatentPreviewError): void {
    const shape = shapeOf(view);
    const largest = Math.max(0, ...this.#schedule(shape).buffers);
    this.#frames.clear();
    this.#planned.clear();
    this.#bufferBytes = Math.floor(largest / 2);
    try {
      this.#schedule(shape);
    } catch {
      this.#bufferBytes = this.#limits.bufferBytes;
    }
    // Per-pixel layers alone take no buffer that could be smaller.
    if (largest === 0 || this.#bufferBytes > largest / 2)
      throw new LatentPreviewError(
        'gpu-limit',
        `decoder: latents ${formatShape(shape)} do not fit the GPU's free memory, not even in the smallest tiles ` +
          `(${cause.message}); close what else uses the GPU, decode fewer pixels, or use backend 'cpu'`,
        { cause },
      );
  }

  /**
   * Records the passes of a frame, or those from one to before another. The picture returned is this plan's, is done once
   * the last pass is, and is written again by the next frame of its size.
   * @throws LatentPreviewError `gpu-limit` where the picture or the latents exceed the device's limits
   */
  record(encoder: GPUCommandEncoder, source: LatentSource, from?: number, to?: number): GPUTexture {
    const frame = this.#frame(shapeOf(source.view));
    const { offset, size, base } = bindingRange(this.#device, source);
    const view = this.#latentViews.get(latentWords(source, base));
    const domainMap = this.#maps.get(source.domainMap);
    frame.record(encoder, { buffer: source.buffer, offset, size, view, domainMap, plain: isPlain(source) }, from, to);
    return frame.picture;
  }

  destroy(): void {
    for (const { weights } of this.#steps.flat()) weights?.destroy();
    this.#frames.clear();
    this.#latentViews.clear();
    this.#maps.clear();
  }

  #frame(shape: Shape): Frame {
    const { plan, bytes } = this.#plannedOf(shape);
    const create = (): Frame => {
      checkPicture(this.#device, plan.schedule.width, plan.schedule.height);
      return new Frame(this.#device, this.#steps, plan);
    };
    return this.#frames.get(this.#keyOf(shape), create, bytes);
  }

  #schedule(shape: Shape): Schedule {
    return this.#plannedOf(shape).plan.schedule;
  }

  #keyOf(shape: Shape): string {
    return `${shape.join('×')} in ${this.#dispatchWork}`;
  }

  /** Worked out once for a size: every frame asks. */
  #plannedOf(shape: Shape): Planned {
    return this.#planned.get(this.#keyOf(shape), () => {
      const bufferBytes = this.#bufferBytes;
      // Once memory did not suffice, no more is asked for.
      const shrunk = bufferBytes < this.#limits.bufferBytes ? { mostBytes: bufferBytes } : {};
      const limits = { ...this.#limits, bufferBytes, ...shrunk };
      const planned = schedule(this.#layers, shape, limits, this.#blocks);
      const staged = planned.dispatches.map((dispatch) => ({
        dispatch,
        layer: stagesOf(this.#layers[dispatch.layer], dispatch.shape, this.#device.limits, this.#family),
      }));
      const passes = staged.flatMap(({ dispatch, layer }) =>
        passesOf(layer, dispatch.view, this.#dispatchWork).map((pass) => ({ dispatch, pass })),
      );
      const plan = { schedule: planned, layers: staged.map(({ layer }) => layer), passes };
      return { plan, works: passes.map(({ pass }) => pass.work), bytes: frameBytes(plan) };
    });
  }
}

interface Planned {
  readonly plan: StagedSchedule;
  /** Of its passes. */
  readonly works: readonly number[];
  /** Of its frame. */
  readonly bytes: number;
}

const shapeOf = ({ channels, height, width }: LatentView): Shape => [channels, height, width];
