// The file's own strings in the inspector: what they say for people, and each as it stands, to read or to copy.

import { byId, make } from './dom';
import { fileOf } from './entry';
import { type Fact, madeWith } from './made-with';
import { currentEntry, type Store } from './state';

/** Characters that are shown; all are copied. */
const most = 20_000;

export function createMetadata(store: Store): void {
  const section = byId('made-with', HTMLElement);
  const facts = byId('made-with-facts', HTMLElement);
  const strings = byId('made-with-strings', HTMLElement);
  let shown: ReadonlyMap<string, string> | undefined;
  store.listen((state) => {
    const entry = currentEntry(state);
    const metadata = entry && fileOf(entry).latents.metadata;
    if (metadata === shown) return;
    shown = metadata;
    section.hidden = !metadata || metadata.size === 0;
    facts.replaceChildren(...(metadata ? madeWith(metadata).map(factRow) : []));
    strings.replaceChildren(...[...(metadata ?? [])].map(([key, text]) => stringRow(key, text)));
  });
}

const factRow = ({ label, value }: Fact): HTMLElement =>
  make('div', {}, make('dt', { textContent: label }), make('dd', { textContent: value, title: value }));

function stringRow(key: string, text: string): HTMLElement {
  const copy = make('button', { type: 'button', className: 'quiet', textContent: 'Copy' });
  copy.ariaLabel = `Copy ${key}`;
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = 'Copied';
  });
  const code = make('code');
  const details = make(
    'details',
    {},
    make('summary', { textContent: `${key} · ${size(text.length)}` }),
    make('pre', {}, code),
  );
  details.addEventListener('toggle', () => {
    code.textContent = readable(text);
  });
  return make('li', {}, details, copy);
}

const size = (characters: number): string =>
  characters < 1000 ? `${characters} characters` : `${(characters / 1000).toFixed(1)} thousand characters`;

/** JSON with its lines. */
function readable(text: string): string {
  let lines = text;
  try {
    if (text.length < 1e6) lines = JSON.stringify(JSON.parse(text), null, 1);
  } catch {
    // Not JSON: as it stands.
  }
  return lines.length > most ? `${lines.slice(0, most)}\n… ${size(lines.length - most)} more; Copy has all` : lines;
}
