// The stream's logic with a previewer whose decodes end when a test says so: who is shown, in which order, who is dropped,
// cancelled, held back. Real decodes are in browser/stream.spec.ts.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type FrameOptions, LatentPreviewError, type Latents, latentsFromArray, type Previewer } from '../../src/index';
import { createPreviewStream, type PreviewStreamOptions, type StreamFrame } from '../../src/stream/index';

interface Decode {
  readonly name: number;
  readonly options: FrameOptions;
  done(): void;
  fail(error: unknown): void;
}

const canvas = {} as OffscreenCanvas;
const named = (name: number): Latents => latentsFromArray(Float32Array.of(name), { shape: [1, 1, 1, 1] });
const nameOf = (frame: StreamFrame): number => {
  if ('image' in frame) return frame.step;
  const { tensor } = 'latents' in frame ? frame.latents : frame;
  return (tensor as { data: Float32Array }).data[0]!;
};
/** Lets all that is ready run. */
const settled = () => vi.advanceTimersByTimeAsync(0);

/** A stream, what its previewer was asked for, and what reached the canvas. With `gpu`, its work ends when told. */
function stream(options: PreviewStreamOptions = {}, { gpu = false } = {}) {
  const decodes: Decode[] = [];
  const submitted: (() => void)[] = [];
  const shown: number[] = [];
  const queue = { onSubmittedWorkDone: () => new Promise<void>((resolve) => submitted.push(resolve)) };
  const previewer = {
    device: gpu ? { queue } : undefined,
    toCanvas(latents: Latents, on: unknown, frame: FrameOptions = {}) {
      expect(on).toBe(canvas);
      const running = decodes.filter(({ options }) => !options.signal?.aborted).length;
      expect(running, 'decodes at a time').toBe(0);
      return new Promise<void>((resolve, reject) => {
        const decode: Decode = {
          name: nameOf(latents),
          options: frame,
          done() {
            decodes.splice(decodes.indexOf(decode), 1);
            resolve();
          },
          fail(error) {
            decodes.splice(decodes.indexOf(decode), 1);
            reject(error);
          },
        };
        frame.signal?.addEventListener('abort', () => decode.fail(frame.signal?.reason));
        decodes.push(decode);
      });
    },
  } as unknown as Previewer;
  const made = createPreviewStream(previewer, canvas, {
    ...options,
    onShown: (one) => {
      shown.push(nameOf(one.frame));
      options.onShown?.(one);
    },
  });
  return { stream: made, decodes, submitted, shown, running: () => decodes.map(({ name }) => name) };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('newest wins', () => {
  it('122 among those that wait; what it tells of each is so', async () => {
    const { stream: made, decodes, shown, running } = stream();
    const first = made.push(named(1));
    expect(running()).toEqual([1]);
    decodes[0]?.options.onProgress?.(0.6);
    const [second, third] = [made.push(named(2)), made.push(named(3))];
    expect(await second).toBe(false);
    expect(running()).toEqual([1]);
    decodes[0]?.done();
    expect(await first).toBe(true);
    await settled();
    expect(running()).toEqual([3]);
    await vi.advanceTimersByTimeAsync(40);
    decodes[0]?.done();
    expect(await third).toBe(true);
    expect(shown).toEqual([1, 3]);
    expect(made.statistics).toEqual({
      ...{ pushed: 3, shown: 2, dropped: 1, cancelled: 0, failed: 0 },
      ...{ milliseconds: 40, meanMilliseconds: 20 },
    });
  });

  it('over a decode that has hardly begun, which is cancelled', async () => {
    const { stream: made, decodes, shown, running } = stream();
    const first = made.push(named(1));
    decodes[0]?.options.onProgress?.(0.4);
    void made.push(named(2));
    expect(await first).toBe(false);
    await settled();
    expect(running()).toEqual([2]);
    decodes[0]?.done();
    await settled();
    expect(shown).toEqual([2]);
    expect(made.statistics).toMatchObject({ shown: 1, dropped: 1, cancelled: 1, failed: 0 });
  });

  it('122 but only once between two that are shown: a stream faster than the decoder goes on', async () => {
    const { stream: made, decodes, shown, running } = stream();
    for (let k = 1; k <= 5; k++) {
      void made.push(named(k));
      await settled();
    }
    // 1 gave way to 2; 2 is finished, whatever comes.
    expect(running()).toEqual([2]);
    decodes[0]?.done();
    await settled();
    expect(running()).toEqual([5]);
    void made.push(named(6));
    await settled();
    expect(running()).toEqual([6]);
    decodes[0]?.done();
    await settled();
    expect(shown).toEqual([2, 6]);
    expect(made.statistics).toMatchObject({ pushed: 6, shown: 2, dropped: 4, cancelled: 2 });
  });

  it('not where nothing is to be dropped', async () => {
    const { stream: made, decodes, shown } = stream({ drop: 'never' });
    const all = [1, 2, 3].map((k) => made.push(named(k)));
    for (let k = 1; k <= 3; k++) {
      await settled();
      decodes[0]?.done();
    }
    expect(await Promise.all(all)).toEqual([true, true, true]);
    expect(shown).toEqual([1, 2, 3]);
  });

  it('passes on size, filter, item and frame, and nothing that was not said', async () => {
    const asked = { size: 'image', resample: 'bicubic', item: 1, frame: 2 } as const;
    const { stream: made, decodes } = stream(asked);
    void made.push({ latents: named(1) } as StreamFrame);
    expect(decodes[0]?.options).toMatchObject(asked);
    const plain = stream();
    void plain.stream.push(named(1));
    expect(Object.keys(plain.decodes[0]?.options ?? {}).sort()).toEqual(['onProgress', 'signal']);
  });
});

describe('in flight', () => {
  it('one: the next waits until the GPU has finished', async () => {
    const { stream: made, decodes, submitted, shown, running } = stream({}, { gpu: true });
    void made.push(named(1));
    decodes[0]?.done();
    await settled();
    void made.push(named(2));
    await settled();
    expect([running(), shown, submitted.length]).toEqual([[], [], 1]);
    submitted[0]?.();
    await settled();
    expect([running(), shown]).toEqual([[2], [1]]);
  });
  it('two: the next is submitted meanwhile, a third waits; the canvas gets them in order', async () => {
    const { stream: made, decodes, submitted, shown, running } = stream({ maxInFlight: 2 }, { gpu: true });
    void made.push(named(1));
    decodes[0]?.done();
    await settled();
    void made.push(named(2));
    expect(running()).toEqual([2]);
    decodes[0]?.done();
    await settled();
    void made.push(named(3));
    await settled();
    expect(running()).toEqual([]);
    submitted[0]?.();
    await settled();
    expect(running()).toEqual([3]);
    submitted[1]?.();
    await settled();
    expect(shown).toEqual([1, 2]);
  });
});

describe('a time budget', () => {
  it('rests after each frame so long that decoding keeps to its share', async () => {
    const { stream: made, decodes, running } = stream({ timeBudget: 250 });
    void made.push(named(1));
    await vi.advanceTimersByTimeAsync(30);
    decodes[0]?.done();
    await settled();
    void made.push(named(2));
    await vi.advanceTimersByTimeAsync(89);
    void made.push(named(3));
    expect(running()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(running()).toEqual([3]);
  });
  it('out of range is refused, and so are the other options', () => {
    for (const timeBudget of [0, -1, 1001, Number.NaN])
      expect(() => stream({ timeBudget })).toThrow('stream: timeBudget');
    for (const maxInFlight of [0, 1.5, Number.NaN]) expect(() => stream({ maxInFlight })).toThrow('maxInFlight');
  });
});

describe('hidden', () => {
  class Page extends EventTarget {
    visibilityState = 'visible';
    show(state: 'visible' | 'hidden'): void {
      this.visibilityState = state;
      this.dispatchEvent(new Event('visibilitychange'));
    }
  }
  it('111 pages decode nothing, and the newest when they are back', async () => {
    const page = new Page();
    vi.stubGlobal('document', page);
    const { stream: made, decodes, running } = stream();
    page.show('hidden');
    expect(made.paused).toBe(true);
    const old = made.push(named(1));
    void made.push(named(2));
    expect(await old).toBe(false);
    expect(running()).toEqual([]);
    page.show('visible');
    expect([running(), made.paused]).toEqual([[2], false]);
    decodes[0]?.done();
    await settled();
    made.destroy();
    page.show('hidden');
    const other = stream({ pauseWhenHidden: false });
    void other.stream.push(named(3));
    expect(other.running()).toEqual([3]);
  });
  it('or paused by hand: the same', async () => {
    const { stream: made, running } = stream();
    made.pause();
    void made.push(named(1));
    void made.push(named(2));
    expect([running(), made.paused]).toEqual([[], true]);
    made.resume();
    expect(running()).toEqual([2]);
  });
});

describe('errors', () => {
  it('of a frame are its own; the next is shown', async () => {
    const { stream: made, decodes, shown } = stream();
    const first = made.push(named(1));
    decodes[0]?.options.onProgress?.(0.9);
    void made.push(named(2));
    decodes[0]?.fail(new LatentPreviewError('shape', 'misfit'));
    await expect(first).rejects.toThrow('misfit');
    await settled();
    decodes[0]?.done();
    await settled();
    expect(shown).toEqual([2]);
    expect(made.statistics).toMatchObject({ pushed: 2, shown: 1, dropped: 0, failed: 1 });
  });
});

describe('destroy', () => {
  it('drops what waits and what runs, and takes no more', async () => {
    const { stream: made, decodes, shown } = stream();
    const first = made.push(named(1));
    decodes[0]?.options.onProgress?.(0.9);
    const second = made.push(named(2));
    made.destroy();
    made.destroy();
    expect(await Promise.all([first, second])).toEqual([false, false]);
    expect([decodes, shown]).toEqual([[], []]);
    expect(() => made.push(named(3))).toThrow('stream: it was destroyed');
  });
  it('during rests leaves no timer behind', async () => {
    const two = stream({ timeBudget: 10, maxInFlight: 2 }, { gpu: true });
    for (const name of [1, 2]) {
      void two.stream.push(named(name));
      await vi.advanceTimersByTimeAsync(5);
      two.decodes[0]?.done();
      await settled();
    }
    for (const finish of two.submitted) finish();
    await settled();
    expect([two.shown, vi.getTimerCount()]).toEqual([[1, 2], 1]);
    two.stream.destroy();
    expect(vi.getTimerCount()).toBe(0);

    const { stream: made, decodes } = stream({ timeBudget: 10 });
    void made.push(named(1));
    await vi.advanceTimersByTimeAsync(30);
    decodes[0]?.done();
    await settled();
    expect(vi.getTimerCount()).toBe(1);
    made.destroy();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('pipe', () => {
  /** Frames that a test hands out, and whether they were let go. */
  function source() {
    const waiting: { resolve(result: IteratorResult<Latents>): void; reject(error: unknown): void }[] = [];
    const state = { returned: false, asked: 0 };
    const frames: AsyncIterable<Latents> = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          state.asked++;
          return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
        },
        return: async () => {
          state.returned = true;
          return { done: true, value: undefined };
        },
      }),
    };
    const give = async (name: number) => {
      waiting.shift()?.resolve({ done: false, value: named(name) });
      await settled();
    };
    return { frames, state, give, end: () => waiting.shift()?.resolve({ done: true, value: undefined }), waiting };
  }

  it('shows what comes and ends with the source, once its last frame is shown', async () => {
    const { stream: made, decodes, shown } = stream();
    const { frames, give, end } = source();
    const piping = made.pipe(frames);
    await give(1);
    decodes[0]?.done();
    await settled();
    await give(2);
    let over = false;
    void piping.then(() => {
      over = true;
    });
    end();
    await settled();
    expect(over).toBe(false);
    decodes[0]?.done();
    await piping;
    expect(shown).toEqual([1, 2]);
  });
  it('asks for no more than is shown where nothing may be dropped', async () => {
    const { stream: made, decodes } = stream({ drop: 'never' });
    const { frames, state, give } = source();
    void made.pipe(frames);
    await give(1);
    expect(state.asked).toBe(1);
    decodes[0]?.done();
    await settled();
    expect(state.asked).toBe(2);
  });
  it('rejects with the source’s error', async () => {
    const { stream: made } = stream();
    const { frames, waiting } = source();
    const piping = made.pipe(frames);
    const failed = expect(piping).rejects.toThrow('broke off');
    waiting[0]?.reject(new Error('broke off'));
    await failed;
  });
  it('rejects with a frame’s error while it waits for the next, and shows no more', async () => {
    const { stream: made, decodes } = stream();
    const { frames, state, give } = source();
    const piping = made.pipe(frames);
    const failed = expect(piping).rejects.toThrow('misfit');
    await give(1);
    decodes[0]?.fail(new Error('misfit'));
    await failed;
    expect(state.returned).toBe(true);
    await give(2);
    expect(decodes).toEqual([]);
  });
  it('rejects with the signal’s reason while it waits', async () => {
    const { stream: made } = stream();
    const { frames, state } = source();
    const abort = new AbortController();
    const failed = expect(made.pipe(frames, { signal: abort.signal })).rejects.toThrow('enough');
    abort.abort(new Error('enough'));
    await failed;
    expect(state.returned).toBe(true);
    await expect(made.pipe(frames, { signal: abort.signal })).rejects.toThrow('enough');
  });
  it('resolves when the stream is destroyed', async () => {
    const { stream: made } = stream();
    const { frames, state, give } = source();
    const piping = made.pipe(frames);
    await give(1);
    made.destroy();
    await piping;
    expect(state.returned).toBe(true);
    await made.pipe(frames);
  });
});
