// Waiting for a device that may be lost: one reaction to its promise for all who wait, who leave when they are done.
// Racing the promise itself would keep a record of every frame for as long as the device lives.

import { LatentPreviewError } from '../errors';

type Listener = (info: GPUDeviceLostInfo) => void;

// What fails because of a loss may say so before the device does.
const graceMilliseconds = 200;

class Loss {
  readonly #listeners = new Set<Listener>();
  #info: GPUDeviceLostInfo | undefined;

  constructor({ lost }: GPUDevice) {
    lost.then((info) => {
      this.#info = info;
      const listeners = [...this.#listeners];
      this.#listeners.clear();
      for (const listener of listeners) listener(info);
    });
  }

  /** Tells once, at once where it is lost already. @returns how to stop listening */
  listen(listener: Listener): () => void {
    if (this.#info) listener(this.#info);
    else this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What `work` gives, or `gpu-lost`. */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = this.listen((info) => reject(lostError(info)));
      work.then(
        (value) => {
          stop();
          resolve(value);
        },
        (error) => {
          const giveUp = (): void => {
            stop();
            reject(error);
          };
          setTimeout(giveUp, graceMilliseconds);
        },
      );
    });
  }
}

const losses = new WeakMap<GPUDevice, Loss>();

export function lossOf(device: GPUDevice): Loss {
  let loss = losses.get(device);
  if (!loss) {
    loss = new Loss(device);
    losses.set(device, loss);
  }
  return loss;
}

const lostError = (info: GPUDeviceLostInfo): LatentPreviewError =>
  new LatentPreviewError('gpu-lost', `gpu: the device was lost (${info.message || 'no reason given'})`, {
    cause: info,
  });

/** Why, where an error says that a device was lost. */
export const lossIn = (error: unknown): GPUDeviceLostInfo | undefined =>
  error instanceof LatentPreviewError && error.code === 'gpu-lost' ? (error.cause as GPUDeviceLostInfo) : undefined;
