// The bar over the picture while a decode takes long, with its Cancel.

import { announce, byId } from './dom';

/** Milliseconds after which a decode is long enough to be told of. */
const patience = 250;

export interface Progress {
  /** Replaces what was going on before. */
  start(name: string, cancel: () => void): void;
  at(fraction: number): void;
  /** @param result what those hear who do not see the page, if the bar was there */
  end(result?: string): void;
}

export function createProgress(): Progress {
  const box = byId('decoding', HTMLElement);
  const name = byId('decoding-name', HTMLElement);
  const bar = byId('decoding-progress', HTMLProgressElement);
  const button = byId('decoding-cancel', HTMLButtonElement);
  let cancel = (): void => {};
  let timer: ReturnType<typeof setTimeout> | undefined;

  button.addEventListener('click', () => cancel());

  return {
    start(decoder, onCancel) {
      cancel = onCancel;
      name.textContent = decoder;
      // Without a value until the first part is done: compiling has no measure.
      bar.removeAttribute('value');
      clearTimeout(timer);
      timer = setTimeout(() => {
        box.hidden = false;
        announce(`decoding with ${decoder}`);
      }, patience);
    },

    at(fraction) {
      bar.value = fraction;
    },

    end(result) {
      clearTimeout(timer);
      const focused = document.activeElement === button;
      if (!box.hidden && result) announce(result);
      box.hidden = true;
      // Else the keyboard would start from the page's top again.
      if (focused) byId('decoder', HTMLSelectElement).focus({ preventScroll: true });
    },
  };
}
