// What one picture size keeps on the GPU: the picture, the buffers of its schedule and the bind groups, those over the
// last source too. Recording a frame of a size seen before creates nothing.

import { createPicture } from './picture';
import type { Dispatch, Schedule } from './schedule';
import { type Scratch, type StagedLayer, type Pass as StagePass, scratchBytes } from './stages';

/** A stage of a layer, ready to run. */
export interface Step {
  readonly pipeline: GPUComputePipeline;
  /** In its place where latents are plain (source.ts); absent where that is not worth it. */
  readonly plainPipeline?: GPUComputePipeline;
  readonly weights: GPUBuffer | undefined;
  readonly takesAdded: boolean;
  readonly from: Scratch | undefined;
  readonly to: Scratch | undefined;
}

/** A schedule with its dispatches as they run, pass by pass. */
export interface StagedSchedule {
  readonly schedule: Schedule;
  readonly layers: readonly StagedLayer[];
  readonly passes: readonly { readonly dispatch: Dispatch; readonly pass: StagePass }[];
}

/** Where latents lie and how they are read. */
export interface BoundLatents {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
  /** shaders/lib/latents.wgsl: LatentView. */
  readonly view: GPUBuffer;
  readonly domainMap: GPUBuffer;
  /** As {@link isPlain} says. */
  readonly plain: boolean;
}

interface Pass {
  readonly dispatch: Dispatch;
  readonly step: Step;
  readonly workgroups: readonly [number, number, number];
  readonly view: GPUBufferBinding;
  /** Absent for those that read latents. */
  readonly group: GPUBindGroup | undefined;
}

// Uniform bindings start at multiples of this.
const uniformStep = 256;

export class Frame {
  readonly picture: GPUTexture;
  readonly #device: GPUDevice;
  readonly #steps: readonly (readonly Step[])[];
  readonly #made: (GPUBuffer | GPUTexture)[] = [];
  readonly #buffers: readonly GPUBuffer[];
  readonly #scratch = new Map<Scratch, GPUBuffer>();
  readonly #views: GPUBuffer;
  readonly #passes: readonly Pass[];
  readonly #pictureView: GPUTextureView;
  #latents: { readonly bound: BoundLatents; readonly groups: ReadonlyMap<Pass, GPUBindGroup> } | undefined;

