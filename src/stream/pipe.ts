// What `pipe` of a preview stream does: frame after frame from a source to whatever takes them, until either ends.

export interface PipeOptions {
  /** Whether each frame is waited for before the next is asked for. */
  readonly inTurn: boolean;
  /** Gets what ends this, while it lasts. */
  readonly ends: Set<() => void>;
  readonly signal: AbortSignal | undefined;
}

/** Resolves once the last frame is taken, or when ended. Rejects with the first error of either side, or the signal's reason. */
export async function pipeFrames<T>(
  frames: AsyncIterable<T>,
  push: (frame: T) => Promise<unknown>,
  { inTurn, ends, signal }: PipeOptions,
): Promise<void> {
  signal?.throwIfAborted();
  const iterator = frames[Symbol.asyncIterator]();
  let over = false;
  let end: () => void = () => {};
  let fail: (error: unknown) => void = () => {};
  // Comes while the next frame is awaited, which may never come.
  const ended = new Promise<void>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  const readAll = async (): Promise<void> => {
    let last: Promise<unknown> = Promise.resolve();
    for (let next = await iterator.next(); !next.done && !over; next = await iterator.next()) {
      last = push(next.value);
      last.catch(fail);
      if (inTurn) await last;
    }
    await last;
  };
  const abort = (): void => fail(signal?.reason);
  ends.add(end);
  signal?.addEventListener('abort', abort);
  const reading = readAll();
  try {
    await Promise.race([reading, ended]);
  } finally {
    over = true;
    ends.delete(end);
    signal?.removeEventListener('abort', abort);
    // What they say from now on is nobody's.
    reading.catch(() => {});
    ended.catch(() => {});
    iterator.return?.().catch(() => {});
  }
}
