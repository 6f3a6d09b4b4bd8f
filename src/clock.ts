// Long work in slices: counts it, tells its progress, and gives others a turn when a slice is over.

/** What a caller may pass to anything that can take long. */
export interface LongWork {
  /** Aborting rejects with the signal's reason within a slice of work. */
  readonly signal?: AbortSignal;
  /** From 0 to 1, after each part of a decode that takes several. */
  readonly onProgress?: (fraction: number) => void;
}

/** Work between two turns for the page or worker. */
const sliceMilliseconds = 30;

export class Clock {
  readonly #total: number;
  readonly #signal: LongWork['signal'];
  readonly #onProgress: LongWork['onProgress'];
  #done = 0;
  #sliceStart = performance.now();

  constructor(total: number, { signal, onProgress }: LongWork) {
    this.#total = total;
    this.#signal = signal;
    this.#onProgress = onProgress;
  }

  /** After some work: returns at once until the slice is over. Rejects with the signal's reason. */
  async worked(amount: number): Promise<void> {
    this.#done += amount;
    if (performance.now() - this.#sliceStart < sliceMilliseconds) return;
    // The end is told by who has done the work, once.
    if (this.#done < this.#total) this.#onProgress?.(this.#done / this.#total);
    await nextTurn();
    this.#signal?.throwIfAborted();
    this.#sliceStart = performance.now();
  }
}

/** Lets what waits run. By message: nested timers are held back to 4 ms. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
