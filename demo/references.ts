// The reference of what is shown: choose, remove; and joining or separating files of one shape.

import { byId, errorText } from './dom';
import { createEntry, referenceOf, shapeKey } from './entry';
import { problem, readReference } from './files';
import { currentEntry, type Entry, type LatentFile, type Reference, type Store } from './state';

export function createReferences(store: Store): void {
  const pick = byId('pick-reference', HTMLInputElement);
  const name = byId('reference-name', HTMLElement);
  const remove = byId('reference-remove', HTMLButtonElement);
  const join = byId('join', HTMLButtonElement);
  const separate = byId('separate', HTMLButtonElement);

  store.listen((state) => {
    const entry = currentEntry(state);
    const reference = entry && referenceOf(entry);
    name.textContent = reference
      ? `${reference.name} · ${reference.image.width}×${reference.image.height}`
      : 'None yet: drop the picture that these latents became.';
    remove.hidden = !reference;
    const alike = entry ? joinable(state.entries, entry) : [];
    join.hidden = alike.length < 2;
    join.textContent = `Play ${alike.length} files of this shape as a sequence`;
    separate.hidden = (entry?.files.length ?? 0) < 2;
  });

  function setReference(reference: Reference | undefined): void {
    const entry = currentEntry(store.state);
    if (entry) store.setEntry(entry.id, { files: entry.files.map((file) => ({ ...file, reference })) });
  }

  byId('reference-choose', HTMLButtonElement).addEventListener('click', () => pick.click());
  pick.addEventListener('change', async () => {
    const [file] = pick.files ?? [];
    pick.value = '';
    if (!file) return;
    try {
      setReference(await readReference(file.name, file));
    } catch (error) {
      const text = `image: the browser cannot decode it as a picture (${errorText(error)}); save it as PNG, JPEG or WebP`;
      store.set({ problems: [...store.state.problems, problem(file.name, file, new Error(text))] });
    }
  });
  remove.addEventListener('click', () => setReference(undefined));
  join.addEventListener('click', () => {
    const entry = currentEntry(store.state);
    if (!entry) return;
    const alike = joinable(store.state.entries, entry);
    const files = alike.flatMap((one) => one.files);
    replace(store, alike, [readAlike(entry, createEntry(files, store.state.decoders))]);
  });
  separate.addEventListener('click', () => {
    const entry = currentEntry(store.state);
    if (!entry) return;
    const apart = entry.files.map((file) => readAlike(entry, createEntry([file], store.state.decoders)));
    replace(store, [entry], apart);
  });
}

/** The user's entries of this one's shape and dtype. */
function joinable(entries: readonly Entry[], { files, sample }: Entry): readonly Entry[] {
  if (sample) return [];
  const key = shapeKey(files[0] as LatentFile);
  return entries.filter((entry) => !entry.sample && shapeKey(entry.files[0] as LatentFile) === key);
}

const readAlike = ({ format, decoder, domain, layout, grid, chosen }: Entry, entry: Entry): Entry => ({
  ...entry,
  ...{ format, decoder, domain, layout, grid, chosen },
});

function replace(store: Store, old: readonly Entry[], fresh: readonly Entry[]): void {
  const kept = store.state.entries.filter((entry) => !old.includes(entry));
  store.set({ entries: [...kept, ...fresh], current: fresh[0]?.id });
}
