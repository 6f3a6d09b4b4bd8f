// The known decoders of the family on show that the page does not have yet: a button to download each, how far it is, and
// the way out where that fails.

import { familyOf } from './decoders';
import { byId, make } from './dom';
import { type Downloads, fileUrl, host, known, knownNames } from './downloads';
import { currentEntry, type Download, type KnownName, type Store } from './state';

interface Offer {
  readonly element: HTMLElement;
  show(download: Download | undefined): void;
}

interface OfferOptions {
  /** Whether a decoder is chosen once it is there. */
  readonly choose: boolean;
  /** What has the focus after an offer that had it is gone. */
  readonly after: HTMLElement;
  /** Lets the user pick a file. */
  readonly pick: () => void;
}

function createOffers(store: Store, downloads: Downloads, list: HTMLElement, options: OfferOptions): void {
  const offers = new Map<KnownName, Offer>();
  store.listen((state) => {
    const entry = currentEntry(state);
    const family = entry && familyOf(entry.format).id;
    const wanted = knownNames.filter(
      (name) =>
        // One that is on its way stays to be seen and cancelled.
        (state.downloads[name]?.state === 'loading' || (family && known(name).formats.includes(family))) &&
        !state.decoders.some((one) => one.known === name),
    );
    for (const [name, { element }] of offers)
      if (!wanted.includes(name)) {
        const focused = element.contains(document.activeElement);
        element.remove();
        offers.delete(name);
        if (focused) options.after.focus({ preventScroll: true });
      }
    for (const name of wanted) {
      const offer = offers.get(name) ?? createOffer(name, downloads, options);
      if (!offers.has(name)) list.append(offer.element);
      offers.set(name, offer);
      offer.show(state.downloads[name]);
    }
    list.hidden = wanted.length === 0;
  });
}

function createOffer(name: KnownName, downloads: Downloads, { choose, pick }: OfferOptions): Offer {
  const { title, megabytes, licence, file } = known(name);
  const element = make('li', { className: 'offer' });
  const terms = make('span', { className: 'offer-terms' });
  const start = make('button', { type: 'button', className: 'offer-start' });
  start.addEventListener('click', () => downloads.start(name, choose));
  const bar = make('progress', { max: megabytes * 1e6, ariaLabel: `Downloading ${title}` });
  const count = make('span', { className: 'offer-count' });
  const cancel = make('button', { type: 'button', className: 'quiet', textContent: 'Cancel' });
  cancel.ariaLabel = `Cancel the download of ${title}`;
  cancel.addEventListener('click', () => downloads.cancel(name));
  const message = make('p', { className: 'offer-message' });
  const link = make('a', { href: fileUrl(name), target: '_blank', rel: 'noopener noreferrer', textContent: file });
  const chooseFile = make('button', { type: 'button', className: 'link', textContent: 'choose it' });
  chooseFile.addEventListener('click', pick);
  const wayOut = make(
    'p',
    { className: 'facts' },
    'Or save ',
    link,
    ' yourself and drop it here, or ',
    chooseFile,
    '.',
  );
  let shown: string | undefined;
  return {
    element,
    show(download) {
      const state = download?.state ?? 'none';
      if (download?.state === 'loading') {
        const total = download.total ?? megabytes * 1e6;
        bar.max = total;
        bar.value = download.loaded;
        count.textContent = `${(download.loaded / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`;
      }
      if (download?.state === 'failed') message.textContent = download.message;
      if (state === shown) return;
      shown = state;
      const focused = element.contains(document.activeElement);
      start.textContent = state === 'failed' ? 'Try again' : state === 'kept' ? `Load ${title}` : `Download ${title}`;
      terms.textContent =
        state === 'kept' ? `kept in this browser · ${licence}` : `${megabytes} MB · ${licence} · ${host}`;
      element.dataset.state = state;
      if (state === 'loading')
        element.replaceChildren(make('span', { className: 'offer-title', textContent: title }), bar, count, cancel);
      else if (state === 'failed') element.replaceChildren(message, start, wayOut);
      else element.replaceChildren(start, terms);
      // Else the keyboard would start from the page's top again.
      if (focused) (state === 'loading' ? cancel : start).focus({ preventScroll: true });
    },
  };
}

/** The two places that offer them: under the list of decoders, and after the ladder's rungs. */
export function connectOffers(store: Store, downloads: Downloads, pick: () => void): void {
  const decoder = byId('decoder', HTMLSelectElement);
  createOffers(store, downloads, byId('decoder-offers', HTMLUListElement), { choose: true, after: decoder, pick });
  const ladder = byId('ladder', HTMLDetailsElement);
  const summary = ladder.querySelector('summary') ?? ladder;
  createOffers(store, downloads, byId('ladder-offers', HTMLUListElement), { choose: false, after: summary, pick });
}
