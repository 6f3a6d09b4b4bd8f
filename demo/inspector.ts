// The settings of the entry on show: which format, domain, axes, decoder and size.

import type { Domain, FrameOptions, Layout } from '../src/index';
import { tokenGrids } from '../src/token-grids';
import { fittingLayouts } from '../src/view';
import { choiceOf, choicesFor, families, familyOf } from './decoders';
import { byId, errorText, fillSelect, radios, range, tensorLabel } from './dom';
import { host, known } from './downloads';
import { axesOf, createEntry, fileOf, fits, playedAxis, shapeKey, viewOf } from './entry';
import { problem, readLatents } from './files';
import { choose, guessOf } from './reading';
import { currentEntry, type Entry, type State, type Store } from './state';

export function createInspector(store: Store): void {
  const patch = (change: Partial<Entry>): void => {
    const entry = currentEntry(store.state);
    if (entry) store.setEntry(entry.id, change);
  };
  const selects = {
    format: byId('format', HTMLSelectElement),
    decoder: byId('decoder', HTMLSelectElement),
    layout: byId('layout', HTMLSelectElement),
    grid: byId('grid', HTMLSelectElement),
    tensor: byId('tensor', HTMLSelectElement),
  };
  selects.format.addEventListener('change', () => choose(store, { format: selects.format.value }));
  selects.decoder.addEventListener('change', () => patch({ decoder: selects.decoder.value }));
  selects.layout.addEventListener('change', () => choose(store, { layout: selects.layout.value as Layout }));
  selects.grid.addEventListener('change', () => {
    const [height = 0, width = 0] = selects.grid.value.split('×').map(Number);
    choose(store, { grid: { height, width } });
  });
  selects.tensor.addEventListener('change', () => void changeTensor(store, selects.tensor.value));
  const showDomain = radios('domain', (domain) => choose(store, { domain: domain as Domain }));
  const showSize = radios('size', (size) => store.set({ size: size as State['size'] }));
  const showFilter = radios('filter', (filter) =>
    store.set({ filter: filter as NonNullable<FrameOptions['resample']> }),
  );
  for (const axis of ['item', 'frame'] as const)
    byId(axis, HTMLInputElement).addEventListener('input', ({ target }) => {
      const entry = currentEntry(store.state);
      if (entry) patch({ position: { ...entry.position, [axis]: Number((target as HTMLInputElement).value) } });
    });

  store.listen((state) => {
    showSize(state.size);
    showFilter(state.filter);
    const entry = currentEntry(state);
    if (!entry) return;
    showDomain(entry.domain);
    showFacts(entry);
    const reasons = [guessOf(entry)?.reason, fileOf(entry).latents.reason];
    byId('reason', HTMLElement).textContent = reasons.flatMap((one) => (one ? `${one}.` : [])).join(' ');
    showFormats(entry, selects.format);
    showDecoders(state, entry, selects.decoder);
    showAxes(entry, selects.layout, selects.grid);
    showPlaces(entry);
    const { tensors, key } = fileOf(entry);
    byId('tensor-field', HTMLElement).hidden = tensors.length === 0;
    const options = tensors.map((one) => ({ value: one.name, label: tensorLabel(one) }));
    fillSelect(selects.tensor, [{ options }], key ?? tensors[0]?.name ?? '');
  });
}

function showFacts(entry: Entry): void {
  const { files, sample } = entry;
  const { tensor } = fileOf(entry).latents;
  byId('entry-title', HTMLElement).textContent = sample?.title ?? entry.title;
  const parts = [...(files.length > 1 ? [`${files.length} files`] : []), `(${tensor.shape.join(', ')})`, tensor.dtype];
  byId('facts', HTMLElement).textContent = parts.join(' · ');
  const about = sample ? `Photo: ${sample.credit}, ${sample.licence}. ${sample.made}` : '';
  byId('about', HTMLElement).textContent = about;
}

function showFormats(entry: Entry, select: HTMLSelectElement): void {
  const { shape } = fileOf(entry).latents.tensor;
  const option = (format: (typeof families)[number]) => ({
    value: format.id,
    label: fits(shape, format) ? format.name : `${format.name} · ${format.channels} channels`,
    disabled: !fits(shape, format),
  });
  const [image, video] = [2, 3].map((dims) => families.filter((format) => format.dims === dims && fits(shape, format)));
  const others = families.filter((format) => !fits(shape, format));
  fillSelect(
    select,
    [
      { label: 'Images', options: (image ?? []).map(option) },
      { label: 'Video', options: (video ?? []).map(option) },
      { label: 'Need another shape', options: others.map(option) },
    ],
    entry.format,
  );
}

