// Asks the worker to compare pictures.

import type { ImageDataLike } from '../src/compare/index';
import type { CompareAnswer, CompareRequest } from './compare.worker';

export type Compare = (image: ImageDataLike, reference: ImageDataLike, amplify?: number) => Promise<CompareAnswer>;

export function createCompare(): Compare {
  let serial = 0;
  const waiting = new Map<number, { resolve(answer: CompareAnswer): void; reject(error: Error): void }>();

  function start(): Worker {
    const started = new Worker(new URL('./compare.worker.ts', import.meta.url), { type: 'module' });
    started.addEventListener('message', ({ data }: MessageEvent<CompareAnswer>) => {
      waiting.get(data.serial)?.resolve(data);
      waiting.delete(data.serial);
    });
    started.addEventListener('error', ({ message }) => {
      for (const { reject } of waiting.values()) reject(new Error(`compare: ${message || 'the worker did not start'}`));
      waiting.clear();
      worker = undefined;
    });
    return started;
  }

  // At once, so that it is there when the first picture is.
  let worker: Worker | undefined = start();

  return (image, reference, amplify) =>
    new Promise((resolve, reject) => {
      worker ??= start();
      const request: CompareRequest = { serial: ++serial, image: plain(image), reference: plain(reference), amplify };
      waiting.set(request.serial, { resolve, reject });
      worker.postMessage(request);
    });
}

const plain = ({ width, height, data }: ImageDataLike): ImageDataLike => ({ width, height, data });
