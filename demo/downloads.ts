// Known decoders that the user asks for by name: downloaded from huggingface.co, kept by the browser, made into decoders.
// Nothing is contacted before someone asks; what was kept is looked up without the network.

import { type KnownDecoder, knownDecoders } from '../src/decoders/known';
import { isKept } from '../src/download/kept';
import { placeOf } from '../src/download/place';
import { decoderFromWeights, LatentPreviewError, loadWeights } from '../src/index';
import { familyOf } from './decoders';
import { announce, errorText } from './dom';
import { currentEntry, type Download, type ImportedDecoder, type KnownName, type Store } from './state';

export interface Downloads {
  /** @param choose whether the picture on show is then decoded by it */
  start(name: KnownName, choose: boolean): void;
  cancel(name: KnownName): void;
}

export const known = (name: KnownName): KnownDecoder => knownDecoders[name];

export const knownNames = Object.keys(knownDecoders) as readonly KnownName[];

export const host = 'huggingface.co';

export const fileUrl = (name: KnownName): string => placeOf(name, {}).url;

export function createDownloads(store: Store): Downloads {
  const running = new Map<KnownName, AbortController>();
  const set = (name: KnownName, download: Download | undefined): void =>
    store.set({ downloads: { ...store.state.downloads, [name]: download } });

  for (const name of knownNames)
    void isKept(fileUrl(name)).then((kept) => {
      if (kept && !store.state.downloads[name]) set(name, { state: 'kept' });
    });

  async function start(name: KnownName, choose: boolean): Promise<void> {
    if (running.has(name)) return;
    const controller = new AbortController();
    const { signal } = controller;
    running.set(name, controller);
    set(name, { state: 'loading', loaded: 0, total: undefined });
    const { title } = known(name);
    announce(`downloading ${title}`);
    try {
      const weights = await loadWeights(name, {
        signal,
        onProgress: ({ loaded, total }) => set(name, { state: 'loading', loaded, total }),
      });
      const { name: kind, ...decoder } = decoderFromWeights(weights);
      add({
        id: name,
        file: title,
        decoder: { ...decoder, name: `${title} · ${kind}` },
        read: 'decoderFromWeights',
        known: name,
      });
      announce(`${title} is ready`);
      set(name, undefined);
      const entry = currentEntry(store.state);
      if (choose && entry && known(name).formats.includes(familyOf(entry.format).id))
        store.setEntry(entry.id, { decoder: name });
    } catch (error) {
      const message = signal.aborted
        ? `the download of ${title} was cancelled`
        : `${title} was not downloaded: ${explain(name, error)}`;
      set(name, signal.aborted ? undefined : { state: 'failed', message });
      announce(message);
    } finally {
      running.delete(name);
    }
  }

  const add = (decoder: ImportedDecoder): void =>
    store.set({ decoders: [...store.state.decoders.filter(({ id }) => id !== decoder.id), decoder] });

  return {
    start: (name, choose) => void start(name, choose),
    cancel: (name) => running.get(name)?.abort(),
  };
}

/** The library's message, less the address that the page shows anyway. */
function explain(name: KnownName, error: unknown): string {
  if (!(error instanceof LatentPreviewError)) return errorText(error);
  if (/could not be fetched/.test(error.message))
    return navigator.onLine ? `${host} cannot be reached, or does not let this page read from it.` : 'you are offline.';
  return error.message.replace(/^\w+: /, '').replace(/https:\S+/, known(name).file);
}
