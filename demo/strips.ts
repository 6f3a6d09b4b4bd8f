// The tiles under the stage: the user's files, the references that wait, and the samples, each with a small decode.

import type { Frame, Shown } from './decode';
import { choiceOf, familyOf, isLong, quickChoice } from './decoders';
import { byId, context2d, make } from './dom';
import { viewOf } from './entry';
import type { Pictures } from './pictures';
import { openSample, readSample } from './samples';
import { currentEntry, type Entry, type Reference, type Sample, type State, type Store } from './state';
import { drawThumbnail, tileSize } from './thumbnail';

export interface Strips {
  /** A picture that took long is its tile's too. */
  shown(shown: Shown): void;
}

export function createStrips(store: Store, pictures: Pictures): Strips {
  const samples = byId('samples-tiles', HTMLUListElement);
  const files = byId('files-tiles', HTMLUListElement);
  const tiles = new Map<string, Tile>();
  let pictured = false;

  store.listen((state) => {
    const own = state.entries.filter(({ sample }) => !sample);
    byId('files-strip', HTMLElement).hidden = own.length + state.waiting.length === 0;
    show(
      samples,
      state.samples.map((sample) => tileOf(sample.id, () => sampleTile(store, sample))),
    );
    show(files, [
      ...own.map((entry) => tileOf(entry.id, () => entryTile(store, entry))),
      ...state.waiting.map((reference) => tileOf(`waiting ${reference.name}`, () => waitingTile(store, reference))),
    ]);
    for (const [id, tile] of tiles) {
      const entry = state.entries.find((one) => one.id === id);
      const chosen = id === state.current;
      if (chosen && tile.button.ariaPressed !== 'true') reveal(tile.element);
      tile.button.ariaPressed = String(chosen);
      if (entry) void tile.draw(state, entry);
    }
    if (!pictured && state.current !== undefined) {
      pictured = true;
      for (const sample of state.samples)
        whenIdle(async () => tiles.get(sample.id)?.draw(store.state, await readSample(sample)));
    }
  });

  function tileOf(id: string, create: () => Tile): HTMLElement {
    let tile = tiles.get(id);
    if (!tile) {
      tile = create();
      tiles.set(id, tile);
    }
    return tile.element;
  }

  return {
    shown(shown) {
      if (isLong(shown.choice)) void tiles.get(shown.entry.id)?.paint(shown, pictures);
    },
  };

  // Moving elements that are in place already would take the focus from them.
  function show(list: HTMLElement, wanted: readonly HTMLElement[]): void {
    if (wanted.length === list.children.length && wanted.every((element, index) => element === list.children[index]))
      return;
    list.replaceChildren(...wanted);
  }
}

/** Scrolls the strips alone: scrollIntoView would move the page as well. */
function reveal(tile: HTMLElement): void {
  const strips = tile.closest('.strips');
  if (!strips) return;
  const [inner, outer] = [tile.getBoundingClientRect(), strips.getBoundingClientRect()];
  if (inner.left < outer.left) strips.scrollLeft += inner.left - outer.left - 8;
  if (inner.right > outer.right) strips.scrollLeft += inner.right - outer.right + 8;
}

interface Tile {
  readonly element: HTMLElement;
  readonly button: HTMLButtonElement;
  /** Decodes again where the reading of the latents has changed. */
  draw(state: State, entry: Entry): Promise<void>;
  paint(frame: Frame, pictures: Pictures): Promise<void>;
}

