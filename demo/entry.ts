// What follows from an entry: its latents as the user reads them, its view, its axes, its reference.

import { isClear } from '../src/guess/clear';
import { rankGuesses } from '../src/guess/rank';
import type { FormatGuess, LatentFormat, Latents } from '../src/index';
import { fittingLayouts, type LatentView, viewLatents } from '../src/view';
import { choicesFor, families, familyOf } from './decoders';
import {
  type Axis,
  type Entry,
  type ImportedDecoder,
  type LatentFile,
  newId,
  type Reading,
  type Reference,
  type Sample,
} from './state';

export const fileOf = ({ files, position }: Entry): LatentFile => files[position.file] ?? (files[0] as LatentFile);

/** The latents of one file with what the user says about them. */
export function latentsOf(entry: Entry, file: LatentFile = fileOf(entry)): Latents {
  const { domain, layout, grid } = entry;
  return {
    ...file.latents,
    domain,
    domainFrom: 'caller',
    ...(layout ? { layout } : {}),
    ...(grid ? { size: grid } : {}),
  };
}

export const readingOf = ({ format, domain, layout, size }: FormatGuess): Reading => ({
  format: format.id,
  domain,
  layout,
  grid: size,
});

/** What files that are read alike have in common. */
export const shapeKey = ({ latents: { tensor } }: LatentFile): string => `${tensor.dtype} ${tensor.shape.join('×')}`;

/** Undefined where the shape does not fit the format. */
export const viewOf = (entry: Entry, format: LatentFormat = familyOf(entry.format)): LatentView | undefined =>
  viewAs(latentsOf(entry), format);

/** As the entry's format reads the file where nobody says more. */
export const viewOfFile = (entry: Entry): LatentView | undefined =>
  viewAs(fileOf(entry).latents, familyOf(entry.format));

function viewAs(latents: Latents, format: LatentFormat): LatentView | undefined {
  try {
    return viewLatents(latents, format);
  } catch {
    return undefined;
  }
}

export const fits = (shape: readonly number[], format: LatentFormat): boolean =>
  fittingLayouts(shape, format).length > 0;

/** The axes along which there is more than one picture, the one to play first. */
export function axesOf(entry: Entry): readonly { readonly axis: Axis; readonly count: number }[] {
  const view = viewOf(entry);
  return [
    { axis: 'file' as const, count: entry.files.length },
    { axis: 'frame' as const, count: view?.frames ?? 1 },
    { axis: 'item' as const, count: view?.items ?? 1 },
  ].filter(({ count }) => count > 1);
}

export function playedAxis(entry: Entry): { readonly axis: Axis; readonly count: number } | undefined {
  const axes = axesOf(entry);
  return axes.find(({ axis }) => axis === entry.axis) ?? axes[0];
}

/** Which pictures are shown side by side: the items of a batch before the frames of each. */
export function sheetAxis(entry: Entry): Axis | undefined {
  const axes = axesOf(entry).map(({ axis }) => axis);
  return axes.find((axis) => axis === (entry.sheet?.axis ?? 'item')) ?? axes[0];
}

/** Whether channels and frames cannot be told apart, and nobody has said which is which. */
export function axesInQuestion(entry: Entry): boolean {
  const { latents } = fileOf(entry);
  if (entry.chosen || latents.layout || isClear(entry.guesses)) return false;
  const layouts = fittingLayouts(latents.tensor.shape, familyOf(entry.format));
  return new Set(layouts.filter((layout) => layout.includes('T')).map((layout) => layout.indexOf('C'))).size > 1;
}

/** A file's own, else the first one of the sequence. */
export const referenceOf = (entry: Entry): Reference | undefined =>
  fileOf(entry).reference ?? entry.files.find(({ reference }) => reference)?.reference;

const known = new WeakMap<Latents, readonly FormatGuess[]>();

/** Worked out once for a file: some tenths of a second for many channels. */
export function guessesOf({ latents }: LatentFile): readonly FormatGuess[] {
  const guesses = known.get(latents) ?? rankGuesses(latents);
  known.set(latents, guesses);
  return guesses;
}

/** An entry with the likeliest format, where there are doubts the likeliest that has a map. */
export function createEntry(
  files: readonly LatentFile[],
  imported: readonly ImportedDecoder[],
  sample?: Sample,
): Entry {
  const [file] = files as [LatentFile];
  const guesses = guessesOf(file);
  // A net of one's own takes whatever has its channels, and says nothing about what they are.
  const mapped = guesses.find(({ format }) => defaultDecoder(format.id, []) !== '');
  const best = isClear(guesses) ? guesses[0] : (mapped ?? guesses[0]);
  const stated = sample && { format: sample.format, domain: sample.domain };
  const guessed = best ? readingOf(best) : { format: nearestFamily(file), domain: file.latents.domain };
  const reading = stated ?? guessed;
  const entry: Entry = {
    id: sample?.id ?? newId('entry'),
    title: files.length === 1 ? file.name : sequenceTitle(files),
    files,
    guesses,
    ...reading,
    decoder: defaultDecoder(reading.format, imported),
    position: { file: 0, item: 0, frame: 0 },
    ...(sample ? { sample } : {}),
  };
  // The first frame of causal video VAEs is washed out, the first of a noising sequence is noise.
  const view = viewOf(entry);
  const item = sample?.kind === 'sequence' && view ? view.items - 1 : 0;
  const batch = item === 0 && (view?.items ?? 1) > 1;
  return {
    ...entry,
    position: { file: 0, item, frame: Math.floor((view?.frames ?? 1) / 2) },
    ...(batch ? { sheet: { axis: 'item', open: true } } : {}),
  };
}

/** The family's default table, else '' : tables under other licences are never chosen unasked. */
export function defaultDecoder(format: string, imported: readonly ImportedDecoder[]): string {
  return choicesFor(familyOf(format), imported).find(({ group }) => group !== 'opt-in')?.id ?? '';
}

/** For shapes that fit nothing: any family, so that the page can say what does not fit. */
const nearestFamily = ({ latents }: LatentFile): string =>
  families.find((format) => fits(latents.tensor.shape, format))?.id ?? 'sd15';

function sequenceTitle(files: readonly LatentFile[]): string {
  const [first, last] = [files[0]?.name ?? '', files.at(-1)?.name ?? ''];
  return `${first} … ${last}`;
}
