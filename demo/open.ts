// What happens to files that arrive: read, grouped into sequences, matched with references, shown. Whatever cannot be
// opened becomes a card; nothing that was dropped is lost.

import { familyOf, takes } from './decoders';
import { announce } from './dom';
import { createEntry, fileOf, fits, guessesOf, readingOf, shapeKey } from './entry';
import { type Opened, problem, readFiles } from './files';
import { commonBase, groupSequences, matchReferences } from './match';
import { isOpenQuestion, readAsBefore } from './reading';
import type { Entry, ImportedDecoder, LatentFile, Problem, Reference, State, Store } from './state';

interface OpenOptions {
  /** A picture goes to latents whose name it shares alone, and waits for them; not to what happens to be on show. */
  readonly byName?: boolean;
}

export async function openFiles(store: Store, files: readonly File[], options: OpenOptions = {}): Promise<void> {
  if (files.length === 0) return;
  store.set({ busy: store.state.busy + 1 });
  try {
    const opened = await readFiles(files);
    for (const [first] of groupSequences(opened.latents, shapeKey)) {
      // The page goes on between them.
      await new Promise((resolve) => setTimeout(resolve));
      if (first) guessesOf(first);
    }
    take(store, opened, options);
  } finally {
    store.set({ busy: store.state.busy - 1 });
  }
}

/** Files that have been read, at once or from a card that could be helped. */
export function take(
  store: Store,
  { latents, references, decoders, problems }: Opened,
  { byName = false }: OpenOptions = {},
): void {
  const { state } = store;
  // A file that is dropped again takes the place of what it was.
  const older = state.decoders.filter(({ decoder }) => decoders.some((one) => one.decoder.name === decoder.name));
  const imported = [...state.decoders.filter((one) => !older.includes(one)), ...decoders];
  // Decoders that wait came first, as references do.
  const arrived = [...imported.filter(({ id }) => state.problems.some((one) => one.decoder === id)), ...decoders];
  // References that wait came first, so they are first in order.
  const images = [...state.waiting, ...references];
  const matches = matchReferences(
    latents.map(({ name }) => name),
    images.map(({ name }) => name),
    byName,
  );
  const withReferences = latents.map((file, index): LatentFile => {
    const reference = images[matches[index] ?? -1];
    return reference ? { ...file, reference } : file;
  });
  const opened = groupSequences(withReferences, shapeKey).map((group) =>
    useDecoder(readAsBefore(state.entries, createEntry(group, imported), imported), arrived),
  );
  const left = images.filter((_, index) => !matches.includes(index));
  const { entries, waiting } = giveToOpen(state, left, byName);
  const replaced = entries.map((entry) => replaceDecoder(entry, older, decoders));
  const [first] = opened;
  const chosen = first
    ? replaced
    : replaced.map((entry) => (entry.id === state.current ? useDecoder(entry, decoders) : entry));
  const onShow = first ?? chosen.find(({ id }) => id === state.current);
  const fitting = (id: string | undefined): boolean =>
    [...opened, ...(onShow ? [onShow] : [])].some((entry) =>
      arrived.some((one) => one.id === id && fitsEntry(one, entry)),
    );
  const misfits = onShow ? decoders.filter(({ id }) => !fitting(id)).map((one) => misfit(one, onShow)) : [];
  const gone = (one: Problem): boolean => fitting(one.decoder) || older.some(({ id }) => id === one.decoder);
  store.set({
    entries: chosen,
    ...{ waiting, decoders: imported },
    problems: [...state.problems.filter((one) => !gone(one)), ...problems, ...misfits],
  });
  if (first) {
    store.set({ entries: [...store.state.entries, ...opened], current: first.id });
    if (first.files.some(({ reference }) => reference) && state.mode === 'preview') store.set({ mode: 'slider' });
  }
  tell(opened, references, decoders, problems.length, waiting.length);
}

/** Images without new latents go to the user's open ones: by name, else in order to those without, else to the shown one. */
function giveToOpen(
  state: State,
  images: readonly Reference[],
  byName: boolean,
): { entries: readonly Entry[]; waiting: Reference[] } {
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
    else if (byName) waiting.push(reference);
    else if (bare) give(bare.id, undefined, reference);
    else if (shown) give(shown.id, undefined, reference);
    else waiting.push(reference);
  }
  return { entries, waiting };
}

/** Of decoders that were dropped, the most capable that takes the latents' channels, read as another format if need be. */
function useDecoder(entry: Entry, decoders: readonly ImportedDecoder[]): Entry {
  const most = Math.max(...decoders.filter((one) => fitsEntry(one, entry)).map(weight));
  const best = [...decoders].reverse().find((one) => fitsEntry(one, entry) && weight(one) === most);
  if (!best) return entry;
  if (takes(best.decoder, familyOf(entry.format))) return { ...entry, decoder: best.id };
  const guess = guessWith(entry, best);
  return { ...entry, ...(guess && readingOf(guess)), decoder: best.id };
}

const weight = ({ decoder }: ImportedDecoder): number => decoder.layers.reduce((work, layer) => work + layer.work, 0);

const fitsEntry = (one: ImportedDecoder, entry: Entry): boolean =>
  takes(one.decoder, familyOf(entry.format)) || guessWith(entry, one) !== undefined;

/** Not for maps: a map for another family says nothing about these latents. */
const guessWith = (entry: Entry, { decoder }: ImportedDecoder): Entry['guesses'][number] | undefined =>
  entry.guesses.find(
    ({ format }) =>
      decoder.format === undefined &&
      format.channels === decoder.channels &&
      fits(fileOf(entry).latents.tensor.shape, format),
  );

function replaceDecoder(entry: Entry, older: readonly ImportedDecoder[], newer: readonly ImportedDecoder[]): Entry {
  const old = older.find(({ id }) => id === entry.decoder);
  const fresh = old && newer.find(({ decoder }) => decoder.name === old.decoder.name);
  return fresh ? { ...entry, decoder: fresh.id } : entry;
}

function misfit({ id, file, decoder }: ImportedDecoder, { format }: Entry): Problem {
  const { channels } = familyOf(format);
  const text = decoder.format
    ? `${decoder.name.slice(file.length + 3)} is a map for '${decoder.format}'; this latent is read as '${format}'. ` +
      'If it is one of those, say so under Format; else the map waits for latents that are.'
    : `${decoder.name.slice(file.length + 3)} takes ${decoder.channels} channels; this latent has ${channels}. ` +
      `It waits for latents of ${decoder.channels} channels, and is offered as their decoder.`;
  return { ...problem(file, new Blob(), new Error(text)), help: 'none', decoder: id };
}

function tell(
  opened: readonly Entry[],
  references: readonly Reference[],
  decoders: readonly ImportedDecoder[],
  problems: number,
  waiting: number,
): void {
  const parts = [
    ...(opened.length > 0 ? [`opened ${opened.map(({ title }) => title).join(', ')}`] : []),
    ...(references.length > 0 ? [`${references.length} reference image${references.length > 1 ? 's' : ''}`] : []),
    ...(decoders.length > 0 ? [`read ${decoders.map(({ decoder }) => decoder.name).join(', ')}`] : []),
    ...(opened.some(isOpenQuestion) ? ['the numbers leave open what they are: What is this? shows the readings'] : []),
    ...(waiting > 0 ? [`${waiting} waiting for latents`] : []),
    ...(problems > 0 ? [`${problems} could not be opened`] : []),
  ];
  announce(parts.join('; '));
}