function createTile(title: string, detail: string, tooltip: string): Tile {
  const canvas = make('canvas', { width: 1, height: 1 });
  canvas.ariaHidden = 'true';
  context2d(canvas);
  const button = make(
    'button',
    { type: 'button', className: 'tile', title: tooltip },
    canvas,
    make('span', { className: 'tile-title', textContent: title }),
    make('span', { className: 'tile-detail', textContent: detail }),
  );
  let drawn = '';
  let drawing: Promise<void> = Promise.resolve();
  return {
    element: make('li', {}, button),
    button,
    async draw(state, entry) {
      const key = [entry.format, entry.decoder, entry.domain, entry.layout, entry.grid?.width].join('|');
      if (key === drawn) return;
      drawn = key;
      drawing = drawTile(canvas, state, entry).catch(() => {});
      await drawing;
    },
    async paint(frame, pictures) {
      await drawing;
      const view = viewOf(frame.entry, frame.choice.format);
      if (!view) return;
      const image = await pictures.image({ ...frame, options: { ...frame.options, size: tileSize(view) } });
      canvas.width = image.width;
      canvas.height = image.height;
      context2d(canvas)?.putImageData(image, 0, 0);
    },
  };
}

/** By a table where the chosen decoder takes long. */
async function drawTile(canvas: HTMLCanvasElement, state: State, entry: Entry): Promise<void> {
  const chosen = choiceOf(state, entry);
  const choice = chosen && isLong(chosen) ? quickChoice(entry) : chosen;
  if (choice && viewOf(entry, choice.format)) await drawThumbnail(canvas, choice, entry);
}

function sampleTile(store: Store, sample: Sample): Tile {
  const [title = sample.title] = sample.title.split(',');
  const kind = sample.kind === 'sequence' ? ' · noising' : '';
  const tile = createTile(title, `${familyLabel(sample.format)}${kind}`, `${sample.title}. ${sample.made}`);
  tile.button.dataset.sample = sample.id;
  tile.button.addEventListener('click', () => void openSample(store, sample));
  return tile;
}

const familyLabel = (id: string): string =>
  familyOf(id)
    .name.replace(/ \/.*$/, '')
    .replace('Stable Diffusion', 'SD')
    .replace('SD XL', 'SDXL');

/** The sample files are small; their tiles get pictures when the page has nothing better to do. */
function whenIdle(task: () => Promise<void>): void {
  const run = (): void => void task().catch(() => {});
  if ('requestIdleCallback' in globalThis) requestIdleCallback(run, { timeout: 2000 });
  else setTimeout(run, 300);
}

function entryTile(store: Store, entry: Entry): Tile {
  const count = entry.files.length;
  const { shape } = (entry.files[0] as Entry['files'][0]).latents.tensor;
  const detail = count > 1 ? `${count} files` : shape.join('×');
  const tile = createTile(entry.title, detail, entry.title);
  tile.button.addEventListener('click', () => store.set({ current: entry.id }));
  tile.element.append(closeButton(entry.title, () => closeEntry(store, entry.id)));
  return tile;
}

function waitingTile(store: Store, reference: Reference): Tile {
  const tile = createTile(reference.name, 'waits for its latents', 'A reference image: drop the latents it belongs to');
  const [canvas] = tile.button.getElementsByTagName('canvas');
  if (canvas) {
    canvas.width = reference.image.width;
    canvas.height = reference.image.height;
    context2d(canvas)?.putImageData(reference.image, 0, 0);
  }
  tile.button.title = 'Click to use it for what is shown';
  tile.button.addEventListener('click', () => {
    const entry = currentEntry(store.state);
    if (!entry) return;
    store.setEntry(entry.id, { files: entry.files.map((file) => ({ ...file, reference })) });
    forget(store, reference);
  });
  tile.element.append(closeButton(reference.name, () => forget(store, reference)));
  return tile;
}

const forget = (store: Store, reference: Reference): void =>
  store.set({ waiting: store.state.waiting.filter((one) => one !== reference) });

function closeButton(name: string, close: () => void): HTMLButtonElement {
  const button = make('button', { type: 'button', className: 'close', textContent: '×', title: `Close ${name}` });
  button.ariaLabel = `Close ${name}`;
  button.addEventListener('click', close);
  return button;
}

function closeEntry(store: Store, id: string): void {
  const { entries, current } = store.state;
  const left = entries.filter((entry) => entry.id !== id);
  const next = left.filter(({ sample }) => !sample).at(-1) ?? left.at(-1);
  store.set({ entries: left, current: current === id ? next?.id : current });
}
