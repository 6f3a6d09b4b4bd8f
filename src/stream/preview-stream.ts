// createPreviewStream(): steps as fast as they come → a canvas, as fast as it can. The newest wins, order is kept.

import type { Canvas } from '../canvas';
import { LatentPreviewError } from '../errors';
import type { FrameOptions } from '../previewer';
import { pipeFrames } from './pipe';
import { type StreamFrame, type StreamPreviewer, showFrame } from './show-frame';

export interface ShownFrame {
  readonly frame: StreamFrame;
  /** From the beginning of its decode until it was on the canvas, the GPU's work included. */
  readonly milliseconds: number;
}

export interface PreviewStreamOptions extends Pick<FrameOptions, 'size' | 'resample' | 'item' | 'frame'> {
  /**
   * `latest` (default): where frames come faster than they are decoded, only the newest waits; what waited before it is
   * dropped. `never`: all are shown, in turn; whoever pushes should wait for what `push` returns, as `pipe` does.
   */
  readonly drop?: 'latest' | 'never';
  /**
   * Frames handed to the GPU and not finished there, at most; default 1. 2 keeps a GPU busy between frames, and shows them
   * one frame later. On the CPU it is always 1.
   */
  readonly maxInFlight?: number;
  /**
   * Milliseconds of each second that decoding may take, above 0 to 1000 (default): after a frame that took t, the next begins
   * t · (1000 / timeBudget − 1) later. With 250 a GPU that generates at the same time keeps three quarters of its time.
   */
  readonly timeBudget?: number;
  /** Nothing is decoded while the page is hidden; then the newest is. Default true. */
  readonly pauseWhenHidden?: boolean;
  /** After each frame that is on the canvas. */
  readonly onShown?: (shown: ShownFrame) => void;
}

export interface StreamStatistics {
  /** Frames that were pushed. Those that are neither shown, dropped nor failed wait or are being decoded. */
  readonly pushed: number;
  readonly shown: number;
  /** Superseded by newer ones, decodes that were cancelled included. */
  readonly dropped: number;
  /** Of those dropped: whose decode had begun. */
  readonly cancelled: number;
  readonly failed: number;
  /** What the last frame took to be shown; undefined before the first. */
  readonly milliseconds: number | undefined;
  /** The mean of all that were shown. */
  readonly meanMilliseconds: number | undefined;
}

/** Made by {@link createPreviewStream}. */
export interface PreviewStream {
  /**
   * Hands over a frame. Resolves with true once it is on the canvas, with false where a newer one took its place or the
   * stream was destroyed. Rejects with what the previewer's `toCanvas` rejects with, or with `file` where a picture's
   * bytes are none; the stream goes on with the next.
   * @throws LatentPreviewError `gpu-lost` after `destroy()`
   */
  push(frame: StreamFrame): Promise<boolean>;
  /**
   * Pushes all that comes, until the source ends; resolves once its last frame is shown. Rejects with the first error of the
   * source or of a frame, or the signal's reason, and lets go of the source. Resolves early where the stream is destroyed.
   */
  pipe(frames: AsyncIterable<StreamFrame>, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Stops decoding until `resume()`; frames may still be pushed. For canvases scrolled out of sight, say. */
  pause(): void;
  resume(): void;
  /** Whether nothing is decoded, because of `pause()` or because the page is hidden. */
  readonly paused: boolean;
  readonly statistics: StreamStatistics;
  /** Ends it: what waits or is being decoded is dropped. Previewer and canvas stay the caller's. */
  destroy(): void;
}

/**
 * Shows a stream of latents on a canvas, and of pictures that a server has made, in any order. A decode that has not done half of its work when a newer frame comes is cancelled,
 * once between two shown frames: a stream faster than the decoder goes on showing.
 * @throws LatentPreviewError `shape` where an option is out of range
 */
export function createPreviewStream(
  previewer: StreamPreviewer,
  canvas: Canvas,
  options: PreviewStreamOptions = {},
): PreviewStream {
  return new CanvasStream(previewer, canvas, options);
}

interface Waiting {
  readonly frame: StreamFrame;
  settle(shown: boolean): void;
  fail(error: unknown): void;
}

interface Running extends Waiting {
  readonly abort: AbortController;
  /** From 0 to 1, as far as the previewer has told. */
  done: number;
}

class CanvasStream implements PreviewStream {
  readonly #previewer: StreamPreviewer;
  readonly #canvas: Canvas;
  readonly #options: PreviewStreamOptions;
  readonly #maxInFlight: number;
  readonly #rest: number;
  readonly #page: Document | undefined;
  #waiting: Waiting[] = [];
  /** The decode that has not been submitted whole. Only one at a time: so frames reach the canvas in order. */
  #running: Running | undefined;
  /** Submitted, not finished on the GPU; the running one included. */
  #inFlight = 0;
  #cancelledSinceShown = false;
  #resting: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  #destroyed = false;
  /** What ends the pipes. */
  readonly #ends = new Set<() => void>();
  readonly #counts = { pushed: 0, shown: 0, dropped: 0, cancelled: 0, failed: 0 };
  #milliseconds: number | undefined;
  #totalMilliseconds = 0;

