// The worker's module: `new Worker(…)` of it, or `import 'latent-preview/worker/run'` in a worker of your own, and it serves.
// Imported elsewhere it does nothing.

import { serve } from './serve';

/** Serves previewers in the worker that this is called in. The module does so itself when it is imported in one. */
export function servePreviews(): void {
  if (!('WorkerGlobalScope' in globalThis) || serving) return;
  serving = true;
  globalThis.addEventListener('message', ({ data }: MessageEvent) => {
    if (data?.latentPreview === 'connect') serve(data.port);
  });
}

let serving = false;
servePreviews();
