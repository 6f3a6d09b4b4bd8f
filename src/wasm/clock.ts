// Long work in slices: counts it, tells its progress, and gives others a turn when a slice is over.

/** Work between two turns for the page or worker. */
const sliceMilliseconds = 30;

export class Clock {
  readonly #total: number;
  readonly #signal: AbortSignal | undefined;
  readonly #onProgress: ((fraction: number) => void) | undefined;
  #done = 0;
  #sliceStart = performance.now();

  constructor(total: number, signal?: AbortSignal, onProgress?: (fraction: number) => void) {
    this.#total = total;
    this.#signal = signal;
    this.#onProgress = onProgress;
  }

  /** After some work: returns at once until the slice is over. Rejects with the signal's reason. */
  async worked(amount: number): Promise<void> {
    this.#done += amount;
    if (performance.now() - this.#sliceStart < sliceMilliseconds) return;
    this.#onProgress?.(Math.min(1, this.#done / this.#total));
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