  constructor(previewer: StreamPreviewer, canvas: Canvas, options: PreviewStreamOptions) {
    const { maxInFlight = 1, timeBudget = 1000, pauseWhenHidden = true } = options;
    if (!Number.isInteger(maxInFlight) || maxInFlight < 1)
      throw new LatentPreviewError('shape', `stream: maxInFlight ${maxInFlight}; it is a whole number from 1`);
    if (!(timeBudget > 0 && timeBudget <= 1000))
      throw new LatentPreviewError('shape', `stream: timeBudget ${timeBudget}; it is above 0, up to 1000 ms a second`);
    this.#previewer = previewer;
    this.#canvas = canvas;
    this.#options = options;
    this.#maxInFlight = maxInFlight;
    this.#rest = 1000 / timeBudget - 1;
    // Workers have no page; whoever runs one there can pause it.
    this.#page = pauseWhenHidden && typeof document === 'object' ? document : undefined;
    this.#page?.addEventListener('visibilitychange', this.#advance);
  }

  get paused(): boolean {
    return this.#stopped || this.#page?.visibilityState === 'hidden';
  }

  get statistics(): StreamStatistics {
    const { shown } = this.#counts;
    return {
      ...this.#counts,
      milliseconds: this.#milliseconds,
      meanMilliseconds: shown > 0 ? this.#totalMilliseconds / shown : undefined,
    };
  }

  push(frame: StreamFrame): Promise<boolean> {
    if (this.#destroyed) throw new LatentPreviewError('gpu-lost', 'stream: it was destroyed; create a new one');
    this.#counts.pushed++;
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { frame, settle: resolve, fail: reject };
      if (this.#options.drop !== 'never') {
        for (const older of this.#waiting.splice(0)) this.#drop(older);
        this.#supersede();
      }
      this.#waiting.push(waiting);
      this.#advance();
    });
  }

  async pipe(frames: AsyncIterable<StreamFrame>, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    if (this.#destroyed) return;
    const options = { inTurn: this.#options.drop === 'never', ends: this.#ends, signal };
    return pipeFrames(frames, (frame) => this.push(frame), options);
  }

  pause(): void {
    this.#stopped = true;
  }

  resume(): void {
    this.#stopped = false;
    this.#advance();
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    clearTimeout(this.#resting);
    this.#page?.removeEventListener('visibilitychange', this.#advance);
    for (const waiting of this.#waiting.splice(0)) this.#drop(waiting);
    this.#running?.abort.abort();
    for (const end of this.#ends) end();
  }

  /** Cancels the running decode where that is worth it. */
  #supersede(): void {
    const running = this.#running;
    if (!running || running.abort.signal.aborted || running.done >= 0.5 || this.#cancelledSinceShown) return;
    this.#cancelledSinceShown = true;
    running.abort.abort();
  }

  #drop({ settle }: Waiting, begun = false): void {
    this.#counts.dropped++;
    if (begun) this.#counts.cancelled++;
    settle(false);
  }

  /** Begins the next decode where nothing is in its way. */
  readonly #advance = (): void => {
    const busy = this.#running || this.#inFlight >= this.#maxInFlight || this.#resting !== undefined;
    if (busy || this.paused || this.#destroyed) return;
    const next = this.#waiting.shift();
    if (next) void this.#show({ ...next, abort: new AbortController(), done: 0 });
  };

  async #show(running: Running): Promise<void> {
    const { frame, abort } = running;
    const { size, resample, item, frame: latentFrame } = this.#options;
    const start = performance.now();
    let milliseconds: number | undefined;
    this.#running = running;
    this.#inFlight++;
    try {
      await showFrame(this.#previewer, this.#canvas, frame, {
        signal: abort.signal,
        onProgress: (fraction) => {
          running.done = fraction;
        },
        ...(size === undefined ? {} : { size }),
        ...(resample === undefined ? {} : { resample }),
        ...(item === undefined ? {} : { item }),
        ...(latentFrame === undefined ? {} : { frame: latentFrame }),
      });
      this.#running = undefined;
      const { device } = this.#previewer;
      if (device) {
        // It is submitted: with room in flight, the next may be as well.
        this.#advance();
        // Where the device is lost meanwhile, the next frame says so.
        await device.queue.onSubmittedWorkDone().catch(() => {});
      }
      milliseconds = performance.now() - start;
      this.#shown(running, milliseconds);
    } catch (error) {
      if (abort.signal.aborted) this.#drop(running, true);
      else {
        this.#counts.failed++;
        running.fail(error);
      }
    } finally {
      if (this.#running === running) this.#running = undefined;
      this.#inFlight--;
      this.#advance();
    }
    // Last: what it throws is the caller's, not the frame's.
    if (milliseconds !== undefined && !this.#destroyed) this.#options.onShown?.({ frame, milliseconds });
  }

  #shown({ settle }: Running, milliseconds: number): void {
    this.#counts.shown++;
    this.#cancelledSinceShown = false;
    this.#milliseconds = milliseconds;
    this.#totalMilliseconds += milliseconds;
    const rest = milliseconds * this.#rest;
    clearTimeout(this.#resting);
    if (rest > 0 && !this.#destroyed)
      this.#resting = setTimeout(() => {
        this.#resting = undefined;
        this.#advance();
      }, rest);
    settle(true);
  }
}
