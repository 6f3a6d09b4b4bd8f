// The rows of the Fit panel's pairs: whether each is used, and whether it is held out.

import { make } from './dom';
import { viewOf } from './entry';
import type { OpenPair } from './fit-pairs';

export interface RowActions {
  use(name: string, used: boolean): void;
  holdOut(name: string, heldOut: boolean): void;
}

interface Row {
  readonly element: HTMLTableRowElement;
  show(pair: OpenPair, used: boolean, heldOut: boolean): void;
}

/** Shows rows in a table's body; those that stay keep the focus. */
export function createRows(
  body: HTMLElement,
  actions: RowActions,
): (pairs: readonly OpenPair[], used: ReadonlySet<string>, heldOut: ReadonlySet<string>) => void {
  const rows = new Map<string, Row>();
  return (pairs, used, heldOut) => {
    for (const [name, { element }] of rows)
      if (!pairs.some((pair) => pair.name === name)) {
        element.remove();
        rows.delete(name);
      }
    for (const pair of pairs) {
      const row = rows.get(pair.name) ?? createRow(pair.name, actions);
      if (!rows.has(pair.name)) body.append(row.element);
      rows.set(pair.name, row);
      row.show(pair, used.has(pair.name), heldOut.has(pair.name));
    }
  };
}

function createRow(name: string, { use, holdOut }: RowActions): Row {
  const usedBox = make('input', { type: 'checkbox' });
  usedBox.addEventListener('change', () => use(name, usedBox.checked));
  const detail = make('span', { className: 'fit-detail' });
  const label = make('label', {}, usedBox, make('span', {}, make('span', { textContent: name }), detail));
  const heldBox = make('input', { type: 'checkbox', ariaLabel: `Hold out ${name}` });
  heldBox.addEventListener('change', () => holdOut(name, heldBox.checked));
  const held = make('label', { className: 'fit-hold' }, heldBox);
  const element = make('tr', {}, make('th', { scope: 'row' }, label), make('td', {}, held));
  element.dataset.pair = name;
  return {
    element,
    show(pair, used, heldOut) {
      usedBox.checked = used;
      heldBox.checked = heldOut;
      heldBox.disabled = !used;
      const text = detailOf(pair);
      if (detail.textContent !== text) detail.textContent = text;
    },
  };
}

function detailOf({ entry, reference: { name, image }, place, alike }: OpenPair): string {
  const view = viewOf(entry);
  return [
    `${name}${alike ? '' : ', another name: is it theirs?'}`,
    `${view ? `${view.width}×${view.height} from ` : ''}${image.width}×${image.height}`,
    ...(place ? [place] : []),
  ].join(' · ');
}
