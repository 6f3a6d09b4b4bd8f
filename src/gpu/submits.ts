// Submits to one device, and how long they took, which the plan's pace learns from.

import { lossOf } from './loss';
import type { Pace } from './pace';
import { type Scoped, scoped } from './scopes';

export class Submits {
  readonly #device: GPUDevice;
  readonly #pace: Pace;
  /** When a submit was last seen to be done, by performance.now(). */
  #doneAt = 0;

  constructor(device: GPUDevice, pace: Pace) {
    this.#device = device;
    this.#pace = pace;
  }

  submit(encode: (encoder: GPUCommandEncoder) => void): Scoped<void> {
    return scoped(this.#device, () => {
      const encoder = this.#device.createCommandEncoder({ label: 'latent-preview frame' });
      encode(encoder);
      this.#device.queue.submit([encoder.finish()]);
    });
  }

  /** Until all that was submitted is done; tells the pace how long the last submit, of so much work, took. */
  async untilDone(work: number): Promise<void> {
    const begun = performance.now();
    await lossOf(this.#device).race(this.#device.queue.onSubmittedWorkDone());
    const now = performance.now();
    this.#pace.took(work, now - Math.max(begun, this.#doneAt));
    this.#doneAt = now;
  }
}
