// The page's end of the port to a worker: calls that are answered, aborted or told about, and the canvases over there.

import type { Canvas } from '../canvas';
import type { LongWork } from '../clock';
import { LatentPreviewError } from '../errors';
import { type Answer, type Connect, type Request, receivedError } from './messages';

/** What of a `Worker` is used. */
export type WorkerLike = Pick<Worker, 'postMessage' | 'addEventListener'>;

interface Call {
  settle(value: unknown): void;
  fail(error: unknown): void;
  readonly onProgress?: ((fraction: number) => void) | undefined;
}

export class Connection {
  readonly #port: MessagePort;
  readonly #calls = new Map<number, Call>();
  readonly #canvases = new WeakMap<Canvas, number>();
  /** What the page has let go of, the worker lets go of too. */
  readonly #collected = new FinalizationRegistry<number>((id) => this.post({ kind: 'forget', id }));
  #numbers = 0;
  #answered = false;
  #failure: LatentPreviewError | undefined;

  constructor(worker: WorkerLike) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.onmessage = ({ data }: MessageEvent<Answer>) => this.#receive(data);
    // Where it has answered once, its errors are other code's.
    worker.addEventListener('error', (event) => {
      if (!this.#answered) this.#fail(event as ErrorEvent);
    });
    const connect: Connect = { latentPreview: 'connect', port: port2 };
    worker.postMessage(connect, [port2]);
  }

  /** For what is created over there. */
  number(): number {
    return this.#numbers++;
  }

  /** @throws LatentPreviewError `worker` where it cannot be sent */
  post(request: Request, transfer: Transferable[] = []): void {
    try {
      this.#port.postMessage(request, transfer);
    } catch (cause) {
      throw new LatentPreviewError(
        'worker',
        `worker: ${cause instanceof Error ? cause.message : cause}; what goes to a worker is plain data`,
        { cause },
      );
    }
  }

  /** Asks and waits. Aborting rejects at once, with the reason of the signal that aborts. */
  async call(
    ask: (call: number) => Request,
    { signals = [], onProgress }: { signals?: readonly AbortSignal[]; onProgress?: LongWork['onProgress'] } = {},
    transfer: Transferable[] = [],
  ): Promise<unknown> {
    for (const signal of signals) signal.throwIfAborted();
    if (this.#failure) throw this.#failure;
    const call = this.number();
    const over = new AbortController();
    try {
      return await new Promise((settle, fail) => {
        this.post(ask(call), transfer);
        this.#calls.set(call, { settle, fail, onProgress });
        const abort = ({ target }: Event): void => {
          fail((target as AbortSignal).reason);
          this.post({ kind: 'abort', call });
        };
        for (const signal of signals) signal.addEventListener('abort', abort, { signal: over.signal });
      });
    } finally {
      this.#calls.delete(call);
      over.abort();
    }
  }

  /**
   * The canvas's number in the worker, handed over where it was not yet; undefined where it cannot be, having a context.
   * @throws LatentPreviewError `worker` where another worker has it
   */
  canvas(canvas: Canvas): number | undefined {
    const known = this.#canvases.get(canvas);
    if (known !== undefined) return known;
    const own = detach(canvas);
    if (!own) return undefined;
    const id = this.number();
    try {
      this.#port.postMessage({ kind: 'canvas', id, canvas: own } satisfies Request, [own]);
    } catch {
      // An OffscreenCanvas with a context.
      return undefined;
    }
    this.#canvases.set(canvas, id);
    this.#collected.register(canvas, id);
    return id;
  }

  /** Ends all calls. */
  close(error: LatentPreviewError): void {
    this.#failure = error;
    for (const { fail } of this.#calls.values()) fail(error);
    this.#port.close();
  }

  #receive(answer: Answer): void {
    this.#answered = true;
    const call = this.#calls.get(answer.call);
    if ('progress' in answer) call?.onProgress?.(answer.progress);
    else if ('error' in answer) call?.fail(receivedError(answer.error));
    else if (call) call.settle(answer.value);
    // Nobody waits for it any more; it holds memory of the GPU.
    else if (typeof ImageBitmap === 'function' && answer.value instanceof ImageBitmap) answer.value.close();
  }

  #fail({ message, error }: Partial<ErrorEvent>): void {
    this.close(
      new LatentPreviewError(
        'worker',
        `worker: its script could not be loaded or run${message ? ` (${message})` : ''}; is its address right, and does ` +
          "the page's content security policy allow it (worker-src, script-src)?",
        error === undefined || error === null ? {} : { cause: error },
      ),
    );
  }
}

function detach(canvas: Canvas): OffscreenCanvas | undefined {
  if (!('transferControlToOffscreen' in canvas)) return 'convertToBlob' in canvas ? canvas : undefined;
  try {
    return canvas.transferControlToOffscreen();
  } catch {
    // It has a context, or went to a worker before: drawing on it tells which.
    return undefined;
  }
}
