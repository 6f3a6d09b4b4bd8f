// What a device objects to, as errors of those who caused it.

import { LatentPreviewError } from '../errors';
import { lossOf } from './loss';

/** What ran, and what the device says to it: rejects where it objects. */
export interface Scoped<T> {
  readonly value: T;
  readonly said: Promise<void>;
}

/**
 * Runs inside error scopes of its own, popped in the same task so that the caller's scopes on the device stay in step.
 * What `run` throws is thrown at once.
 */
export function scoped<T>(device: GPUDevice, run: () => T): Scoped<T> {
  device.pushErrorScope('out-of-memory');
  device.pushErrorScope('validation');
  let value: T;
  let scopes: Promise<readonly [GPUError | null, GPUError | null]> | undefined;
  try {
    value = run();
  } catch (thrown) {
    // Buffers that are mapped at once throw where there is no memory for them.
    throw thrown instanceof RangeError ? outOfMemory(thrown) : thrown;
  } finally {
    scopes = Promise.all([device.popErrorScope(), device.popErrorScope()]);
    scopes.catch(() => {});
  }
  const said = lossOf(device)
    .race(scopes)
    .then(([invalid, memory]) => {
      if (memory) throw outOfMemory(memory);
      if (invalid) throw new LatentPreviewError('shader', `gpu: ${invalid.message}`, { cause: invalid });
    });
  // Asked later, perhaps after another one has failed.
  said.catch(() => {});
  return { value, said };
}

const outOfMemory = (cause: GPUError | RangeError): LatentPreviewError =>
  new LatentPreviewError('gpu-limit', `gpu: out of memory: ${cause.message}`, { cause });

/** Limits that are known beforehand have no cause. */
export const isOutOfMemory = (error: unknown): error is LatentPreviewError =>
  error instanceof LatentPreviewError && error.code === 'gpu-limit' && error.cause !== undefined;
