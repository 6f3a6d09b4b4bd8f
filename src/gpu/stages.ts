// Which kernels run a layer on a device: its op's one, or for convolutions a cheaper form, which may take three stages
// over strips of the picture. Neither the layer list nor the schedule knows of it.

import { conv2d } from '../ops/conv2d';
import { type Kernel, type KernelLimits, type Layer, paramsOf } from '../ops/op';
import type { Shape } from '../tensor';
import { doubledKernel, narrowKernel, singleKernel, stagedForm } from './conv-stages';
import type { Precision } from './precision';
import { type DispatchView, viewWords } from './schedule';

/**
 * `direct`: one dispatch per layer, what real GPUs are best at. `winograd`: convolutions in three stages with a quarter of
 * the multiplications, for adapters that are software: there multiplying takes the time, not memory. `winograd-quads`: the
 * same where subgroups are single quads, whose lanes share what they read.
 */
export type KernelFamily = 'direct' | 'winograd' | 'winograd-quads';

/** Between the stages of a layer. Two buffers serve all layers, for a strip is through before the next begins. */
export type Scratch = 'tiles' | 'sums';

/** A kernel of a layer: between layers it reads and writes what the schedule says, between stages scratch. */
export interface Stage extends Omit<Kernel, 'workgroups'> {
  readonly from?: Scratch;
  readonly to?: Scratch;
  workgroups(tiles: number): Kernel['workgroups'];
}

export interface StagedLayer {
  readonly stages: readonly Stage[];
  /** Multiplications per output pixel, as far as they tell time. */
  readonly work: number;
  /** Absent where the only stage covers the whole picture. */
  readonly tiling?: Tiling;
}

export interface Tiling {
  /** Of a tile, in pixels of the output. */
  readonly side: number;
  /** Tiles in one strip, at most: what a plane of scratch holds. */
  readonly strip: number;
  /** Planes of a vec4f per tile. */
  readonly planes: Readonly<Record<Scratch, number>>;
}

/** The family that suits the device. Stages have no form for half floats. */
export function familyOf({ adapterInfo, features }: GPUDevice, precision: Precision): KernelFamily {
  if (!adapterInfo?.isFallbackAdapter || precision !== 'float32') return 'direct';
  const { subgroupMinSize, subgroupMaxSize } = adapterInfo;
  return features.has('subgroups') && subgroupMinSize === 4 && subgroupMaxSize === 4 ? 'winograd-quads' : 'winograd';
}

export function stagesOf(layer: Layer, input: Shape, limits: KernelLimits, family: KernelFamily): StagedLayer {
  const conv = paramsOf(layer, conv2d);
  const software = family !== 'direct';
  const readsLatents = layer.input !== 'activations';
  const stages = conv && software && !readsLatents;
  const staged = stages ? stagedForm(conv, layer.add !== undefined, family === 'winograd-quads') : undefined;
  // Both forms have a quarter of the products, and transforms that take half as long again.
  if (staged) return { ...staged, work: (layer.work * 3) / 8 };
  const kernel = layer.kernel(input, limits);
  if (!conv) return oneStage(kernel, layer.work);
  const shape = layer.outputShape(input);
  if (readsLatents) return oneStage(software ? singleKernel(kernel, shape) : kernel, layer.work);
  const doubled = doubledKernel(kernel, conv, shape);
  if (doubled) return oneStage(doubled, layer.work / 4);
  const narrow = narrowKernel(kernel, conv, shape);
  // It computes four channels whatever there are, from more reads than the others.
  if (narrow) return oneStage(narrow, (layer.work * 8) / conv.outputs);
  return oneStage(kernel, layer.work);
}

const oneStage = (kernel: Kernel, work: number): StagedLayer => ({
  stages: [{ ...kernel, workgroups: () => kernel.workgroups }],
  work,
});

/** Bytes of a scratch buffer that serves all of these layers. */
export const scratchBytes = (layers: readonly Pick<StagedLayer, 'tiling'>[], scratch: Scratch): number =>
  Math.max(0, ...layers.map(({ tiling }) => (tiling ? tiling.planes[scratch] * tiling.strip * 16 : 0)));

/** One dispatch on the device. */
export interface Pass {
  readonly stage: number;
  readonly workgroups: Kernel['workgroups'];
  /** The words of View in shaders/lib/view.wgsl. */
  readonly view: Int32Array<ArrayBuffer>;
  readonly work: number;
}

/** What a dispatch of the schedule becomes: each stage, for each strip; or bands of it that take no more than `mostWork`. */
export function passesOf(layer: StagedLayer, view: DispatchView, mostWork = Number.POSITIVE_INFINITY): Pass[] {
  const { stages, tiling } = layer;
  const work = layer.work * view.width * view.height;
  if (!tiling) return bandsOf(stages[0], view, work, mostWork);
  const { side, strip: tilePlane } = tiling;
  const tiles = Math.ceil(view.width / side) * Math.ceil(view.height / side);
  const passes: Pass[] = [];
  for (let firstTile = 0; firstTile < tiles; firstTile += tilePlane) {
    const tileCount = Math.min(tilePlane, tiles - firstTile);
    const words = viewWords(view, { firstTile, tileCount, tilePlane });
    stages.forEach(({ workgroups }, stage) => {
      const share = (work * tileCount) / tiles / stages.length;
      passes.push({ stage, workgroups: workgroups(tileCount), view: words, work: share });
    });
  }
  return passes;
}

function bandsOf({ workgroups, groupRows }: Stage, view: DispatchView, work: number, mostWork: number): Pass[] {
  const [across, down, deep] = workgroups(0);
  const rows = groupRows ? Math.max(1, Math.floor((down * mostWork) / work)) : down;
  const bands: Pass[] = [];
  for (let first = 0; first < down; first += rows) {
    const count = Math.min(rows, down - first);
    const words = viewWords(view, { firstRow: first * (groupRows ?? 0) });
    bands.push({ stage: 0, workgroups: [across, count, deep], view: words, work: (work * count) / down });
  }
  return bands;
}