function showDecoders(state: State, entry: Entry, select: HTMLSelectElement): void {
  const { shape } = fileOf(entry).latents.tensor;
  const choices = choicesFor(familyOf(entry.format), state.decoders);
  const options = (wanted: string) =>
    choices
      .filter(({ group }) => group === wanted)
      .map(({ id, label, format, decoder }) => ({ value: id, label, disabled: !decoder && !fits(shape, format) }));
  const none = entry.decoder === '' ? [{ value: '', label: 'none published' }] : [];
  fillSelect(
    select,
    [
      { options: none },
      { label: 'Trained by this project', options: options('mini') },
      { label: 'Fitted by this project', options: options('fitted') },
      { label: 'Published tables', options: options('table') },
      { label: 'Opt-in: copyleft or custom terms', options: options('opt-in') },
      { label: 'Downloaded', options: options('downloaded') },
      { label: 'Yours', options: options('own') },
    ],
    entry.decoder,
  );
  const choice = choiceOf(state, entry);
  const { source, suspect } = choice?.format ?? {};
  const upscale = choice?.decoder?.upscale ?? 1;
  const own = byId('size-own', HTMLElement);
  own.textContent = upscale > 1 ? 'decoder’s' : 'latent';
  own.title = upscale > 1 ? `${upscale}×${upscale} pixels per latent pixel` : 'One pixel per latent pixel';
  const { known: name } = choice?.imported ?? {};
  const fitted = choice?.group === 'fitted' ? `Fitted by this project, MIT: ${choice.decoder?.name}` : undefined;
  const trained = choice?.group === 'mini' ? 'Trained by this project, MIT' : undefined;
  const whose =
    fitted ?? trained ?? (name ? `From ${host}/${known(name).repo}, ${known(name).licence}` : 'Your own decoder');
  const text = choice?.decoder
    ? `${whose}${upscale > 1 ? `: ${upscale}×${upscale} pixels from each latent pixel` : ''}.`
    : source
      ? `From ${source.repo}, ${source.licence}.${suspect ? ` Suspect: ${suspect}` : ''}`
      : 'Nobody has published a map for this format under a permissive licence.';
  byId('source', HTMLElement).textContent = text;
}

function showAxes(entry: Entry, layout: HTMLSelectElement, grid: HTMLSelectElement): void {
  const { tensor } = fileOf(entry).latents;
  const family = familyOf(entry.format);
  const layouts = fittingLayouts(tensor.shape, family);
  byId('layout-field', HTMLElement).hidden = layouts.length < 2;
  fillSelect(
    layout,
    [{ options: layouts.map((value) => ({ value, label: value })) }],
    entry.layout ?? layouts[0] ?? '',
  );
  const used = entry.layout ?? layouts[0];
  const view = viewOf(entry);
  const grids = used?.includes('L') ? tokenGrids(tensor.shape.at(-2) ?? 0, family.packing?.patch ?? 1) : [];
  byId('grid-field', HTMLElement).hidden = grids.length < 2;
  const labels = grids.map(({ height, width }) => ({
    value: `${height}×${width}`,
    label: `${width} wide × ${height} high`,
  }));
  fillSelect(grid, [{ options: labels }], view ? `${view.height}×${view.width}` : '');
}

/** Sliders for the axes that the sequence player does not move. */
function showPlaces(entry: Entry): void {
  const played = playedAxis(entry)?.axis;
  const axes = axesOf(entry);
  for (const axis of ['item', 'frame'] as const) {
    const found = axes.find((other) => other.axis === axis && axis !== played);
    byId(`${axis}-field`, HTMLElement).hidden = !found;
    if (!found) continue;
    range(byId(axis, HTMLInputElement), entry.position[axis], found.count);
    byId(`${axis}-value`, HTMLOutputElement).value = `${entry.position[axis] + 1} / ${found.count}`;
  }
}

async function changeTensor(store: Store, key: string): Promise<void> {
  const entry = currentEntry(store.state);
  if (!entry) return;
  const old = fileOf(entry);
  try {
    const file = await readLatents(old.name, old.blob, { key });
    const files = entry.files.map((other) => (other === old ? { ...other, ...file } : other));
    // What was chosen for one tensor need not fit another.
    const { guesses, position, ...reading } = createEntry([file], store.state.decoders);
    const kept = entry.chosen && shapeKey(file) === shapeKey(old);
    const { format, decoder, domain, layout, grid } = kept ? entry : reading;
    store.setEntry(entry.id, {
      ...{ files, guesses, format, decoder, domain, layout, grid },
      position: { ...position, file: entry.position.file },
    });
  } catch (error) {
    store.set({ problems: [...store.state.problems, problem(old.name, old.blob, new Error(errorText(error)))] });
  }
}
