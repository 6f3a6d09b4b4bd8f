// The GPU side of a previewer, over the devices that it goes through. A lost device is replaced where the previewer made it,
// or knows whom to ask for another; the weights are the decoder's, in CPU memory. Loaded with the GPU side: where a device
// is lost, the network may be too.

import type { LongWork } from './clock';
import { LatentPreviewError } from './errors';
import type { GpuDecoder, Job } from './gpu/decode';
import type { AcquiredDevice } from './gpu/device';
import { lossIn, lossOf } from './gpu/loss';
import type { OutputSize } from './gpu/resizer';
import type { Latents } from './latents';
import type { LatentView, Selection } from './view';

/** What `onDeviceLost` is told. */
export interface DeviceLoss {
  readonly reason: GPUDeviceLostReason;
  /** The browser's words; often none. */
  readonly message: string;
  /**
   * Whether the previewer goes on with a new device. Calls wait for it; what canvases showed may be gone, so decode again
   * onto those.
   */
  readonly recovering: boolean;
  /** Where it does not: what every call rejects with from now on. It says what to do. */
  readonly error?: LatentPreviewError;
}

/** The previewer's part on one device. */
export interface OnDevice {
  readonly device: GPUDevice;
  readonly gpu: GpuDecoder;
  /** Of latents. */
  readonly jobsOf: (latents: Latents, view: LatentView, selections: readonly Selection[], size: OutputSize) => Job[];
}

export interface Devices {
  readonly make: (acquired: AcquiredDevice) => Promise<OnDevice>;
  /** Another one after a loss; absent where the device is the caller's. */
  readonly again?: () => Promise<AcquiredDevice | undefined>;
  readonly onLost?: (loss: DeviceLoss) => void;
}

/** New devices between a loss and the next picture, and what each but the first waits for longer than the one before. */
const mostTries = 3;
const pauseMilliseconds = 500;

export class GpuSide {
  readonly #devices: Devices;
  #on: OnDevice | undefined;
  #owned = false;
  #stopListening: () => void = () => {};
  #recovering: Promise<void> | undefined;
  #failure: LatentPreviewError | undefined;
  #tries = 0;
  #ended = false;
  /** Those who wait, to be told of the end. */
  readonly #waiting = new Set<(reason: LatentPreviewError) => void>();

  private constructor(devices: Devices) {
    this.#devices = devices;
  }

  static async start(first: AcquiredDevice, devices: Devices): Promise<GpuSide> {
    const side = new GpuSide(devices);
    try {
      await side.#goOn(first);
    } catch (error) {
      const info = lossIn(error);
      if (!info) throw error;
      await side.#recover(info);
    }
    return side;
  }

  /** The last one, lost or not. */
  get last(): OnDevice | undefined {
    return this.#on;
  }

  /** @throws LatentPreviewError `gpu-lost` where there is none just now */
  get current(): OnDevice {
    if (this.#failure) throw this.#failure;
    if (this.#recovering || !this.#on)
      throw new LatentPreviewError(
        'gpu-lost',
        'previewer: its device was lost and a new one is being made; record again, on `previewer.device`, after the next decode',
      );
    return this.#on;
  }

  /** Begins in this task where there is a device; begins again on a new one where that is lost. */
  async run<T>(work: (on: OnDevice) => Promise<T>, { tensor }: Latents, { signal }: LongWork): Promise<T> {
    for (let losses = 1; ; losses++) {
      while (this.#recovering) await this.#unlessEnded(unlessAborted(this.#recovering, signal));
      const on = this.current;
      try {
        const result = await this.#unlessEnded(work(on));
        if (on === this.#on) this.#tries = 0;
        return result;
      } catch (error) {
        if (this.#ended) throw destroyedError();
        // Also of what waited in line on the lost one.
        if (!(error instanceof LatentPreviewError) || error.code !== 'gpu-lost') throw error;
        if (this.#failure) throw this.#failure;
        if ('buffer' in tensor)
          throw new LatentPreviewError(
            'gpu-lost',
            'latents: the device that their buffer was made on is lost; make them again on `previewer.device`',
            { cause: error },
          );
        if (losses > mostTries) throw error;
      }
    }
  }

  /** The device is this one's to destroy, though it was said not to be. */
  own(): void {
    this.#owned = true;
  }

  destroy(): void {
    this.#ended = true;
    for (const reject of this.#waiting) reject(destroyedError());
    this.#release();
  }

  #unlessEnded<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      work.then(resolve, reject).then(() => this.#waiting.delete(reject));
    });
  }

  #release(): void {
    this.#stopListening();
    this.#on?.gpu.destroy();
    if (this.#owned) this.#on?.device.destroy();
  }

  async #goOn(acquired: AcquiredDevice): Promise<void> {
    const { device, owned } = acquired;
    const on = await this.#devices.make(acquired).catch((error) => {
      if (owned) device.destroy();
      throw error;
    });
    this.#on = on;
    this.#owned = owned;
    if (this.#ended) {
      this.#release();
      throw destroyedError();
    }
    this.#stopListening = lossOf(device).listen((info) => {
      this.#release();
      const recovering = this.#recover(info);
      const over = (): void => {
        if (this.#recovering === recovering) this.#recovering = undefined;
      };
      this.#recovering = recovering;
      recovering.then(over, over);
    });
  }

  async #recover(first: GPUDeviceLostInfo): Promise<void> {
    const { again } = this.#devices;
    let last = first;
    let failure: unknown;
    for (let lost: GPUDeviceLostInfo | undefined = first; again && this.#tries < mostTries; ) {
      if (lost) this.#tell(lost);
      await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds * this.#tries++));
      if (this.#ended) throw destroyedError();
      try {
        const acquired = await again();
        if (!acquired) throw new LatentPreviewError('gpu-unavailable', 'gpu: there is no other device');
        return await this.#goOn(acquired);
      } catch (error) {
        if (this.#ended) throw error;
        failure = error;
        lost = lossIn(error);
        last = lost ?? last;
      }
    }
    const said = last.message || 'no reason given';
    this.#failure = new LatentPreviewError(
      'gpu-lost',
      again
        ? `previewer: the GPU was lost (${said}), and ${mostTries} new devices did not help; create a new previewer, or use backend 'cpu'`
        : `previewer: your device was lost (${said}); create a previewer with a new one`,
      { cause: failure ?? last },
    );
    this.#tell(last, this.#failure);
    throw this.#failure;
  }

  #tell({ reason, message }: GPUDeviceLostInfo, error?: LatentPreviewError): void {
    const { onLost } = this.#devices;
    const loss = { reason, message, recovering: !error, ...(error && { error }) };
    // What it throws is the caller's.
    if (onLost && !this.#ended) queueMicrotask(() => onLost(loss));
  }
}

const destroyedError = (): LatentPreviewError =>
  new LatentPreviewError('gpu-lost', 'previewer: it was destroyed meanwhile; create a new one');

function unlessAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    const stop = (): void => signal.removeEventListener('abort', abort);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).then(stop);
  });
}
