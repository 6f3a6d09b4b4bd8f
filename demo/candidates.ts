// "What is this?": every reading of the entry's numbers (format, domain, packing, axes) as a small picture, likeliest first.
// Opens by itself where the numbers leave it open; one click takes a reading.

import type { FormatGuess } from '../src/index';
import { type CandidateTile, createCandidateTile } from './candidate-tile';
import { choiceOf, choicesFor, familyOf, isLong, quickChoice, shortName } from './decoders';
import { byId, errorText, find } from './dom';
import { readingOf, viewOf } from './entry';
import { choose, guessOf, isOpenQuestion, readAlike, readAs, readOtherwise, sameReading } from './reading';
import { currentEntry, type Entry, type Store } from './state';
import { drawThumbnail } from './thumbnail';

/** More come when asked for, as many at a time. */
const some = 12;

export interface Candidates {
  /** The stage has its picture, or has said why not. */
  settled(): void;
  /** Opens the strip, or closes it where the focus is in it. */
  toggle(): void;
}

interface Candidate {
  readonly guess: FormatGuess;
  /** The entry, read so. */
  readonly entry: Entry;
}

interface Shown extends Candidate {
  readonly tile: CandidateTile;
}

export function createCandidates(store: Store): Candidates {
  const details = byId('candidates', HTMLDetailsElement);
  const list = byId('candidates-list', HTMLElement);
  const row = find(details, '.candidates-row', HTMLElement);
  const more = byId('candidates-more', HTMLButtonElement);
  const alike = byId('candidates-alike', HTMLButtonElement);
  /** By entry: as it was found, until the user opens or closes it. */
  const opened = new Map<string, boolean>();
  let asked: readonly unknown[] = [];
  let candidates: readonly Candidate[] = [];
  let shown: Shown[] = [];
  /** Of the pictures that are being drawn. */
  let drawing: AbortController | undefined;

  store.listen((state) => {
    const entry = currentEntry(state);
    details.hidden = !entry || entry.guesses.length === 0;
    if (!entry) return;
    if (entry.id !== asked[0] || entry.guesses !== asked[1]) show(entry);
    const current = shown.find(({ entry: read }) => sameReading(entry, read));
    for (const { tile } of shown) tile.input.checked = tile === current?.tile;
    byId('candidates-note', HTMLElement).textContent = noteOf(entry);
    const others = entry.chosen ? readOtherwise(state, entry) : [];
    alike.hidden = others.length === 0;
    alike.textContent =
      others.length === 1 ? `Read ${others[0]?.title} alike` : `Read ${others.length} other files of this shape alike`;
  });

  list.addEventListener('change', ({ target }) => take(target));
  // Radios leave Enter to forms.
  list.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') take(event.target);
  });
  more.addEventListener('click', () => {
    const before = shown.length;
    addSome();
    shown[before]?.tile.input.focus();
    draw();
  });
  alike.addEventListener('click', () => {
    const entry = currentEntry(store.state);
    if (entry) readAlike(store, readOtherwise(store.state, entry), entry);
  });
  details.addEventListener('toggle', () => {
    const entry = currentEntry(store.state);
    if (entry) opened.set(entry.id, details.open);
    draw();
  });

  function take(target: EventTarget | null): void {
    const found = shown.find(({ tile }) => tile.input === target);
    if (found) choose(store, readingOf(found.guess));
  }

  function addSome(): void {
    const next = candidates.slice(shown.length, shown.length + some).map(withTile);
    shown = [...shown, ...next];
    list.append(...next.map(({ tile }) => tile.element));
    const left = candidates.length - shown.length;
    more.hidden = left === 0;
    more.textContent = `Show ${Math.min(left, some)} more`;
  }

  function show(entry: Entry): void {
    drawing?.abort();
    drawing = undefined;
    asked = [entry.id, entry.guesses];
    details.dataset.state = 'drawing';
    candidates = candidatesOf(entry);
    shown = [];
    list.replaceChildren();
    const current = candidates.findIndex((one) => sameReading(entry, one.entry));
    do addSome();
    while (shown.length <= current);
    row.scrollLeft = 0;
    details.open = opened.get(entry.id) ?? isOpenQuestion(entry);
    details.dataset.sure = String(!isOpenQuestion(entry));
    draw();
  }

  /** One after the other, when the page has nothing better to do; what is drawn stays. */
  function draw(): void {
    const entry = currentEntry(store.state);
    // A picture that takes long is no reason to wait, as it leaves room itself.
    const choice = entry && choiceOf(store.state, entry);
    const busy = byId('stage', HTMLElement).dataset.state === 'decoding' && !(choice && isLong(choice));
    if (!details.open || busy || drawing) return;
    drawing = new AbortController();
    void drawAll(drawing.signal);
  }

  async function drawAll(signal: AbortSignal): Promise<void> {
    for (let next = waiting(); next; next = waiting()) {
      const { entry, tile } = next;
      const choice = quickChoice(entry);
      if (!choice) {
        tile.say('none', whyNone(entry));
        continue;
      }
      tile.say('drawing');
      await whenFree();
      if (signal.aborted) return;
      try {
        await drawThumbnail(tile.canvas, choice, entry);
        tile.say('drawn');
      } catch (error) {
        tile.say('failed', errorText(error));
      }
      if (signal.aborted) return;
    }
    drawing = undefined;
    details.dataset.state = 'drawn';
  }

  /** None once the strip is closed. */
  const waiting = (): Shown | undefined =>
    details.open ? shown.find(({ tile }) => tile.element.dataset.state === 'waiting') : undefined;

  return {
    settled: draw,
    toggle() {
      const inside = details.contains(document.activeElement);
      details.open = !(details.open && inside);
      const checked = shown.find(({ tile }) => tile.input.checked) ?? shown[0];
      if (details.open) checked?.tile.input.focus();
    },
  };
}

