// Float32 or half floats: what the layers of a conv decoder keep activations and weights in (`real` in the shaders).

import { LatentPreviewError } from '../errors';
import { numberToFloat16 } from '../tensor';

/** Of a conv decoder's activations and weights on the GPU. */
export type Precision = 'float32' | 'float16';

export const bytesOfReal: Readonly<Record<Precision, number>> = { float32: 4, float16: 2 };

/**
 * What a device is asked for. `auto` leaves software adapters at float32: they compute in float32 either way.
 * @throws LatentPreviewError `gpu-unavailable`
 */
export function choosePrecision(wanted: 'auto' | Precision, device: GPUDevice, software: boolean): Precision {
  const able = device.features.has('shader-f16');
  if (wanted === 'auto') return able && !software ? 'float16' : 'float32';
  if (wanted === 'float16' && !able)
    throw new LatentPreviewError(
      'gpu-unavailable',
      "gpu: precision 'float16' needs a device with the feature 'shader-f16', which this one was made without; " +
        "request it with your device where the adapter has it, or use precision 'auto' or 'float32'",
    );
  return wanted;
}

/** The largest half float. */
const largestHalf = 65504;

/** False where a number is beyond half floats, or not a number. */
export const fitsHalves = (values: Float32Array): boolean => values.every((value) => Math.abs(value) <= largestHalf);

/** Numbers as `real`, ready for upload. */
export const toReals = (values: Float32Array, precision: Precision): Float32Array | Uint16Array =>
  precision === 'float32' ? values : Uint16Array.from(values, numberToFloat16);
