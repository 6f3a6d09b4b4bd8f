// What one picture size keeps on the GPU: the picture, the buffers of its schedule and the bind groups, those over the
// last source too. Recording a frame of a size seen before creates nothing.

import type { Layer } from '../ops/op';
import { createPicture } from './picture';
import { type Dispatch, type Schedule, viewWords } from './schedule';

/** A layer, ready to run. */
export interface Step {
  readonly pipeline: GPUComputePipeline;
  readonly weights: GPUBuffer | undefined;
  readonly takesAdded: boolean;
}

/** Where latents lie and how they are read. */
export interface BoundLatents {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
  /** shaders/lib/latents.wgsl: LatentView. */
  readonly view: GPUBuffer;
  readonly domainMap: GPUBuffer;
}

interface Pass {
  readonly dispatch: Dispatch;
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
  readonly #layers: readonly Layer[];
  readonly #steps: readonly Step[];
  readonly #made: (GPUBuffer | GPUTexture)[] = [];
  readonly #buffers: readonly GPUBuffer[];
  readonly #views: GPUBuffer;
  readonly #slices: readonly (readonly Pass[])[];
  readonly #pictureView: GPUTextureView;
  #latents: { readonly bound: BoundLatents; readonly groups: ReadonlyMap<Pass, GPUBindGroup> } | undefined;

  constructor(device: GPUDevice, layers: readonly Layer[], steps: readonly Step[], schedule: Schedule) {
    this.#device = device;
    this.#layers = layers;
    this.#steps = steps;
    try {
      this.picture = this.#keep(createPicture(device, schedule.width, schedule.height, 'decoded'));
      this.#pictureView = this.picture.createView();
      this.#buffers = schedule.buffers.map((size, index) =>
        this.#keep(device.createBuffer({ label: `activations ${index}`, size, usage: GPUBufferUsage.STORAGE })),
      );
      const dispatches = schedule.slices.flat();
      this.#views = this.#createViews(dispatches);
      const passes = new Map(
        dispatches.map((dispatch, index) => [dispatch, this.#createPass(dispatch, index)] as const),
      );
      this.#slices = schedule.slices.map((slice) => slice.flatMap((dispatch) => passes.get(dispatch) ?? []));
    } catch (error) {
      // Nobody else could free what a failed allocation leaves.
      this.destroy();
      throw error;
    }
  }

  /** Records one slice, or all of them. */
  record(encoder: GPUCommandEncoder, latents: BoundLatents, slice?: number): void {
    const groups = this.#bindLatents(latents);
    const pass = encoder.beginComputePass({ label: 'latent-preview decode' });
    const passes = slice === undefined ? this.#slices.flat() : this.#slices[slice];
    for (const current of passes) {
      pass.setPipeline(this.#steps[current.dispatch.layer].pipeline);
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

  /** The View of every dispatch, one after the other. */
  #createViews(dispatches: readonly Dispatch[]): GPUBuffer {
    const words = new Int32Array((dispatches.length * uniformStep) / 4);
    dispatches.forEach(({ view }, index) => {
      words.set(viewWords(view), (index * uniformStep) / 4);
    });
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const buffer = this.#keep(this.#device.createBuffer({ label: 'dispatch views', size: words.byteLength, usage }));
    this.#device.queue.writeBuffer(buffer, 0, words);
    return buffer;
  }

  #createPass(dispatch: Dispatch, index: number): Pass {
    const view = {
      buffer: this.#views,
      offset: index * uniformStep,
      size: viewWords(dispatch.view).byteLength,
    };
    return {
      dispatch,
      workgroups: this.#layers[dispatch.layer].kernel(dispatch.shape, this.#device.limits).workgroups,
      view,
      group:
        dispatch.input === 'latents'
          ? undefined
          : this.#bind(dispatch, view, [{ binding: 0, resource: { buffer: this.#buffers[dispatch.input] } }]),
    };
  }

  #bindLatents(bound: BoundLatents): ReadonlyMap<Pass, GPUBindGroup> {
    const known = this.#latents;
    const keys = ['buffer', 'offset', 'size', 'view', 'domainMap'] as const;
    if (known && keys.every((key) => known.bound[key] === bound[key])) return known.groups;
    const { buffer, offset, size, view, domainMap } = bound;
    const entries: GPUBindGroupEntry[] = [
      { binding: 0, resource: { buffer, offset, size } },
      { binding: 1, resource: { buffer: domainMap } },
      { binding: 6, resource: { buffer: view } },
    ];
    const readers = this.#slices.flat().filter(({ group }) => !group);
    const groups = new Map(readers.map((pass) => [pass, this.#bind(pass.dispatch, pass.view, entries)] as const));
    this.#latents = { bound, groups };
    return groups;
  }

  #bind({ layer, added, output }: Dispatch, view: GPUBufferBinding, input: readonly GPUBindGroupEntry[]): GPUBindGroup {
    const { pipeline, weights, takesAdded } = this.#steps[layer];
    // Something must be bound where nothing is added: not the output, which is written.
    const addedBuffer = added === undefined ? weights : this.#buffers[added];
    return this.#device.createBindGroup({
      label: `${this.#layers[layer].name} ${layer}`,
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        ...input,
        { binding: 2, resource: view },
        ...(weights ? [{ binding: 3, resource: { buffer: weights } }] : []),
        { binding: 4, resource: output === 'picture' ? this.#pictureView : { buffer: this.#buffers[output] } },
        ...(takesAdded && addedBuffer ? [{ binding: 5, resource: { buffer: addedBuffer } }] : []),
      ],
    });
  }
}

/** Of a frame's picture and activations. */
export const frameBytes = ({ buffers, width, height }: Schedule): number =>
  buffers.reduce((sum, bytes) => sum + bytes, width * height * 4);
