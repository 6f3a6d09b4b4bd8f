// Tensors of TensorFlow.js as latents: on its WebGPU backend without a read-back, on the others from CPU memory. Nothing of
// it is imported.

import { type LatentOptions, LatentPreviewError, type Latents, latentsFromArray, latentsFromBuffer } from '../index';

/** What is used of a TensorFlow.js `Tensor`. */
export interface TfjsTensor {
  readonly shape: readonly number[];
  /** `float32`, `int32`, `bool`, … */
  readonly dtype: string;
  dataToGPU(): { readonly tensorRef: { dispose(): void }; readonly buffer?: unknown };
  data(): Promise<unknown>;
}

/** Latents, and what holds their memory. */
export interface TfjsLatents {
  readonly latents: Latents;
  /**
   * Frees the GPU copy that TensorFlow.js made; does nothing for latents in CPU memory, or a second time. Once what reads
   * them was submitted: after the promise of `toCanvas` or of a stream's `push`.
   */
  release(): void;
}

/**
 * Latents of a tensor of TensorFlow.js. On its WebGPU backend they lie on the GPU, on the backend's device: make the
 * previewer with `createPreviewer({ format, device: tf.backend().device })`. TensorFlow.js gives its buffers away as copies
 * made on the GPU (`dataToGPU`): one such copy, and no read-back. What lies in CPU memory, as small tensors do on every
 * backend, comes from there.
 *
 * Its tensors hold channels last more often than not: then pass `layout: 'NHWC'`. The tensor stays yours.
 * @throws LatentPreviewError `shape`, `format`
 */
export async function latentsFromTfjs(tensor: TfjsTensor, options: LatentOptions = {}): Promise<TfjsLatents> {
  const { shape, dtype } = tensor;
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool')
    throw new LatentPreviewError('shape', `tfjs: a tensor of ${dtype}; cast it to float32 (tf.cast)`);
  const copy = dtype === 'float32' ? onGpu(tensor) : undefined;
  if (copy) {
    let released = false;
    const release = (): void => {
      if (!released) copy.tensorRef.dispose();
      released = true;
    };
    try {
      return { latents: latentsFromBuffer(copy.buffer, { ...options, shape }), release };
    } catch (error) {
      release();
      throw error;
    }
  }
  const data = await tensor.data().catch((cause: unknown) => {
    throw new LatentPreviewError('shape', 'tfjs: the tensor cannot be read; was it disposed of?', { cause });
  });
  const type = dtype === 'bool' ? 'uint8' : dtype;
  const latents = latentsFromArray(data as Float32Array, { ...options, shape, dtype: type });
  return { latents, release: () => {} };
}

/** Undefined where it is not in a buffer of a GPU: other backends have no such thing, or a texture. */
function onGpu(tensor: TfjsTensor): { tensorRef: { dispose(): void }; buffer: GPUBuffer } | undefined {
  let copy: ReturnType<TfjsTensor['dataToGPU']>;
  try {
    copy = tensor.dataToGPU();
  } catch {
    // There is no asking beforehand. What is wrong with the tensor itself, `data()` says.
    return undefined;
  }
  const { tensorRef, buffer } = copy;
  if (buffer) return { tensorRef, buffer: buffer as GPUBuffer };
  tensorRef.dispose();
  return undefined;
}
