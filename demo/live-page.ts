// The live page: connects to a socket, shows its steps as they come, connects again where it breaks off. Loaded when it is
// first opened.

import { readLatentSteps } from '../src/stream/index';
import { families } from './decoders';
import { announce, byId, errorText, fillSelect, radios } from './dom';
import { createLiveShow } from './live-show';
import { createLiveSource } from './live-source';
import { createLiveStatistics } from './live-statistics';
import type { Store } from './state';

export interface LivePage {
  /** Another page is shown: closes the connection. */
  leave(): void;
}

/** `picture`: there is one, of a connection that is open, broke off or was closed. */
type PageState = 'idle' | 'connecting' | 'picture' | 'error';

/** Seconds until a connection that broke off is tried again: each time longer, then no more. */
const waits = [1, 2, 4];

export function createLivePage(store: Store): LivePage {
  const page = byId('live', HTMLElement);
  const start = byId('live-start', HTMLButtonElement);
  const watchButton = byId('live-watch', HTMLButtonElement);
  const format = byId('live-format', HTMLSelectElement);
  const statistics = createLiveStatistics();
  let size: 'latent' | 'image' = 'image';
  let connection: AbortController | undefined;
  let address = '';

  const show = createLiveShow({
    format: () => format.value,
    size: () => size,
    backend: () => store.state.backend,
    onShown(step, counts) {
      statistics.shown(step, counts);
      if (connection) say('picture', 'open');
    },
    onError: fail,
  });
  const source = createLiveSource((typed) => {
    if (connection && !typed) void connect();
    else showButton();
  });

  source.fill(store.state.samples);
  store.listen((state, before) => {
    if (state.samples !== before.samples) source.fill(state.samples);
    if (state.backend !== before.backend) show.free();
  });
  fillSelect(
    format,
    [
      { options: [{ value: '', label: 'as the sender says' }] },
      { label: 'Taken as', options: families.map(({ id, name }) => ({ value: id, label: name })) },
    ],
    '',
  );
  format.addEventListener('change', show.free);
  radios('live-size', (value) => {
    size = value as typeof size;
    show.free();
  });
  byId('live-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    if (connection && address === source.address) disconnect();
    else void connect();
  });
  watchButton.addEventListener('click', () => {
    if (connection) disconnect();
    else void connect();
  });

  function say(state: PageState, status: string): void {
    page.dataset.state = state;
    const element = byId('live-status', HTMLElement);
    if (element.textContent !== status) element.textContent = status;
  }

  function showButton(): void {
    const there = connection && address !== source.address;
    start.textContent = there ? 'Connect there' : connection ? 'Disconnect' : 'Connect';
    watchButton.textContent = connection ? 'Cancel' : source.replay ? 'Watch a replay' : 'Connect';
  }

  function disconnect(): void {
    connection?.abort();
    connection = undefined;
    say(show.shows ? 'picture' : 'idle', 'closed');
    byId('live-message', HTMLElement).textContent = 'The connection is closed.';
    showButton();
  }

  function fail(error: unknown): void {
    connection?.abort();
    connection = undefined;
    say('error', 'none');
    byId('live-message', HTMLElement).textContent = why(error);
    showButton();
    watchButton.textContent = 'Try again';
  }

  async function connect(): Promise<void> {
    connection?.abort();
    connection = new AbortController();
    const { signal } = connection;
    address = source.address;
    statistics.reset();
    show.restart();
    showButton();
    say(show.shows ? 'picture' : 'connecting', 'connecting…');
    byId('live-message', HTMLElement).textContent = 'Connecting…';
    for (let tries = 0; ; tries++) {
      const before = statistics.received;
      try {
        await watch(signal);
        if (signal.aborted) return;
        disconnect();
        return say(show.shows ? 'picture' : 'idle', 'the sender has ended the stream');
      } catch (error) {
        if (signal.aborted) return;
        // Only what has worked is tried again, and anew after each success.
        if (statistics.received > before) tries = 0;
        const seconds = waits[tries];
        if (statistics.received === 0 || seconds === undefined || !brokeOff(error)) return fail(error);
        say('picture', `broke off; connecting again in ${seconds} s`);
        await pause(seconds * 1000, signal);
        if (signal.aborted) return;
      }
    }
  }

  async function watch(signal: AbortSignal): Promise<void> {
    const socket = open();
    try {
      for await (const step of readLatentSteps(socket, { signal })) {
        statistics.came(step);
        await show.push(step, signal);
      }
    } finally {
      socket.close();
    }
  }

  function open(): WebSocket {
    try {
      // Newer browsers take addresses of pages too, and connect to something else than was meant.
      if (!/^wss?:/i.test(address)) throw new SyntaxError('not an address of a socket');
      const socket = new WebSocket(address);
      source.mark(true);
      return socket;
    } catch (error) {
      source.mark(false);
      const secure = location.protocol === 'https:' ? 'wss://, as this page is on https' : 'ws:// or wss://';
      throw new Error(`‘${address}’ cannot be connected to: an address begins with ${secure}.`, { cause: error });
    }
  }

  /** Why there is no picture, and the way out. */
  function why(error: unknown): string {
    const text = errorText(error);
    // Where a server was there to say why, it has said so.
    if (statistics.received > 0 || !/code 1006/.test(text)) return text;
    return source.replay
      ? 'There is no replay server here: this page is served as plain files. “npm run demo” in the repository serves it ' +
          'with one; or give the address of a sender of your own.'
      : `Nothing answers at ${address}. Is the sender running, and is this its address?`;
  }

  say('idle', 'none');
  showButton();
  return {
    leave() {
      if (!connection) return;
      disconnect();
      announce('the live connection was closed');
    },
  };
}

const brokeOff = (error: unknown): boolean => /^stream: the socket/.test(errorText(error));

const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => resolve());
  });
