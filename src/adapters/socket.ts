// A WebSocket of our own to a UI's server: opened, opened again where it breaks, with longer and longer waits, closed.

import { LatentPreviewError } from '../index';
import { retryDelay, waitFor } from './retry';

const firstDelay = 500;

export interface SocketHandlers {
  /** Each time it is open. */
  open(send: (text: string) => void): void;
  /** Text, or bytes. Returns a message where the server refuses for good. */
  message(data: string | Uint8Array): string | undefined;
  /** The last: closed by the server (no error), or given up. */
  end(error?: LatentPreviewError): void;
}

/** An address of http or https as that of a socket. */
export function socketAddress(address: string | URL, who: string): URL {
  let url: URL;
  try {
    url = new URL(address, globalThis.location?.href);
  } catch (cause) {
    throw new LatentPreviewError('file', `${who}: '${address}' is no address`, { cause });
  }
  url.protocol = url.protocol.replace(/^http/, 'ws');
  return url;
}

/**
 * @param retries tries in a row after which it is given up
 * @param silence milliseconds without a message after which the connection counts as broken; undefined: any
 * @returns what closes it for good
 */
export function keepSocket(
  url: URL,
  who: string,
  retries: number,
  { open, message, end }: SocketHandlers,
  silence?: () => number,
): () => void {
  if (typeof WebSocket !== 'function')
    throw new LatentPreviewError('file', `${who}: this runtime has no WebSocket; pass a socket of your own`);
  const stop = new AbortController();
  const { signal } = stop;
  void (async () => {
    for (let failures = 0; !signal.aborted; ) {
      const how = await connect(url, signal, { open, message }, silence);
      if (signal.aborted || how.refused !== undefined || how.done) {
        if (!signal.aborted) end(how.refused === undefined ? undefined : broken(url, who, how.refused));
        return;
      }
      failures = how.worked ? 1 : failures + 1;
      if (failures > retries) return end(broken(url, who, `${how.why}, ${failures} times in a row`));
      await waitFor(retryDelay(failures, firstDelay), signal);
    }
  })();
  return () => stop.abort();
}

interface Outcome {
  /** Whether a message came through it. */
  readonly worked: boolean;
  readonly done?: boolean;
  readonly refused?: string | undefined;
  readonly why?: string;
}

/** One connection, from opening to its end, which this never rejects with. */
function connect(
  url: URL,
  signal: AbortSignal,
  { open, message }: Pick<SocketHandlers, 'open' | 'message'>,
  silence: (() => number) | undefined,
): Promise<Outcome> {
  return new Promise((resolve) => {
    let worked = false;
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    const finish = (outcome: Omit<Outcome, 'worked'>): void => {
      over = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.onopen = socket.onmessage = socket.onclose = null;
      // Stays: a socket that is closed while it connects says so as an error, which Node prints where nobody listens.
      socket.onerror = () => {};
      socket.close();
      resolve({ worked, ...outcome });
    };
    const abort = (): void => finish({});
    const listen = (): void => {
      const most = silence?.();
      clearTimeout(timer);
      if (most !== undefined && !over) timer = setTimeout(() => finish({ why: `silent for ${most} ms` }), most);
    };
    signal.addEventListener('abort', abort);
    socket.onopen = () => {
      open((text) => socket.send(text));
      listen();
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      worked = true;
      const refused = message(typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer));
      if (refused !== undefined) finish({ refused });
      else listen();
    };
    // Says nothing of its own; a close follows it.
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }) =>
      finish({ done: code === 1000, why: `the socket closed with code ${code}${reason && ` (${reason})`}` });
  });
}

const broken = (url: URL, who: string, why: string): LatentPreviewError =>
  new LatentPreviewError(
    'file',
    `${who}: ${url.origin}${url.pathname}: ${why}; is the server running, and does it allow this page?`,
  );
