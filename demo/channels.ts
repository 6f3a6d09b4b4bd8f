// The Channels panel's door: what it needs is loaded when it is first opened. And the notice at the picture where latents
// hold what is no number.

import { channelStatistics, type Statistics } from '../src/channels/index';
import type { Latents } from '../src/index';
import { announce, byId, errorText, make } from './dom';
import { fileOf } from './entry';
import { currentEntry, type Store } from './state';

export function connectChannels(store: Store): void {
  const details = byId('channels', HTMLDetailsElement);
  const panel = byId('channels-panel', HTMLElement);
  let loaded: Promise<void> | undefined;
  details.addEventListener('toggle', () => {
    if (!details.open) return;
    loaded ??= import('./channels-panel').then(({ createChannelsPanel }) => createChannelsPanel(store, details, panel));
    loaded.catch((error: unknown) => {
      loaded = undefined;
      panel.textContent = `The panel could not be loaded: ${errorText(error)}. Close and open it to try again.`;
      announce(panel.textContent);
    });
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
    where.addEventListener('click', () => {
      details.open = true;
      details.scrollIntoView({ block: 'nearest' });
      details.querySelector('summary')?.focus();
    });
    notice.replaceChildren(text, where);
  });
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
    found = oddText(channelStatistics({ tensor: latents.tensor, domain: 'model', domainFrom: 'default' })) ?? false;
    known.set(latents, found);
  }
  return found;
}
