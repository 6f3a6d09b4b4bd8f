// Tensors of onnxruntime-web as latents: read where they lie, on the GPU or in CPU memory. Nothing of it is imported.

import { type LatentOptions, LatentPreviewError, type Latents, latentsFromArray, latentsFromBuffer } from '../index';
import type { Tensor } from '../tensor';

/** What is used of an onnxruntime-web `Tensor`. */
export interface OrtTensor {
  /** `float32`, `float16`, … */
  readonly type: string;
  readonly dims: readonly number[];
  /** `cpu`, `cpu-pinned`, `gpu-buffer`, … */
  readonly location: string;
  /** Read on the CPU alone: elsewhere the getter throws. */
  readonly data: unknown;
  /** Read on the GPU alone. */
  readonly gpuBuffer: unknown;
}

const arrayTypes = ['float32', 'float16', 'float64', 'int32', 'int16', 'int8', 'uint32', 'uint16', 'uint8'] as const;

/**
 * Latents over a tensor of onnxruntime-web, without a copy: of a `gpu-buffer` tensor the buffer is decoded in place, of a
 * `cpu` one the array is shared.
 *
 * GPU tensors need a previewer on the runtime's device. Make the session first, then
 * `createPreviewer({ format, device: await ort.env.webgpu.device })`; a device set there beforehand is ignored by version
 * 1.30. Only the bytes that `dims` say are read: the runtime's buffers are larger.
 *
 * The tensor stays yours. It may be disposed of once what reads it was submitted: after the promise of `toCanvas` or of a
 * stream's `push`, or after you have submitted the encoder that `record` recorded into.
 * @throws LatentPreviewError `shape` (a place or type that cannot be read, the message says the way out), `format`
 */
export function latentsFromOrt(tensor: OrtTensor, options: LatentOptions = {}): Latents {
  const { type, location, dims } = tensor;
  if (location === 'gpu-buffer') {
    if (type !== 'float32' && type !== 'float16')
      throw refuse(`${type} on the GPU`, 'cast to float32 or float16 in the model, or await `tensor.getData()` first');
    return latentsFromBuffer(tensor.gpuBuffer as GPUBuffer, { ...options, shape: dims, dtype: type });
  }
  if (location === 'none') throw refuse('it was disposed of', 'dispose of it after the frame was submitted');
  if (location !== 'cpu' && location !== 'cpu-pinned')
    throw refuse(
      `it is in a '${location}'`,
      "ask for `preferredOutputLocation: 'gpu-buffer'`, or await `getData()` first",
    );
  const dtype = type === 'bool' ? 'uint8' : arrayTypes.find((name) => name === type);
  if (!dtype) throw refuse(`elements of type ${type}`, 'cast to float32 in the model');
  return latentsFromArray(bits(tensor.data, type), { ...options, shape: dims, dtype });
}

/** Halves as their bits: runtimes with a Float16Array hold them in one. */
function bits(data: unknown, type: string): Tensor['data'] {
  const isHalves = type === 'float16' && ArrayBuffer.isView(data) && !(data instanceof Uint16Array);
  return isHalves
    ? new Uint16Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength / 2)
    : (data as Tensor['data']);
}

const refuse = (what: string, remedy: string): LatentPreviewError =>
  new LatentPreviewError('shape', `onnxruntime: the tensor cannot be read: ${what}; ${remedy}`);
