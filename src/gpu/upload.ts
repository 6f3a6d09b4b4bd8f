// Frames of a tensor in CPU memory, ready for the GPU: packed halves as they are, other dtypes as float32.

import { type Tensor, toFloat32 } from '../tensor';
import type { LatentView } from '../view';

export type GpuDType = 'float32' | 'float16' | 'bfloat16';

export interface FrameData {
  readonly dtype: GpuDType;
  /** The elements and nothing else; a view of the tensor's memory where they lie together. */
  readonly data: Float32Array | Uint16Array;
  readonly strides: LatentView['strides'];
}

/** Elements from the first to the last that a frame of this view touches. */
export function frameSpan({ channels, height, width, patch, strides }: LatentView): number {
  const last = (size: number, outer: number, inner: number): number =>
    Math.floor((size - 1) / patch) * outer + ((size - 1) % patch) * inner;
  return (
    (channels - 1) * strides.channel +
    last(height, strides.row, strides.patchRow) +
    last(width, strides.column, strides.patchColumn) +
    1
  );
}

/** All frames of the tensor, to be uploaded once. */
export function allFrames(tensor: Tensor, { strides }: LatentView): FrameData {
  const { dtype, data } = asGpuTensor(tensor);
  return { dtype, data, strides };
}

/** The frame whose first element is `base`. */
export function frameData(tensor: Tensor, view: LatentView, base: number): FrameData {
  const { channels, height, width, strides } = view;
  const packed = asGpuTensor(tensor);
  const elements = channels * height * width;
  if (frameSpan(view) === elements)
    return { dtype: packed.dtype, data: packed.data.subarray(base, base + elements), strides };
  // Frames lie between a channel's planes: gather the planes. Video has no packing, so a plane is H × W elements.
  const size = height * width;
  const data = packed.dtype === 'float32' ? new Float32Array(elements) : new Uint16Array(elements);
  for (let c = 0; c < channels; c++) {
    const start = base + c * strides.channel;
    data.set(packed.data.subarray(start, start + size), c * size);
  }
  return { dtype: packed.dtype, data, strides: { ...strides, channel: size } };
}

const widened = new WeakMap<Tensor, Float32Array>();

/** Its elements in a dtype that kernels read; a view of the tensor's memory where they are. */
export function asGpuTensor(tensor: Tensor): { dtype: GpuDType; data: Float32Array | Uint16Array } {
  if (tensor.dtype === 'float32' || tensor.dtype === 'float16' || tensor.dtype === 'bfloat16') return tensor;
  let data = widened.get(tensor);
  if (!data) {
    data = toFloat32(tensor);
    widened.set(tensor, data);
  }
  return { dtype: 'float32', data };
}
