// The Fit panel's door: what it needs is loaded when it is first opened.

import { announce, byId, errorText } from './dom';
import type { Store } from './state';

export interface Fit {
  /** Whether something on the page belongs to the panel. */
  holds(target: EventTarget | null | undefined): boolean;
}

export function connectFit(store: Store): Fit {
  const details = byId('fit', HTMLDetailsElement);
  let loaded: Promise<void> | undefined;
  details.addEventListener('toggle', () => {
    if (!details.open) return;
    loaded ??= import('./fit-panel').then(({ createFitPanel }) => createFitPanel(store));
    loaded.catch((error: unknown) => {
      loaded = undefined;
      const message = byId('fit-error', HTMLElement);
      message.textContent = `The panel could not be loaded: ${errorText(error)}. Close and open it to try again.`;
      message.hidden = false;
      announce(message.textContent);
    });
  });
  return { holds: (target) => target instanceof Node && details.contains(target) };
}
