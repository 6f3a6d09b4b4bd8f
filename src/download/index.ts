// Weights from wherever they are. From the network: one fetch for all who want the same file at the same time, checked,
// kept, and taken from where it was kept. Loaded when it is first needed.

import { openSource } from '../bytes';
import { memorySource, openTensorFile, readAll } from '../files/index';
import type { HubFile, LoadOptions, LoadWeightsOptions, Progress, Source } from '../source';
import type { Tensor } from '../tensor';
import { findKept, keep } from './kept';
import { type Place, placeOf } from './place';
import { expectHashing, expectSha256 } from './sha256';

type Tensors = ReadonlyMap<string, Tensor>;

/** One call of `downloadWeights`. */
interface Caller {
  arrived(weights: Tensors): void;
  failed(error: unknown): void;
  progressed(progress: Progress): void;
}

/** One download and those who wait for it. */
interface Download {
  readonly callers: Set<Caller>;
  readonly controller: AbortController;
  progress?: Progress;
}

/** Those under way, by place; nothing stays here. */
const downloads = new Map<string, Download>();

/** @throws LatentPreviewError `file`, `weights` */
export async function readWeights(source: Source | HubFile, options: LoadWeightsOptions): Promise<Tensors> {
  if (typeof source === 'string' || source instanceof URL || isHubFile(source)) return downloadWeights(source, options);
  const bytes = await readWhole(source, options);
  if (options.sha256 !== undefined) await expectSha256('the file', bytes, options.sha256);
  return readTensors(bytes);
}

/** In one piece: part by part, a Blob or a server would be asked once for each tensor. */
async function readWhole(source: Source, options: LoadOptions): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await openSource(source, options);
  return bytes.read(0, bytes.size);
}

const readTensors = async (bytes: Uint8Array<ArrayBuffer>): Promise<Tensors> =>
  (await readAll(await openTensorFile(memorySource(bytes)))).tensors;

const isHubFile = (source: Source | HubFile): source is HubFile =>
  typeof source === 'object' && source !== null && 'repo' in source;

async function downloadWeights(source: string | URL | HubFile, options: LoadWeightsOptions): Promise<Tensors> {
  const place = placeOf(source, options);
  if (place.sha256 !== undefined) expectHashing(place.url);
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const key = JSON.stringify(place);
  const download = downloads.get(key) ?? start(key, place);
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      download.callers.delete(caller);
      signal?.removeEventListener('abort', aborted);
      if (download.callers.size > 0) return;
      if (downloads.get(key) === download) downloads.delete(key);
      download.controller.abort();
    };
    const caller: Caller = {
      arrived(weights) {
        leave();
        resolve(weights);
      },
      failed(error) {
        leave();
        reject(error);
      },
      // A caller whose callback throws is out; the others go on.
      progressed(progress) {
        try {
          onProgress?.(progress);
        } catch (error) {
          caller.failed(error);
        }
      },
    };
    const aborted = (): void => caller.failed(signal?.reason);
    signal?.addEventListener('abort', aborted);
    download.callers.add(caller);
    if (download.progress) caller.progressed(download.progress);
  });
}

function start(key: string, place: Place): Download {
  const controller = new AbortController();
  const download: Download = { callers: new Set(), controller };
  downloads.set(key, download);
  const onProgress = (progress: Progress): void => {
    download.progress = progress;
    for (const caller of [...download.callers]) caller.progressed(progress);
  };
  fetchOrFind(place, controller.signal, onProgress)
    .then(async ({ bytes, weights }) => {
      // Who comes from now on starts anew.
      if (downloads.get(key) === download) downloads.delete(key);
      const callers = [...download.callers];
      // The tensors are views of the bytes: each caller has its own, copied before any of them can change or hand theirs on.
      const copies = await Promise.all(callers.slice(1).map(() => readTensors(bytes.slice())));
      for (const [index, caller] of callers.entries())
        if (download.callers.has(caller)) caller.arrived(copies[index - 1] ?? weights);
    })
    .catch((error: unknown) => {
      for (const caller of [...download.callers]) caller.failed(error);
    });
  return download;
}

interface Loaded {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly weights: Tensors;
}

async function fetchOrFind(
  { url, sha256, keep: keeps }: Place,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
): Promise<Loaded> {
  const kept = keeps ? await findKept(url, sha256) : undefined;
  if (kept) {
    onProgress({ loaded: kept.length, total: kept.length });
    return { bytes: kept, weights: await readTensors(kept) };
  }
  const bytes = await readWhole(url, { signal, onProgress });
  if (sha256 !== undefined) await expectSha256(url, bytes, sha256);
  // Read before it is kept: what nobody can read, such as a login page, must not be found the next time.
  const weights = await readTensors(bytes);
  if (keeps) await keep(url, bytes, sha256);
  return { bytes, weights };
}
