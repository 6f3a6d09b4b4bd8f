// What an entry's numbers are taken to mean, and the one place that changes it: the candidates, the fields in the inspector
// and the keyboard all choose through here, so that they agree.

import { isClear } from '../src/guess/clear';
import type { FormatGuess } from '../src/index';
import { choicesFor, familyOf } from './decoders';
import { fileOf, readingOf, shapeKey, viewOf } from './entry';
import { pattern } from './match';
import { currentEntry, type Entry, type ImportedDecoder, type Reading, type Store } from './state';

const readingIn = ({ format, domain, layout, grid }: Entry): Reading => ({ format, domain, layout, grid });

/** Whether they give the same picture of these latents, however it is said. */
export function sameReading(entry: Entry, reading: Reading): boolean {
  if (entry.format !== reading.format || entry.domain !== reading.domain) return false;
  return JSON.stringify(viewOf(entry)) === JSON.stringify(viewOf({ ...entry, ...reading }));
}

/** The guess that an entry is read by; undefined where the user thought of something else. */
export const guessOf = (entry: Entry): FormatGuess | undefined =>
  entry.guesses.find((guess) => sameReading(entry, readingOf(guess)));

/** Nobody has said what it is, and the numbers do not either. */
export const isOpenQuestion = ({ guesses, sample }: Entry): boolean =>
  !sample && guesses.length > 1 && !isClear(guesses);

/** A decoder of the family stays; where the axes change, the place in the new ones is the one to start with. */
export function readAs(entry: Entry, reading: Reading, imported: readonly ImportedDecoder[]): Entry {
  const decoders = choicesFor(familyOf(reading.format), imported);
  const decoder = decoders.some(({ id }) => id === entry.decoder)
    ? entry.decoder
    : (decoders.find(({ group }) => group !== 'opt-in')?.id ?? '');
  const read = { ...entry, ...reading, decoder };
  const [before, view] = [viewOf(entry), viewOf(read)];
  const { file, item, frame } = entry.position;
  const position = {
    file,
    item: Math.min(item, (view?.items ?? 1) - 1),
    frame: before?.frames === view?.frames ? frame : Math.floor((view?.frames ?? 1) / 2),
  };
  return { ...read, position };
}

/** The user says what the entry on show means; what is not said stays, but for axes that were another format's. */
export function choose(store: Store, said: Partial<Reading>): void {
  const { state } = store;
  const entry = currentEntry(state);
  if (!entry) return;
  const other = said.format !== undefined && said.format !== entry.format;
  const guess = other ? entry.guesses.find((one) => one.format.id === said.format) : undefined;
  const axes = other ? { layout: guess?.layout, grid: guess?.size } : {};
  const reading = { ...readingIn(entry), ...axes, ...said };
  store.setEntry(entry.id, { ...readAs(entry, reading, state.decoders), chosen: true });
}

/** As the user has read what it continues: files of this shape whose names differ in digits alone. */
export function readAsBefore(entries: readonly Entry[], entry: Entry, imported: readonly ImportedDecoder[]): Entry {
  const file = fileOf(entry);
  const before = [...entries]
    .reverse()
    .find(
      (one) =>
        one.chosen && shapeKey(fileOf(one)) === shapeKey(file) && pattern(fileOf(one).name) === pattern(file.name),
    );
  return before ? { ...readAs(entry, readingIn(before), imported), chosen: true } : entry;
}

/** The user's other files of this shape that are read otherwise, and not by the user's choice. */
export const readOtherwise = ({ entries }: { readonly entries: readonly Entry[] }, entry: Entry): readonly Entry[] =>
  entry.sample
    ? []
    : entries.filter(
        (other) =>
          !other.sample &&
          !other.chosen &&
          other.id !== entry.id &&
          shapeKey(fileOf(other)) === shapeKey(fileOf(entry)) &&
          !sameReading(other, entry),
      );

/** They are read as this one is, from now on. */
export function readAlike(store: Store, others: readonly Entry[], as: Entry): void {
  const { entries, decoders } = store.state;
  const read = (entry: Entry): Entry => ({ ...readAs(entry, readingIn(as), decoders), chosen: true });
  store.set({ entries: entries.map((entry) => (others.includes(entry) ? read(entry) : entry)) });
}
