// How long to wait before asking a server again that did not answer.

const longest = 10_000;

/** Milliseconds before the try that follows so many failures in a row: twice as long each time, up to 10 s. */
export const retryDelay = (failures: number, first: number): number => Math.min(first * 2 ** (failures - 1), longest);

/** Resolves after so many milliseconds, or as soon as the signal aborts. */
export function waitFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
