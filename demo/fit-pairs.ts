// The pairs for a fit, from what is open on the page: latents of one family that have a reference picture.

import type { FitPair } from '../src/fit/index';
import type { LatentFormat } from '../src/index';
import { familyOf } from './decoders';
import { fits, latentsOf, viewOf } from './entry';
import { commonBase } from './match';
import type { Entry, LatentFile, Reference, State } from './state';

export interface OpenPair {
  /** The latents' base name, made unique: what the report calls the pair. */
  readonly name: string;
  readonly entry: Entry;
  readonly file: LatentFile;
  readonly reference: Reference;
  /** Which item and frame, where the file holds several: the ones on show. */
  readonly place: string;
  /** False where order alone brought the two together. */
  readonly alike: boolean;
}

export interface OpenPairs {
  readonly pairs: readonly OpenPair[];
  /** Names of latents of the family that have no picture. */
  readonly bare: readonly string[];
  /** The user's entries that are read as another family, and could be this one. */
  readonly others: readonly Entry[];
}

export function openPairs({ entries }: State, family: LatentFormat): OpenPairs {
  // Steps of noise are no pairs, and their last one is another sample.
  const ours = entries.filter(
    ({ format, sample }) => familyOf(format).base === family.base && sample?.kind !== 'sequence',
  );
  const pairs: OpenPair[] = [];
  const taken = new Set<string>();
  const bare: string[] = [];
  for (const entry of ours)
    for (const file of entry.files) {
      const { reference } = file;
      if (!reference) bare.push(file.name);
      else {
        const base = baseName(file.name);
        let name = base;
        for (let count = 2; taken.has(name); count++) name = `${base} (${count})`;
        taken.add(name);
        const alike = entry.sample !== undefined || commonBase(file.name, reference.name) > 0;
        pairs.push({ name, entry, file, reference, place: placeOf(entry), alike });
      }
    }
  const others = entries.filter(
    (entry) =>
      !entry.sample &&
      !ours.includes(entry) &&
      entry.files.some(({ reference }) => reference) &&
      entry.files.every(({ latents }) => fits(latents.tensor.shape, family)),
  );
  return { pairs, bare, others };
}

/** `coffee.sdxl.npy` → `coffee.sdxl` */
export const baseName = (file: string): string => file.replace(/\.[^.]+$/, '');

function placeOf(entry: Entry): string {
  const view = viewOf(entry);
  const { item, frame } = entry.position;
  return [
    ...(view && view.items > 1 ? [`item ${item + 1} of ${view.items}`] : []),
    ...(view && view.frames > 1 ? [`frame ${frame + 1} of ${view.frames}`] : []),
  ].join(', ');
}

/** For the fit: what the page reads the latents as, whatever their file says. */
export function fitPairOf({ name, entry, file, reference }: OpenPair): FitPair {
  const { tensor, domain, domainFrom, layout, size } = latentsOf(entry, file);
  const { width, height, data } = reference.image;
  const { item, frame } = entry.position;
  return { name, latents: { tensor, domain, domainFrom, layout, size }, item, frame, image: { width, height, data } };
}
