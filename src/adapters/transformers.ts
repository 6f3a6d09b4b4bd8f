// Tensors of transformers.js as latents. They wrap tensors of onnxruntime-web, which onnxruntime.ts reads.

import { type LatentOptions, LatentPreviewError, type Latents } from '../index';
import { latentsFromOrt, type OrtTensor } from './onnxruntime';

/** What is used of a transformers.js `Tensor`. */
export interface TransformersTensor {
  readonly ort_tensor: OrtTensor;
}

/**
 * Latents over a tensor of transformers.js, without a copy. What `latentsFromOrt` of `latent-preview/adapters/onnxruntime`
 * says of places, devices and disposal holds here; the device is `await env.backends.onnx.webgpu.device`.
 * @throws LatentPreviewError `shape`, `format`
 */
export function latentsFromTransformers(tensor: TransformersTensor, options: LatentOptions = {}): Latents {
  const { ort_tensor: inner } = tensor;
  if (typeof inner?.location !== 'string')
    throw new LatentPreviewError(
      'shape',
      'transformers: the tensor has no `ort_tensor`; is it one of transformers.js?',
    );
  return latentsFromOrt(inner, options);
}
