// Saving what is shown: one PNG, or every step of the sequence as a ZIP of PNGs.

import { frameOf } from './decode';
import { choiceOf } from './decoders';
import { announce, byId, errorText, make } from './dom';
import { playedAxis } from './entry';
import { stem } from './match';
import type { Pictures } from './pictures';
import { currentEntry, type Entry, type Store } from './state';

export interface Exports {
  png(): Promise<void>;
}

export function createExports(store: Store, pictures: Pictures): Exports {
  const zip = byId('save-zip', HTMLButtonElement);
  const saving = byId('saving', HTMLElement);
  const progress = byId('saving-progress', HTMLProgressElement);
  const count = byId('saving-count', HTMLElement);
  let abort: AbortController | undefined;

  store.listen((state) => {
    const entry = currentEntry(state);
    const played = entry && playedAxis(entry);
    zip.hidden = !played;
    if (played) zip.textContent = `All ${played.count} as ZIP`;
    for (const button of [zip, byId('save-png', HTMLButtonElement)])
      button.disabled = abort !== undefined || !entry || !choiceOf(state, entry);
  });

  async function png(): Promise<void> {
    const frame = frameOf(store.state);
    if (!frame) return;
    try {
      const name = `${baseName(frame.entry)}.png`;
      save(await pictures.png(frame), name);
      announce(`saved ${name}`);
    } catch (error) {
      announce(errorText(error));
    }
  }

  async function allSteps(): Promise<void> {
    const { state } = store;
    const entry = currentEntry(state);
    const played = entry && playedAxis(entry);
    if (!entry || !played || abort) return;
    abort = new AbortController();
    const { signal } = abort;
    saving.hidden = false;
    store.set({ playing: false });
    const digits = String(played.count).length;
    async function* steps(
      from: Entry,
      total: number,
    ): AsyncGenerator<{ name: string; input: Blob; lastModified: Date }> {
      for (let step = 0; step < total; step++) {
        signal.throwIfAborted();
        progress.value = step / total;
        count.textContent = `${step} / ${total}`;
        const place = { ...from, position: { ...from.position, [played?.axis ?? 'item']: step } };
        const frame = frameOf(state, place);
        if (!frame) throw new Error('export: the format has no decoder');
        const name = `${baseName(from)}.${String(step + 1).padStart(digits, '0')}.png`;
        yield { name, input: await pictures.png(frame, { signal, background: true }), lastModified: new Date() };
      }
    }
    try {
      const { makeZip } = await import('client-zip');
      const stream = makeZip(steps(entry, played.count));
      save(
        await new Response(stream, { headers: { 'content-type': 'application/zip' } }).blob(),
        `${baseName(entry)}.zip`,
      );
      announce(`saved ${played.count} pictures`);
    } catch (error) {
      announce(signal.aborted ? 'saving was cancelled' : errorText(error));
      if (!signal.aborted) count.textContent = errorText(error);
    } finally {
      abort = undefined;
      saving.hidden = true;
      store.set({});
    }
  }

  byId('save-png', HTMLButtonElement).addEventListener('click', () => void png());
  zip.addEventListener('click', () => void allSteps());
  byId('saving-cancel', HTMLButtonElement).addEventListener('click', () => abort?.abort());
  return { png };
}

/** `astronaut.sdxl-sdnext`: the file's name and the decoder's, without characters that file systems refuse. */
const baseName = ({ files, decoder }: Entry): string =>
  `${stem(files[0]?.name ?? 'latents')}.${decoder}`.replace(/[^\w.-]+/g, '-');

/** As a download. */
export function save(blob: Blob, name: string): void {
  const link = make('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  // The download has its own hold of the bytes by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
