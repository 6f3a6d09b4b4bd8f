// The keyboard, and the dialog that lists it.

import type { Candidates } from './candidates';
import { byId, make } from './dom';
import type { Exports } from './export';
import type { Player } from './player';
import { choose } from './reading';
import { openSample } from './samples';
import type { Sheet } from './sheet';
import { currentEntry, type Mode, type State, type Store } from './state';

interface Shortcut {
  readonly keys: readonly string[];
  readonly label: string;
  readonly text: string;
  run(key: string): void;
}

const modes: readonly Mode[] = ['slider', 'side', 'difference', 'preview'];
const filters: readonly State['filter'][] = ['nearest', 'bilinear', 'bicubic'];

interface Parts {
  readonly player: Player;
  readonly sheet: Sheet;
  readonly exports: Exports;
  readonly candidates: Candidates;
  /** Asks for files. */
  open(): void;
}

export function createKeys(store: Store, { player, sheet, exports, candidates, open }: Parts): void {
  const help = byId('help', HTMLDialogElement);
  const shortcuts: readonly Shortcut[] = [
    { keys: [' '], label: 'Space', text: 'play or pause', run: player.toggle },
    {
      keys: ['ArrowLeft', 'ArrowRight'],
      label: '← →',
      text: 'a step back or on',
      run: (key) => player.step(key === 'ArrowLeft' ? -1 : 1),
    },
    {
      keys: ['Home', 'End'],
      label: 'Home End',
      text: 'first or last step',
      run: (key) => player.go(key === 'Home' ? 'first' : 'last'),
    },
    { keys: ['l'], label: 'L', text: 'play once or in a loop', run: player.toggleLoop },
    { keys: ['g'], label: 'G', text: 'all pictures side by side, or one', run: sheet.toggle },
    { keys: ['Escape'], label: 'Esc', text: 'from one picture back to all', run: sheet.back },
    {
      keys: ['1', '2', '3', '4'],
      label: '1 2 3 4',
      text: 'slider, side by side, difference, preview',
      run: (key) => {
        sheet.enlarge();
        setMode(store, modes[Number(key) - 1]);
      },
    },
    {
      keys: ['f'],
      label: 'F',
      text: 'fit or 1:1',
      run: () => store.set({ zoom: store.state.zoom === 'fit' ? 'actual' : 'fit' }),
    },
    {
      keys: ['u'],
      label: 'U',
      text: 'next upscaling filter',
      run: () => store.set({ filter: after(filters, store.state.filter) }),
    },
    { keys: ['w'], label: 'W', text: 'what is this? the readings side by side', run: candidates.toggle },
    { keys: ['d'], label: 'D', text: 'model or vae domain', run: () => toggleDomain(store) },
    {
      keys: ['[', ']'],
      label: '[ ]',
      text: 'previous or next picture',
      run: (key) => neighbour(store, key === '[' ? -1 : 1),
    },
    { keys: ['o'], label: 'O', text: 'open files', run: open },
    { keys: ['s'], label: 'S', text: 'save a PNG', run: () => void exports.png() },
    { keys: ['?'], label: '?', text: 'this list', run: () => help.showModal() },
  ];
  byId('keys', HTMLElement).append(
    ...shortcuts.map(({ label, text }) =>
      make('div', {}, make('dt', {}, make('kbd', { textContent: label })), make('dd', { textContent: text })),
    ),
  );
  byId('help-open', HTMLButtonElement).addEventListener('click', () => help.showModal());
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || help.open) return;
    // They are the files page's.
    if (byId('main', HTMLElement).hidden) return;
    if (takesKey(event.target, event.key)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const shortcut = shortcuts.find(({ keys }) => keys.includes(key));
    if (!shortcut) return;
    event.preventDefault();
    shortcut.run(key);
  });
}

/** Whether the focused control has its own use for the key. */
function takesKey(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  const moves = /^(Arrow|Home$|End$|Page)/.test(key);
  if (target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement) return true;
  if (target instanceof HTMLInputElement) {
    if (target.type === 'radio') return moves || key === ' ';
    return target.type === 'range' ? moves : true;
  }
  if (target.closest('button, a, summary')) return key === ' ' || key === 'Enter';
  return target.closest('pre') !== null && moves;
}

function setMode(store: Store, mode: Mode | undefined): void {
  if (mode) store.set({ mode });
}

function toggleDomain(store: Store): void {
  const entry = currentEntry(store.state);
  if (entry) choose(store, { domain: entry.domain === 'model' ? 'vae' : 'model' });
}

const after = <T>(list: readonly T[], value: T): T => list[(list.indexOf(value) + 1) % list.length] as T;

/** Through the user's files where there are any, else through the samples. */
function neighbour(store: Store, by: number): void {
  const { entries, samples, current } = store.state;
  const own = entries.filter(({ sample }) => !sample);
  const ids = [...own, ...samples].map(({ id }) => id);
  const id = ids[(ids.indexOf(current ?? '') + by + ids.length) % ids.length];
  const sample = samples.find((one) => one.id === id);
  if (sample) void openSample(store, sample);
  else store.set({ current: id });
}
