// The worker that is started where the page brings none. Alone in its file because builds look for this very line: bundlers
// to take the worker's module along, our own to leave it to them (scripts/worker-address.mjs).

import { LatentPreviewError } from '../errors';

/** @throws LatentPreviewError `worker` where the page may not, or the runtime has none */
export function startWorker(): Worker {
  if (typeof Worker !== 'function')
    throw new LatentPreviewError('worker', 'worker: this runtime has no Worker; use createPreviewer in its place');
  try {
    return new Worker(new URL('./run.ts', import.meta.url), { type: 'module' });
  } catch (cause) {
    throw new LatentPreviewError(
      'worker',
      `worker: it may not be started (${cause instanceof Error ? cause.message : cause}); where the library's files come from ` +
        'another origin, or the page uses Trusted Types, start a worker of your own that imports ' +
        "'latent-preview/worker/run', and pass it as `worker`",
      { cause },
    );
  }
}
