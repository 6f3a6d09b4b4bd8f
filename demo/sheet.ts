// All pictures along one axis side by side: a clip's contact sheet, a batch as a grid. One is enlarged by a click or Enter,
// Escape leads back.

import { sheetGrid } from '../src/clips/index';
import { type Frame, frameOf } from './decode';
import { isLong } from './decoders';
import { byId, context2d, errorText, fillSelect, make } from './dom';
import { axesOf, fileOf, sheetAxis, viewOf } from './entry';
import type { Pictures } from './pictures';
import { playTime, seconds } from './play-time';
import { axisNames } from './player';
import type { Previewers } from './previewers';
import { type Axis, currentEntry, type Entry, type State, type Store } from './state';

/** CSS pixels around all cells, between them, and of the smallest cell's width: below it the sheet scrolls. */
const [edge, gap, smallest] = [3, 6, 72];

export interface Sheet {
  /** All pictures, or the one. */
  toggle(): void;
  /** From one that was enlarged. */
  back(): void;
  /** The one that is chosen. */
  enlarge(): void;
}

interface Cell {
  readonly element: HTMLElement;
  readonly button: HTMLButtonElement;
  readonly canvas: HTMLCanvasElement;
}

export function createSheet(store: Store, previewers: Previewers, pictures: Pictures): Sheet {
  const stage = byId('stage', HTMLElement);
  const sheet = byId('sheet', HTMLElement);
  const list = byId('sheet-cells', HTMLUListElement);
  const toggle = byId('sheet-toggle', HTMLButtonElement);
  const axisSelect = byId('sheet-axis', HTMLSelectElement);
  let cells: readonly Cell[] = [];
  let asked: readonly unknown[] = [];
  let filling = new AbortController();
  let ratio = 1;

  store.listen((state) => {
    const entry = currentEntry(state);
    const axis = entry && sheetAxis(entry);
    const open = entry?.sheet?.open === true && axis !== undefined;
    toggle.hidden = !axis;
    toggle.textContent = axis === 'frame' ? 'Contact sheet' : 'Grid';
    toggle.ariaPressed = String(open);
    sheet.hidden = !open;
    stage.dataset.sheet = String(open);
    if (!open || !entry) {
      filling.abort();
      asked = [];
      return;
    }
    showAxes(entry, axis);
    const needs = needsOf(state, entry, axis);
    if (!same(needs, asked)) {
      asked = needs;
      void fill(state, entry, axis);
    }
    label(entry, axis);
    choose(entry.position[axis]);
  });

  function showAxes(entry: Entry, axis: Axis): void {
    const axes = axesOf(entry);
    byId('sheet-axis-field', HTMLElement).hidden = axes.length < 2;
    fillSelect(axisSelect, [{ options: axes.map((one) => ({ value: one.axis, label: axisNames[one.axis] })) }], axis);
  }

  /** The ones there are stay until the new ones come. */
  async function fill(state: State, entry: Entry, axis: Axis): Promise<void> {
    filling.abort();
    filling = new AbortController();
    const { signal } = filling;
    const count = axesOf(entry).find((one) => one.axis === axis)?.count ?? 0;
    const frames = Array.from({ length: count }, (_, index) =>
      frameOf(state, { ...entry, position: { ...entry.position, [axis]: index } }),
    );
    const view = viewOf(entry);
    ratio = view ? view.width / view.height : 1;
    if (cells.length !== count) cells = frames.map((_, index) => createCell(index));
    list.replaceChildren(...cells.map(({ element }) => element));
    sheet.dataset.state = 'decoding';
    arrange();
    for (const { element } of cells) element.dataset.state = 'waiting';
    const show = (index: number, image: ImageData): void => {
      const cell = cells[index];
      if (signal.aborted || !cell) return;
      draw(cell.canvas, image);
      cell.element.dataset.state = 'shown';
    };
    try {
      await decodeAll(frames, axis, signal, show);
      if (!signal.aborted) sheet.dataset.state = 'shown';
    } catch (error) {
      if (signal.aborted) return;
      sheet.dataset.state = 'error';
      // Asked for again with the next change, such as that of the picture that was lost with the GPU.
      asked = [];
      for (const { element, button } of cells) if (element.dataset.state === 'waiting') button.title = errorText(error);
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

  function createCell(index: number): Cell {
    const canvas = make('canvas', { width: 1, height: 1 });
    canvas.ariaHidden = 'true';
    const tag = make('span', { className: 'tag' });
    tag.ariaHidden = 'true';
    const button = make('button', { type: 'button', className: 'cell' }, canvas, tag);
    button.addEventListener('click', () => enlarge(index));
    return { element: make('li', {}, button), button, canvas };
  }

  function label(entry: Entry, axis: Axis): void {
    const timing = playTime(entry);
    const timed = timing?.video && timing.axis === axis ? timing : undefined;
    const name = { file: 'File', item: 'Item', frame: 'Frame' }[axis];
    list.ariaLabel = `${cells.length} ${axisNames[axis]}`;
    for (const [index, { button }] of cells.entries()) {
      const start = timed?.frames[index]?.start;
      const text = start === undefined ? String(index + 1) : `${index + 1} · ${seconds(start)}`;
      const file = axis === 'file' ? entry.files[index]?.name : undefined;
      button.ariaLabel = file ? `${name} ${text}: ${file}` : `${name} ${text}`;
      const [tag] = button.getElementsByClassName('tag');
      if (tag) tag.textContent = text;
    }
  }

  /** One of them takes the focus by Tab, the others by arrows. */
  function choose(chosen: number): void {
    for (const [index, { element, button }] of cells.entries()) {
      button.tabIndex = index === chosen ? 0 : -1;
      if (index === chosen) element.setAttribute('aria-current', 'true');
      else element.removeAttribute('aria-current');
    }
    const cell = cells[chosen];
    if (cell && list.contains(document.activeElement) && document.activeElement !== cell.button) cell.button.focus();
  }

  function columnsNow(): number {
    return getComputedStyle(list).gridTemplateColumns.split(' ').length;
  }

  /** Cells as large as they can be with all in sight, or scrolled where they would be too small. */
  function arrange(): void {
    const [width, height] = [sheet.clientWidth - 2 * edge, sheet.clientHeight - 2 * edge];
    if (width <= 0 || cells.length === 0) return;
    const { columns, rows } = sheetGrid(cells.length, ratio, width / height);
    const across = Math.floor((width - gap * (columns - 1)) / columns);
    const down = Math.floor(((height - gap * (rows - 1)) / rows) * ratio);
    const wanted = Math.min(across, down);
    const least = Math.min(smallest, width);
    const fitting = Math.max(1, Math.floor((width + gap) / (least + gap)));
    const scrolls = wanted < least;
    list.style.setProperty('--columns', String(scrolls ? fitting : columns));
    list.style.setProperty(
      '--cell',
      `${scrolls ? Math.floor((width - 12 - gap * (fitting - 1)) / fitting) : wanted}px`,
    );
    list.style.setProperty('--ratio', String(ratio));
  }

  const patch = (change: (entry: Entry, axis: Axis) => Partial<Entry>): void => {
    const entry = currentEntry(store.state);
    const axis = entry && sheetAxis(entry);
    if (entry && axis) store.setEntry(entry.id, change(entry, axis));
  };
  const setOpen = (open: boolean): void => patch((_, axis) => ({ sheet: { axis, open } }));
  const moveTo = (index: number): void =>
    patch(({ position }, axis) => ({
      position: { ...position, [axis]: Math.min(Math.max(index, 0), cells.length - 1) },
    }));

  function enlarge(index: number): void {
    patch(({ position }, axis) => ({ position: { ...position, [axis]: index }, sheet: { axis, open: false } }));
    toggle.focus({ preventScroll: true });
  }

  function openAll(): void {
    setOpen(true);
    const entry = currentEntry(store.state);
    if (entry?.sheet?.open) cells[entry.position[entry.sheet.axis]]?.button.focus({ preventScroll: true });
  }

  list.addEventListener('keydown', (event) => {
    const entry = currentEntry(store.state);
    const axis = entry && sheetAxis(entry);
    if (!entry || !axis || event.ctrlKey || event.metaKey || event.altKey) return;
    const now = entry.position[axis];
    const to = new Map([
      ['ArrowLeft', now - 1],
      ['ArrowRight', now + 1],
      ['ArrowUp', now - columnsNow()],
      ['ArrowDown', now + columnsNow()],
      ['Home', 0],
      ['End', cells.length - 1],
    ]).get(event.key);
    if (to === undefined) return;
    event.preventDefault();
    // Up and down stay in their column.
    if (!event.key.startsWith('Arrow') || (to >= 0 && to < cells.length)) moveTo(to);
  });
  toggle.addEventListener('click', () => (currentEntry(store.state)?.sheet?.open ? setOpen(false) : setOpen(true)));
  axisSelect.addEventListener('change', () => patch(() => ({ sheet: { axis: axisSelect.value as Axis, open: true } })));
  new ResizeObserver(arrange).observe(sheet);

  return {
    toggle() {
      if (currentEntry(store.state)?.sheet?.open) setOpen(false);
      else openAll();
    },
    back() {
      const entry = currentEntry(store.state);
      if (entry?.sheet && !entry.sheet.open) openAll();
    },
    enlarge() {
      if (currentEntry(store.state)?.sheet?.open) setOpen(false);
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

function draw(canvas: HTMLCanvasElement, image: ImageData): void {
  canvas.width = image.width;
  canvas.height = image.height;
  context2d(canvas)?.putImageData(image, 0, 0);
}
