// A generator that waits for a source it cannot leave by itself → one that lets go of the source when its loop ends.

/** The same items; lets go of the source with the loop's end or the signal's abort, also while a read waits. */
export function closing<T>(
  items: AsyncIterator<T, void>,
  signal: AbortSignal | undefined,
  close: () => void,
): AsyncIterableIterator<T, void, undefined> {
  const end: IteratorReturnResult<undefined> = { done: true, value: undefined };
  let closed = false;
  const finish = (): void => {
    if (closed) return;
    closed = true;
    signal?.removeEventListener('abort', finish);
    close();
  };
  signal?.addEventListener('abort', finish);
  if (signal?.aborted) finish();
  return {
    async next() {
      signal?.throwIfAborted();
      if (closed) return end;
      try {
        const result = await items.next();
        if (!closed && !result.done) return result;
      } catch (error) {
        // What a source says when it is let go is nobody's error.
        if (!closed) {
          finish();
          throw error;
        }
      }
      finish();
      signal?.throwIfAborted();
      return end;
    },
    async return() {
      finish();
      return end;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