  constructor(device: GPUDevice, steps: readonly (readonly Step[])[], { schedule, layers, passes }: StagedSchedule) {
    this.#device = device;
    this.#steps = steps;
    try {
      this.picture = this.#keep(createPicture(device, schedule.width, schedule.height, 'decoded'));
      this.#pictureView = this.picture.createView();
      this.#buffers = schedule.buffers.map((size, index) =>
        this.#keep(device.createBuffer({ label: `activations ${index}`, size, usage: GPUBufferUsage.STORAGE })),
      );
      for (const scratch of scratches) {
        const size = scratchBytes(layers, scratch);
        const usage = GPUBufferUsage.STORAGE;
        if (size > 0) this.#scratch.set(scratch, this.#keep(device.createBuffer({ label: scratch, size, usage })));
      }
      this.#views = this.#createViews(passes.map(({ pass }) => pass.view));
      this.#passes = passes.map(({ dispatch, pass }, index) => this.#createPass(dispatch, pass, index));
    } catch (error) {
      // Nobody else could free what a failed allocation leaves.
      this.destroy();
      throw error;
    }
  }

  /** Records the passes from one to before another; default all. */
  record(encoder: GPUCommandEncoder, latents: BoundLatents, from = 0, to = this.#passes.length): void {
    const groups = this.#bindLatents(latents);
    const pass = encoder.beginComputePass({ label: 'latent-preview decode' });
    for (const current of this.#passes.slice(from, to)) {
      pass.setPipeline(pipelineFor(current.step, latents));
      pass.setBindGroup(0, current.group ?? groups.get(current));
      pass.dispatchWorkgroups(...current.workgroups);
    }
    pass.end();
  }

  destroy(): void {
    for (const thing of this.#made) thing.destroy();
  }

  #keep<T extends GPUBuffer | GPUTexture>(thing: T): T {
    this.#made.push(thing);
    return thing;
  }

  /** The View of every pass, one after the other. */
  #createViews(views: readonly Int32Array[]): GPUBuffer {
    const words = new Int32Array((views.length * uniformStep) / 4);
    views.forEach((view, index) => {
      words.set(view, (index * uniformStep) / 4);
    });
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const buffer = this.#keep(this.#device.createBuffer({ label: 'dispatch views', size: words.byteLength, usage }));
    this.#device.queue.writeBuffer(buffer, 0, words);
    return buffer;
  }

  #createPass(dispatch: Dispatch, { stage, workgroups, view: words }: StagePass, index: number): Pass {
    const step = this.#steps[dispatch.layer][stage];
    const view = { buffer: this.#views, offset: index * uniformStep, size: words.byteLength };
    const pass = { dispatch, step, workgroups, view };
    if (dispatch.input === 'latents') return { ...pass, group: undefined };
    const buffer = (step.from && this.#scratch.get(step.from)) ?? this.#buffers[dispatch.input];
    return { ...pass, group: this.#bind(pass, step.pipeline, [{ binding: 0, resource: { buffer } }]) };
  }

  #bindLatents(bound: BoundLatents): ReadonlyMap<Pass, GPUBindGroup> {
    const known = this.#latents;
    const keys = ['buffer', 'offset', 'size', 'view', 'domainMap', 'plain'] as const;
    if (known && keys.every((key) => known.bound[key] === bound[key])) return known.groups;
    const { buffer, offset, size, view, domainMap } = bound;
    const entries: GPUBindGroupEntry[] = [
      { binding: 0, resource: { buffer, offset, size } },
      { binding: 1, resource: { buffer: domainMap } },
      { binding: 6, resource: { buffer: view } },
    ];
    const readers = this.#passes.filter(({ group }) => !group);
    const groups = new Map(
      readers.map((pass) => [pass, this.#bind(pass, pipelineFor(pass.step, bound), entries)] as const),
    );
    this.#latents = { bound, groups };
    return groups;
  }

  #bind(
    { dispatch, step, view }: Omit<Pass, 'group'>,
    pipeline: GPUComputePipeline,
    input: readonly GPUBindGroupEntry[],
  ): GPUBindGroup {
    const { layer, added, output } = dispatch;
    const { weights, takesAdded, to } = step;
    // Something must be bound where nothing is added: not the output, which is written.
    const addedBuffer = added === undefined ? weights : this.#buffers[added];
    const goal = to ? this.#scratch.get(to) : output === 'picture' ? undefined : this.#buffers[output];
    return this.#device.createBindGroup({
      label: `${pipeline.label} ${layer}`,
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        ...input,
        { binding: 2, resource: view },
        ...(weights ? [{ binding: 3, resource: { buffer: weights } }] : []),
        { binding: 4, resource: goal ? { buffer: goal } : this.#pictureView },
        ...(takesAdded && addedBuffer ? [{ binding: 5, resource: { buffer: addedBuffer } }] : []),
      ],
    });
  }
}

/** Those that read no latents have no other. */
const pipelineFor = ({ pipeline, plainPipeline }: Step, { plain }: BoundLatents): GPUComputePipeline =>
  (plain && plainPipeline) || pipeline;

const scratches = ['tiles', 'sums'] as const;

/** Of a frame's picture, activations and scratch. */
export function frameBytes({ schedule: { buffers, width, height }, layers }: StagedSchedule): number {
  const sizes = [...buffers, ...scratches.map((scratch) => scratchBytes(layers, scratch))];
  return sizes.reduce((sum, bytes) => sum + bytes, width * height * 4);
}
