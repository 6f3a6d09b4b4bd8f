// What happens to files that arrive: read, grouped into sequences, matched with references, shown. Whatever cannot be
// opened becomes a card; nothing that was dropped is lost.

import { announce } from './dom';
import { createEntry } from './entry';
import { type Opened, readFiles } from './files';
import { commonBase, groupSequences, matchReferences } from './match';
import { currentEntry, type Entry, type LatentFile, type Reference, type State, type Store } from './state';

export async function openFiles(store: Store, files: readonly File[]): Promise<void> {
  if (files.length === 0) return;
  store.set({ busy: store.state.busy + 1 });
  try {
    take(store, await readFiles(files));
  } finally {
    store.set({ busy: store.state.busy - 1 });
  }
}

/** Files that have been read, at once or from a card that could be helped. */
export function take(store: Store, { latents, references, decoders, problems }: Opened): void {
  const { state } = store;
  const imported = [...state.decoders, ...decoders];
  // References that wait came first, so they are first in order.
  const images = [...state.waiting, ...references];
  const matches = matchReferences(
    latents.map(({ name }) => name),
    images.map(({ name }) => name),
  );
  const withReferences = latents.map((file, index): LatentFile => {
    const reference = images[matches[index] ?? -1];
    return reference ? { ...file, reference } : file;
  });
  const opened = groupSequences(withReferences, shapeKey).map((group) => createEntry(group, imported));
  const left = images.filter((_, index) => !matches.includes(index));
  const { entries, waiting } = giveToOpen(state, left);
  store.set({
    entries: decoders.length > 0 ? entries.map((entry) => useDecoder(entry, state, decoders)) : entries,
    ...{ waiting, decoders: imported, problems: [...state.problems, ...problems] },
  });
  const [first] = opened;
  if (first) {
    store.set({ entries: [...store.state.entries, ...opened], current: first.id });
    if (first.files.some(({ reference }) => reference) && state.mode === 'preview') store.set({ mode: 'slider' });
  }
  tell(opened, references, problems.length, waiting.length);
}

export const shapeKey = ({ latents: { tensor } }: LatentFile): string => `${tensor.dtype} ${tensor.shape.join('×')}`;

/** Images without new latents go to the user's open ones: by name, else in order to those without, else to the shown one. */
function giveToOpen(state: State, images: readonly Reference[]): { entries: readonly Entry[]; waiting: Reference[] } {
  let entries = state.entries;
  const own = (): Entry[] => entries.filter(({ sample }) => !sample);
  const give = (id: string, fileName: string | undefined, reference: Reference): void => {
    entries = entries.map((entry) =>
      entry.id !== id
        ? entry
        : {
            ...entry,
            files: entry.files.map((file) => (!fileName || file.name === fileName ? { ...file, reference } : file)),
          },
    );
  };
  const waiting: Reference[] = [];
  for (const reference of images) {
    const files = own().flatMap(({ id, files: list }) =>
      list.map(({ name }) => ({ id, name, base: commonBase(name, reference.name) })),
    );
    const best = Math.max(0, ...files.map(({ base }) => base));
    const named = files.filter(({ base }) => base > 0 && base === best);
    const bare = own().find((entry) => entry.files.every((file) => !file.reference));
    const shown = own().find(({ id }) => id === state.current);
    if (named.length > 0) for (const { id, name } of named) give(id, name, reference);
    else if (bare) give(bare.id, undefined, reference);
    else if (shown) give(shown.id, undefined, reference);
    else waiting.push(reference);
  }
  return { entries, waiting };
}

/** A decoder that was dropped is for the latents on show, if it takes their channels. */
function useDecoder(entry: Entry, state: State, decoders: Opened['decoders']): Entry {
  const { id, decoder } = decoders.at(-1) ?? {};
  const shown = currentEntry(state)?.id === entry.id;
  return shown && id && decoder && entry.guesses.some(({ format }) => format.channels === decoder.channels)
    ? { ...entry, decoder: id }
    : entry;
}

function tell(opened: readonly Entry[], references: readonly Reference[], problems: number, waiting: number): void {
  const parts = [
    ...(opened.length > 0 ? [`opened ${opened.map(({ title }) => title).join(', ')}`] : []),
    ...(references.length > 0 ? [`${references.length} reference image${references.length > 1 ? 's' : ''}`] : []),
    ...(waiting > 0 ? [`${waiting} waiting for latents`] : []),
    ...(problems > 0 ? [`${problems} could not be opened`] : []),
  ];
  announce(parts.join('; '));
}
