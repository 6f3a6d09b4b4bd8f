// The one error class of the library. A code exists only where a caller would act differently;
// the message says what is, what was needed, where, and what to do.

/**
 * - `file`: the bytes are not a readable tensor file, or could not be fetched
 * - `shape`: a tensor's shape or dtype does not fit what it is used for, or an index is out of range
 * - `format`: the latent format is unknown, missing, or has no map to RGB
 * - `weights`: a decoder's weights are incomplete, of another architecture, or not the file that was asked for
 * - `gpu-unavailable`: no WebGPU, no adapter, or no device
 * - `gpu-limit`: the work does not fit the device's limits
 * - `gpu-lost`: the device was lost or destroyed, or the previewer was destroyed
 * - `shader`: a shader did not compile or the device found a command invalid
 * - `worker`: a worker could not be started, or what was meant for it cannot be sent
 *
 * An aborted call rejects with its signal's reason instead, as `fetch` does.
 */
export type ErrorCode =
  | 'file'
  | 'shape'
  | 'format'
  | 'weights'
  | 'gpu-unavailable'
  | 'gpu-limit'
  | 'gpu-lost'
  | 'shader'
  | 'worker';

/** Every error this library throws or rejects with. `cause` holds the platform's error where there was one. */
export class LatentPreviewError extends Error {
  override readonly name = 'LatentPreviewError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, { cause }: { cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
