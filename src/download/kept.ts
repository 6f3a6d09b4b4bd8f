// Downloads kept in the browser's Cache Storage. It may be missing, full or forbidden at any time: then nothing is found
// and nothing is kept, and no load fails for it.

import { canHash, sha256Of } from './sha256';

/** The cache's name; a page may delete it: `caches.delete('latent-preview-weights')`. */
export const cacheName = 'latent-preview-weights';

/** Of the bytes as they were stored. */
const hashHeader = 'x-sha256';

/** What was kept for a URL, if it has this sha256 or else that of what was stored; an entry that has not is removed. */
export async function findKept(url: string, sha256: string | undefined): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const cache = await openCache();
  const entry = await cache?.match(url).catch(() => undefined);
  if (!entry) return undefined;
  const bytes = await entry.arrayBuffer().then(
    (buffer) => new Uint8Array(buffer),
    () => undefined,
  );
  if (bytes && (await sha256Of(bytes)) === (sha256 ?? entry.headers.get(hashHeader))) return bytes;
  await forget(url);
  return undefined;
}

/** @param sha256 of the bytes, where it is known */
export async function keep(url: string, bytes: Uint8Array<ArrayBuffer>, sha256: string | undefined): Promise<void> {
  const cache = await openCache();
  if (!cache) return;
  const headers = { 'content-length': `${bytes.length}`, [hashHeader]: sha256 ?? (await sha256Of(bytes)) };
  await cache.put(url, new Response(bytes, { headers })).catch(() => {});
}

async function forget(url: string): Promise<void> {
  const cache = await openCache();
  await cache?.delete(url).catch(() => {});
}

/** True without a look at the bytes. */
export async function isKept(url: string): Promise<boolean> {
  const cache = await openCache();
  return (await cache?.match(url).catch(() => undefined)) !== undefined;
}

/** Reading `caches` itself throws where a page may store nothing. */
async function openCache(): Promise<Cache | undefined> {
  try {
    return canHash() ? await globalThis.caches?.open(cacheName) : undefined;
  } catch {
    return undefined;
  }
}
