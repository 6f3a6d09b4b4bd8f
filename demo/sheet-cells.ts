// The cells of a sheet: a picture each, as large as they can be with all in sight, one of them chosen.

import { sheetGrid } from '../src/clips/index';
import { byId, context2d, make } from './dom';

/** CSS pixels around all cells, between them, and of the smallest cell's width: below it the sheet scrolls. */
const [edge, gap, smallest] = [3, 6, 72];

export interface SheetCells {
  readonly list: HTMLUListElement;
  /** So many cells that wait for their pictures, of this width / height; those there are keep theirs until then. */
  wait(count: number, ratio: number): void;
  draw(index: number, image: ImageData): void;
  /** On those that still wait. */
  fail(message: string): void;
  /** What is seen on a cell, and what is said of it. */
  label(index: number, text: string, name: string): void;
  /** One of them takes the focus by Tab, the others by arrows; it has it where one of them had it. */
  choose(chosen: number): void;
  focus(index: number): void;
  columns(): number;
}

interface Cell {
  readonly element: HTMLElement;
  readonly button: HTMLButtonElement;
  readonly canvas: HTMLCanvasElement;
  readonly tag: HTMLElement;
}

/** @param enlarge called with the number of a cell that is clicked */
export function createSheetCells(sheet: HTMLElement, enlarge: (index: number) => void): SheetCells {
  const list = byId('sheet-cells', HTMLUListElement);
  let cells: readonly Cell[] = [];
  let ratio = 1;

  function createCell(index: number): Cell {
    const canvas = make('canvas', { width: 1, height: 1 });
    canvas.ariaHidden = 'true';
    const tag = make('span', { className: 'tag' });
    tag.ariaHidden = 'true';
    const button = make('button', { type: 'button', className: 'cell' }, canvas, tag);
    button.addEventListener('click', () => enlarge(index));
    return { element: make('li', {}, button), button, canvas, tag };
  }

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
    // Less the room that a scroll bar takes.
    const narrow = Math.floor((width - 12 - gap * (fitting - 1)) / fitting);
    list.style.setProperty('--cell', `${scrolls ? narrow : wanted}px`);
    list.style.setProperty('--ratio', String(ratio));
  }

  new ResizeObserver(arrange).observe(sheet);

  return {
    list,
    wait(count, wanted) {
      ratio = wanted;
      if (cells.length !== count) {
        cells = Array.from({ length: count }, (_, index) => createCell(index));
        list.replaceChildren(...cells.map(({ element }) => element));
      }
      arrange();
      for (const { element, button } of cells) {
        element.dataset.state = 'waiting';
        button.title = '';
      }
    },
    draw(index, image) {
      const cell = cells[index];
      if (!cell) return;
      cell.canvas.width = image.width;
      cell.canvas.height = image.height;
      context2d(cell.canvas)?.putImageData(image, 0, 0);
      cell.element.dataset.state = 'shown';
    },
    fail(message) {
      for (const { element, button } of cells) if (element.dataset.state === 'waiting') button.title = message;
    },
    label(index, text, name) {
      const cell = cells[index];
      if (!cell) return;
      cell.tag.textContent = text;
      cell.button.ariaLabel = name;
    },
    choose(chosen) {
      for (const [index, { element, button }] of cells.entries()) {
        button.tabIndex = index === chosen ? 0 : -1;
        if (index === chosen) element.setAttribute('aria-current', 'true');
        else element.removeAttribute('aria-current');
      }
      const button = cells[chosen]?.button;
      if (list.contains(document.activeElement) && document.activeElement !== button) button?.focus();
    },
    focus: (index) => cells[index]?.button.focus({ preventScroll: true }),
    columns: () => getComputedStyle(list).gridTemplateColumns.split(' ').length,
  };
}
