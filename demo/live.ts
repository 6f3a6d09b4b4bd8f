// The live page's door: which of the two pages is on show. What the live page needs is loaded when it is first opened.

import { announce, byId, errorText } from './dom';
import type { LivePage } from './live-page';
import type { Store } from './state';

export function connectLive(store: Store): void {
  const pages = { files: byId('main', HTMLElement), live: byId('live', HTMLElement) };
  let loaded: Promise<LivePage> | undefined;

  async function show(): Promise<void> {
    const live = location.hash === '#live';
    pages.files.hidden = live;
    pages.live.hidden = !live;
    for (const link of document.querySelectorAll<HTMLAnchorElement>('.pages a'))
      link.ariaCurrent = (link.hash === '#live') === live ? 'page' : null;
    if (!live) return void (await loaded)?.leave();
    loaded ??= import('./live-page').then(({ createLivePage }) => createLivePage(store));
    loaded.catch((error: unknown) => {
      loaded = undefined;
      byId('live-message', HTMLElement).textContent = `The page could not be loaded: ${errorText(error)}. Reload it.`;
    });
    announce('live steps');
  }

  // Files that are dropped on this page are shown on theirs. The first sample is opened behind it.
  store.listen((state, before) => {
    const more = state.entries.length > before.entries.length || state.problems.length > before.problems.length;
    if (more && !pages.live.hidden && document.documentElement.dataset.ready) location.hash = '#files';
  });
  addEventListener('hashchange', () => void show());
  void show();
}
