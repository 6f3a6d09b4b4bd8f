// The Channels panel: every channel as a small picture on one scale, with its histogram, mean and deviation; the chosen one
// large, with the number under the pointer. Of the latents as they are stored, before any decoder.

import type { Palette } from '../src/channels/index';
import { notFinite } from '../src/channels/statistics';
import { type Card, createCard } from './channel-card';
import { createDetail } from './channel-detail';
import { type Channels, readChannels } from './channel-numbers';
import { oddText } from './channels';
import { errorText, make } from './dom';
import { fileOf } from './entry';
import { currentEntry, type Entry, type State, type Store } from './state';

/** While a sequence plays, four times a second: the steps come first. */
const pauseWhilePlaying = 250;

export function createChannelsPanel(store: Store, details: HTMLDetailsElement, panel: HTMLElement): void {
  const facts = make('p', { className: 'facts' });
  const palettes = createPalettes((name) => {
    palette = name;
    draw();
  });
  const odd = make('p', { className: 'channels-odd', hidden: true });
  const detail = createDetail();
  const grid = make('div', { className: 'channels-grid', role: 'radiogroup', ariaLabel: 'Channels' });
  const body = make('div', { className: 'channels-body' }, palettes, odd, detail.element, grid);
  panel.replaceChildren(facts, body);

  let palette: Palette = 'grey';
  let chosen = 0;
  let seen: Entry['id'] | undefined;
  let shown: Channels | undefined;
  let cards: readonly Card[] = [];
  let asked: readonly unknown[] = [];
  let last = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const update = (state: State): void => {
    const entry = currentEntry(state);
    if (!details.open || !entry) return;
    const { format, domain, layout, grid: size, position } = entry;
    const now = [fileOf(entry).latents, format, domain, layout, size, position.item, position.frame];
    if (now.length === asked.length && now.every((value, index) => value === asked[index])) return;
    asked = now;
    clearTimeout(timer);
    timer = setTimeout(draw, state.playing ? Math.max(0, last + pauseWhilePlaying - performance.now()) : 0);
  };
  store.listen(update);
  details.addEventListener('toggle', () => update(store.state));
  update(store.state);

  function draw(): void {
    const entry = currentEntry(store.state);
    if (!entry) return;
    last = performance.now();
    details.dataset.state = 'drawing';
    try {
      show(entry);
      body.hidden = false;
    } catch (error) {
      facts.textContent = errorText(error);
      body.hidden = true;
    }
    details.dataset.state = 'drawn';
  }

  function show(entry: Entry): void {
    const what = readChannels(entry, palette);
    const { channels, width, height, items, frames } = what.view;
    const one = [
      ...(items > 1 ? [`item ${what.item + 1} of ${items}`] : []),
      ...(frames > 1 ? [`frame ${what.frame + 1} of ${frames}`] : []),
    ];
    facts.textContent =
      `${channels} ${channels === 1 ? 'channel' : 'channels'} of ${width}×${height}, the numbers as stored ` +
      `(${entry.domain} domain), all on one scale${one.length > 0 ? `; ${one.join(', ')}` : ''}.`;
    const counted = oddText(what.statistics);
    odd.hidden = !counted;
    odd.textContent = counted ? `${counted} They are magenta here.` : '';

    if (cards.length !== channels) {
      cards = Array.from({ length: channels }, (_, channel) => createCard(channel, () => choose(channel)));
      grid.replaceChildren(...cards.map(({ element }) => element));
    }
    for (const card of cards) card.show(what);
    shown = what;
    // What is new here begins with the channel that needs looking at.
    const first = what.statistics.findIndex((each) => notFinite(each) > 0);
    choose(entry.id === seen ? Math.min(chosen, channels - 1) : Math.max(first, 0));
    seen = entry.id;
  }

  function choose(channel: number): void {
    chosen = channel;
    for (const card of cards) card.choose(card.channel === channel);
    if (shown) detail.show(shown, channel, palette);
  }
}

function createPalettes(onChange: (palette: Palette) => void): HTMLElement {
  const options = (['grey', 'diverging'] as const).map((name, index) => {
    const input = make('input', { type: 'radio', name: 'channel-palette', value: name, checked: index === 0 });
    input.addEventListener('change', () => onChange(name));
    const title = name === 'grey' ? 'Black to white' : 'Blue below 0, red above it';
    return make('label', { title }, input, make('span', { textContent: name }));
  });
  const segments = make('div', { className: 'segments', role: 'radiogroup', ariaLabel: 'Palette' }, ...options);
  return make('div', { className: 'field' }, make('span', { textContent: 'Palette' }), segments);
}
