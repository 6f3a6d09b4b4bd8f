// Has a worker fit, hands it the pairs that it asks for, and ends it when it is done or no longer wanted.

import type { FitPair } from '../src/fit/index';
import type { FitAnswer, FitRequest, FitSettings, Fitted } from './fit.worker';

interface FitWork {
  readonly signal: AbortSignal;
  readonly onProgress: (fraction: number, stage: string) => void;
}

/** Rejects with the signal's reason as soon as that aborts: solving itself cannot be interrupted, a worker can. */
export function fitInWorker(
  pairs: readonly (() => FitPair)[],
  settings: FitSettings,
  { signal, onProgress }: FitWork,
): Promise<Fitted> {
  const worker = new Worker(new URL('./fit.worker.ts', import.meta.url), { type: 'module' });
  const send = (request: FitRequest): void => worker.postMessage(request);
  return new Promise<Fitted>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    worker.addEventListener('error', ({ message }) =>
      reject(new Error(`fit: ${message || 'the worker did not start; reload the page'}`)),
    );
    worker.addEventListener('message', ({ data }: MessageEvent<FitAnswer>) => {
      if (signal.aborted) return;
      if (data.kind === 'wanted') send({ kind: 'pair', pair: pairs[data.index]() });
      else if (data.kind === 'progress') onProgress(data.fraction, data.stage);
      else if (data.kind === 'fitted') resolve(data.fitted);
      else reject(new Error(data.message));
    });
    send({ kind: 'start', count: pairs.length, settings });
  }).finally(() => worker.terminate());
}
