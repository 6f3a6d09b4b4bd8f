// The table that puts every decoder of the format against the reference; a click on one chooses it.

import { createPreviewer, linear } from '../src/index';
import type { Compare } from './compare';
import { choicesFor, type DecoderChoice, familyOf } from './decoders';
import { byId, errorText, make } from './dom';
import { fileOf, fits, latentsOf, referenceOf } from './entry';
import { currentEntry, type Entry, type Reference, type State, type Store } from './state';

export function createMaps(store: Store, compare: Compare): void {
  const details = byId('maps', HTMLDetailsElement);
  const rows = byId('maps-rows', HTMLTableSectionElement);
  const note = byId('maps-note', HTMLElement);
  let shown: readonly unknown[] = [];

  const update = (state: State): void => {
    const entry = currentEntry(state);
    for (const row of rows.rows) row.ariaCurrent = String(row.dataset.decoder === entry?.decoder);
    if (!details.open || !entry || state.playing) return;
    const reference = referenceOf(entry);
    const { position, format, domain, layout, grid, id } = entry;
    const asked = [
      id,
      fileOf(entry).latents,
      reference,
      position,
      format,
      domain,
      layout,
      grid,
      state.filter,
      state.decoders,
    ];
    if (asked.every((value, index) => value === shown[index])) return;
    shown = asked;
    const current = (): boolean => shown === asked;
    if (!reference) {
      rows.replaceChildren();
      note.textContent = 'Drop the reference picture of these latents to rank their decoders.';
    } else
      fill(state, entry, reference, current).catch((error: unknown) => {
        note.textContent = errorText(error);
      });
  };
  store.listen(update);
  details.addEventListener('toggle', () => update(store.state));

  async function fill(state: State, entry: Entry, reference: Reference, current: () => boolean): Promise<void> {
    const { shape } = fileOf(entry).latents.tensor;
    const choices = choicesFor(familyOf(entry.format), state.decoders).filter(
      ({ duplicate, decoder, format }) => !duplicate && (decoder || fits(shape, format)),
    );
    details.dataset.state = 'measuring';
    const { width, height } = reference.image;
    note.textContent = `Against ${reference.name}, at ${width}×${height}, ${state.filter}.`;
    const measured: { choice: DecoderChoice; psnr: number; cells: string[] }[] = [];
    for (const choice of choices) {
      const { format, decoder } = choice;
      const previewer = await createPreviewer({ format, decoder: decoder ?? linear(format), backend: 'cpu' });
      const { item, frame } = entry.position;
      const options = { item, frame, size: { width, height }, resample: state.filter };
      const image = await previewer.toImageData(latentsOf(entry), options);
      previewer.destroy();
      const { psnr, ssim, deltaE } = await compare(image, reference.image);
      if (!current()) return;
      measured.push({ choice, psnr, cells: [psnr.toFixed(2), ssim.toFixed(3), deltaE.toFixed(2)] });
    }
    measured.sort((a, b) => b.psnr - a.psnr);
    rows.replaceChildren(...measured.map(({ choice, cells }) => rowFor(entry.id, choice, cells)));
    for (const row of rows.rows) row.ariaCurrent = String(row.dataset.decoder === currentEntry(store.state)?.decoder);
    details.dataset.state = 'measured';
  }

  function rowFor(
    entry: string,
    { id, label, group, decoder, format }: DecoderChoice,
    cells: readonly string[],
  ): HTMLTableRowElement {
    const button = make('button', { type: 'button', className: 'link', textContent: decoder ? label : id });
    button.addEventListener('click', () => store.setEntry(entry, { decoder: id }));
    const name = make('th', { scope: 'row' }, button);
    if (group === 'opt-in') name.append(make('span', { className: 'licence', textContent: format.source.licence }));
    const row = make('tr', {}, name, ...cells.map((text) => make('td', { textContent: text })));
    row.dataset.decoder = id;
    return row;
  }
}
