// Which kernels run a layer on a device: its op's one, or for convolutions a cheaper form, which may take three stages
// over strips of the picture. Neither the layer list nor the schedule knows of it.

import { conv2d } from '../ops/conv2d';
import { type Kernel, type KernelLimits, type Layer, paramsOf } from '../ops/op';
import type { Shape } from '../tensor';
import { doubledKernel, narrowKernel, nineStages, winogradStages } from './conv-stages';
import type { Precision } from './precision';
import { type DispatchView, viewWords } from './schedule';

/**
 * `direct`: one dispatch per layer, what real GPUs are best at. `winograd`: convolutions in three stages with a quarter of
 * the multiplications, for adapters that are software: there multiplying takes the time, not memory.
 */
export type KernelFamily = 'direct' | 'winograd';

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
export const familyOf = ({ adapterInfo }: GPUDevice, precision: Precision): KernelFamily =>
  adapterInfo?.isFallbackAdapter && precision === 'float32' ? 'winograd' : 'direct';

export function stagesOf(layer: Layer, input: Shape, limits: KernelLimits, family: KernelFamily): StagedLayer {
  const conv = paramsOf(layer, conv2d);
  const adds = layer.add !== undefined;
  const stageable = conv && family === 'winograd' && layer.input === 'activations';
  const staged = stageable ? (winogradStages(conv, adds) ?? nineStages(conv, adds)) : undefined;
  if (staged) return staged;
  const only = layer.kernel(input, limits);
  const shape = layer.outputShape(input);
  const doubled = conv && layer.input === 'activations' ? doubledKernel(only, conv, shape) : undefined;
  const kernel = doubled ?? (conv ? narrowKernel(only, conv, shape) : only);
  return { stages: [{ ...kernel, workgroups: () => kernel.workgroups }] };
}

/** Bytes of a scratch buffer that serves all of these layers. */
export const scratchBytes = (layers: readonly StagedLayer[], scratch: Scratch): number =>
  Math.max(0, ...layers.map(({ tiling }) => (tiling ? tiling.planes[scratch] * tiling.strip * 16 : 0)));

/** One dispatch on the device. */
export interface Pass {
  readonly stage: number;
  readonly workgroups: Kernel['workgroups'];
  /** The words of View in shaders/lib/view.wgsl. */
  readonly view: Int32Array<ArrayBuffer>;
}

/** What a dispatch of the schedule becomes: each stage, for each strip. */
export function passesOf({ stages, tiling }: StagedLayer, view: DispatchView): Pass[] {
  if (!tiling) return [{ stage: 0, workgroups: stages[0].workgroups(0), view: viewWords(view) }];
  const { side, strip: tilePlane } = tiling;
  const tiles = Math.ceil(view.width / side) * Math.ceil(view.height / side);
  const passes: Pass[] = [];
  for (let firstTile = 0; firstTile < tiles; firstTile += tilePlane) {
    const tileCount = Math.min(tilePlane, tiles - firstTile);
    const words = viewWords(view, { firstTile, tileCount, tilePlane });
    stages.forEach(({ workgroups }, stage) => {
      passes.push({ stage, workgroups: workgroups(tileCount), view: words });
    });
  }
  return passes;
}
