// The Channels panel's door: what it needs is loaded when it is first opened. And the notice at the picture where latents
// hold what is no number.

import { channelStatistics, type Statistics, tensorStatistics } from '../src/channels/statistics';
import type { Latents } from '../src/index';
import { selectFrames } from '../src/view';
import { familyOf } from './decoders';
import { announce, byId, errorText, make } from './dom';
import { fileOf, latentsOf, viewOf } from './entry';
import { currentEntry, type Entry, type Store } from './state';

export function connectChannels(store: Store): void {
  const details = byId('channels', HTMLDetailsElement);
  const panel = byId('channels-panel', HTMLElement);
  let loaded: Promise<void> | undefined;
  const load = async (): Promise<void> => {
    try {
      loaded ??= import('./channels-panel').then(({ createChannelsPanel }) =>
        createChannelsPanel(store, details, panel),
      );
      await loaded;
    } catch (error) {
      loaded = undefined;
      panel.textContent = `The panel could not be loaded: ${errorText(error)}. Close and open it to try again.`;
      announce(panel.textContent);
    }
  };
  details.addEventListener('toggle', () => {
    if (details.open) void load();
  });

  const notice = byId('not-finite', HTMLElement);
  let asked: Latents | undefined;
  store.listen((state) => {
    const entry = currentEntry(state);
    const latents = entry && fileOf(entry).latents;
    if (latents === asked) return;
    asked = latents;
    const counted = latents && countOdd(latents);
    notice.hidden = !counted;
    if (!counted) return;
    const text = make('p', { textContent: `${counted} The picture shows them as 0.` });
    const where = make('button', { type: 'button', textContent: 'Show where' });
    where.addEventListener('click', async () => {
      const place = firstOdd(store);
      if (place) store.setEntry(place.id, { position: place.position });
      details.open = true;
      await load();
      details.scrollIntoView();
      details.querySelector('summary')?.focus({ preventScroll: true });
    });
    notice.replaceChildren(text, where);
  });
}

/** Where in the entry on show there are such numbers: the picture on show, or the first that has some. */
function firstOdd({ state }: Store): Pick<Entry, 'id' | 'position'> | undefined {
  const entry = currentEntry(state);
  const view = entry && viewOf(entry);
  if (!entry || !view) return undefined;
  const format = familyOf(entry.format);
  const places = [entry.position, ...selectFrames(view, {})];
  const found = places.find(({ item, frame }) => oddText(channelStatistics(latentsOf(entry), { item, frame, format })));
  return found && { id: entry.id, position: { ...entry.position, ...found } };
}

/** `3 of 48 numbers are not finite: 2 NaN, 1 −∞.`; undefined where all are. */
export function oddText(statistics: readonly Statistics[]): string | undefined {
  const sum = (key: 'count' | 'nan' | 'plusInfinity' | 'minusInfinity'): number =>
    statistics.reduce((total, one) => total + one[key], 0);
  const kinds = [
    [sum('nan'), 'NaN'],
    [sum('plusInfinity'), '+∞'],
    [sum('minusInfinity'), '−∞'],
  ] as const;
  const odd = kinds.reduce((total, [count]) => total + count, 0);
  if (odd === 0) return undefined;
  const told = kinds.filter(([count]) => count > 0).map(([count, name]) => `${count.toLocaleString('en')} ${name}`);
  const all = sum('count').toLocaleString('en');
  return `${odd.toLocaleString('en')} of ${all} numbers ${odd === 1 ? 'is' : 'are'} not finite: ${told.join(', ')}.`;
}

const known = new WeakMap<Latents, string | false>();

function countOdd(latents: Latents): string | false {
  let found = known.get(latents);
  if (found === undefined) {
    found = ('buffer' in latents.tensor ? undefined : oddText([tensorStatistics(latents.tensor)])) ?? false;
    known.set(latents, found);
  }
  return found;
}
