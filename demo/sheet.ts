// All pictures along one axis side by side: a clip's contact sheet, a batch as a grid. One is enlarged by a click or Enter,
// Escape leads back.

import { type Frame, frameOf } from './decode';
import { isLong } from './decoders';
import { byId, errorText, fillSelect } from './dom';
import { axesOf, fileOf, sheetAxis, viewOf } from './entry';
import type { Pictures } from './pictures';
import { playTime, seconds } from './play-time';
import { axisNames } from './player';
import type { Previewers } from './previewers';
import { createSheetCells } from './sheet-cells';
import { type Axis, currentEntry, type Entry, type State, type Store } from './state';

export interface Sheet {
  /** All pictures, or the one. */
  toggle(): void;
  /** From one that was enlarged. */
  back(): void;
  /** The one that is chosen. */
  enlarge(): void;
}

export function createSheet(store: Store, previewers: Previewers, pictures: Pictures): Sheet {
  const stage = byId('stage', HTMLElement);
  const sheet = byId('sheet', HTMLElement);
  const toggle = byId('sheet-toggle', HTMLButtonElement);
  const axisSelect = byId('sheet-axis', HTMLSelectElement);
  const cells = createSheetCells(sheet, enlarge);
  let asked: readonly unknown[] = [];
  let filling = new AbortController();
  let busy = false;

  function update(state: State): void {
    const entry = currentEntry(state);
    const axis = entry && sheetAxis(entry);
    const open = entry?.sheet?.open === true && axis !== undefined;
    toggle.hidden = !axis;
    toggle.textContent = axis === 'frame' ? 'Contact sheet' : 'Grid';
    toggle.ariaPressed = String(open);
    sheet.hidden = !open;
    stage.dataset.sheet = String(open);
    const axes = open ? axesOf(entry) : [];
    byId('sheet-axis-field', HTMLElement).hidden = axes.length < 2;
    if (!open) {
      filling.abort();
      busy = false;
      asked = [];
      return;
    }
    fillSelect(axisSelect, [{ options: axes.map((one) => ({ value: one.axis, label: axisNames[one.axis] })) }], axis);
    const count = axes.find((one) => one.axis === axis)?.count ?? 0;
    const needs = needsOf(state, entry, axis);
    // While it plays, each would abort the one before it for ever.
    const plays = state.playing && needs[0] === asked[0] && needs[1] === asked[1];
    if (!same(needs, asked) && !(plays && busy)) {
      asked = needs;
      busy = true;
      void fill(state, entry, axis, count);
    }
    label(entry, axis, count);
    cells.choose(entry.position[axis]);
  }
  store.listen(update);

  async function fill(state: State, entry: Entry, axis: Axis, count: number): Promise<void> {
    filling.abort();
    filling = new AbortController();
    const { signal } = filling;
    const frames = Array.from({ length: count }, (_, index) =>
      frameOf(state, { ...entry, position: { ...entry.position, [axis]: index } }),
    );
    const view = viewOf(entry);
    sheet.dataset.state = 'decoding';
    cells.wait(count, view ? view.width / view.height : 1);
    const show = (index: number, image: ImageData): void => {
      if (!signal.aborted) cells.draw(index, image);
    };
    try {
      await decodeAll(frames, axis, signal, show);
      if (signal.aborted) return;
      sheet.dataset.state = 'shown';
      busy = false;
      update(store.state);
    } catch (error) {
      if (signal.aborted) return;
      busy = false;
      sheet.dataset.state = 'error';
      // Asked for again with the next change, such as that of the picture that was lost with the GPU.
      asked = [];
      cells.fail(errorText(error));
    }
  }

  /** Quick ones of a file in one call, which uploads once and submits once; long ones one after the other. */
  async function decodeAll(
    frames: readonly (Frame | undefined)[],
    axis: Axis,
    signal: AbortSignal,
    show: (index: number, image: ImageData) => void,
  ): Promise<void> {
    const [first] = frames;
    if (!first) return;
    const { choice, backend, latents, options } = first;
    if (isLong(choice) || axis === 'file') {
      for (const [index, frame] of frames.entries()) {
        signal.throwIfAborted();
        if (!frame) continue;
        const own = { ...frame, options: { ...frame.options, size: 'latent' as const } };
        show(index, await pictures.image(own, { signal, background: true }));
      }
      return;
    }
    const previewer = await previewers.get(choice, backend);
    const { item, frame } = options;
    const along = axis === 'item' ? { frame } : { item };
    const images = await previewer.toImageDatas(latents, { ...along, signal });
    for (const [index, image] of images.entries()) show(index, image);
  }

  function label(entry: Entry, axis: Axis, count: number): void {
    const timing = playTime(entry);
    const timed = timing?.video && timing.axis === axis ? timing : undefined;
    const name = { file: 'File', item: 'Item', frame: 'Frame' }[axis];
    cells.list.ariaLabel = `${count} ${axisNames[axis]}`;
    for (let index = 0; index < count; index++) {
      const start = timed?.frames[index]?.start;
      const text = start === undefined ? String(index + 1) : `${index + 1} · ${seconds(start)}`;
      const file = axis === 'file' ? entry.files[index]?.name : undefined;
      cells.label(index, text, file ? `${name} ${text}: ${file}` : `${name} ${text}`);
    }
  }

  const patch = (change: (entry: Entry, axis: Axis) => Partial<Entry>): void => {
    const entry = currentEntry(store.state);
    const axis = entry && sheetAxis(entry);
    if (entry && axis) store.setEntry(entry.id, change(entry, axis));
  };
  const isOpen = (): boolean => currentEntry(store.state)?.sheet?.open === true;
  const setOpen = (open: boolean): void => patch((_, axis) => ({ sheet: { axis, open } }));

  function enlarge(index: number): void {
    patch(({ position }, axis) => ({ position: { ...position, [axis]: index }, sheet: { axis, open: false } }));
    toggle.focus({ preventScroll: true });
  }

  function openAll(): void {
    setOpen(true);
    const entry = currentEntry(store.state);
    if (entry?.sheet?.open) cells.focus(entry.position[entry.sheet.axis]);
  }

  cells.list.addEventListener('keydown', (event) => {
    const entry = currentEntry(store.state);
    const axis = entry && sheetAxis(entry);
    if (!entry || !axis || event.ctrlKey || event.metaKey || event.altKey) return;
    const now = entry.position[axis];
    const last = cells.list.children.length - 1;
    const to = new Map([
      ['ArrowLeft', now - 1],
      ['ArrowRight', now + 1],
      ['ArrowUp', now - cells.columns()],
      ['ArrowDown', now + cells.columns()],
      ['Home', 0],
      ['End', last],
    ]).get(event.key);
    if (to === undefined) return;
    event.preventDefault();
    if (to >= 0 && to <= last) patch(({ position }) => ({ position: { ...position, [axis]: to } }));
  });
  toggle.addEventListener('click', () => setOpen(!isOpen()));
  axisSelect.addEventListener('change', () => patch(() => ({ sheet: { axis: axisSelect.value as Axis, open: true } })));

  return {
    toggle() {
      if (isOpen()) setOpen(false);
      else openAll();
    },
    back() {
      if (currentEntry(store.state)?.sheet && !isOpen()) openAll();
    },
    enlarge() {
      if (isOpen()) setOpen(false);
    },
  };
}

/** What the pictures depend on; where along the axis is no matter. */
function needsOf({ decoders, backend }: State, entry: Entry, axis: Axis): readonly unknown[] {
  const { format, decoder, domain, layout, grid, files } = entry;
  const where = Object.entries(entry.position).flatMap(([name, index]) => (name === axis ? [] : [index]));
  const what = axis === 'file' ? files : fileOf(entry).latents;
  return [entry.id, axis, what, format, decoder, domain, layout, grid, decoders, backend, ...where];
}

const same = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((value, index) => value === b[index]);