/** Those that can be shown first, each part likeliest first. */
function candidatesOf(entry: Entry): readonly Candidate[] {
  const found = entry.guesses.map((guess) => ({ guess, entry: readAs(entry, readingOf(guess), []) }));
  const [shown, others] = [true, false].map((wanted) =>
    found.filter(({ entry }) => (quickChoice(entry) !== undefined) === wanted),
  ) as [Candidate[], Candidate[]];
  return [...shown, ...others];
}

function withTile({ guess, entry }: Candidate): Shown {
  const index = entry.guesses.indexOf(guess);
  const texts = { name: shortName(guess.format), detail: detailOf(entry), reason: reasonOf(guess) };
  const tile = createCandidateTile(String(index), { ...texts, best: index === 0 });
  Object.assign(tile.element.dataset, { format: entry.format, domain: entry.domain });
  return { guess, entry, tile };
}

/** What sets a reading apart before what all have: the detail says channels and size. */
function reasonOf({ reason }: FormatGuess): string {
  const [, ...clauses] = reason.split('; ');
  const text = clauses.reverse().join('; ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function detailOf(entry: Entry): string {
  const view = viewOf(entry);
  if (!view) return '';
  const { width, height, frames } = view;
  const several = new Set(entry.guesses.filter(({ format }) => format.id === entry.format).map(({ layout }) => layout));
  return [
    entry.domain,
    `${width}×${height}`,
    ...(frames > 1 ? [`${frames} frames`] : []),
    ...(several.size > 1 && entry.layout ? [entry.layout] : []),
  ].join(' · ');
}

function whyNone(entry: Entry): string {
  const licences = new Set(
    choicesFor(familyOf(entry.format), [])
      .filter(({ group }) => group === 'opt-in')
      .map(({ format }) => format.source.licence),
  );
  return licences.size > 0
    ? `No picture: its map is under ${[...licences].join(', ')}; choose it to opt in`
    : 'No picture: nobody has published a map to RGB';
}

function noteOf(entry: Entry): string {
  const name = `${shortName(familyOf(entry.format))}, ${entry.domain} domain`;
  if (entry.sample) return name;
  if (entry.chosen) return `${name}: your choice`;
  const guess = guessOf(entry);
  if (guess?.latents.formatFrom === 'file') return `${name}: the file names it`;
  const others = entry.guesses.length - 1;
  if (isOpenQuestion(entry)) return `Not certain. Shown as ${name}; choose the picture that looks right.`;
  return others > 0 ? `${name}: by far the likeliest of ${others + 1}` : name;
}

/** Safari has no idle callbacks. */
const whenFree = (): Promise<void> =>
  new Promise((resolve) => {
    if ('requestIdleCallback' in globalThis) requestIdleCallback(() => resolve(), { timeout: 500 });
    else setTimeout(resolve, 20);
  });
