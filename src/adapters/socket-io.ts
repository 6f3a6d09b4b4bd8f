// As much of Socket.IO as listening takes: Engine.IO 4 over a WebSocket, the default namespace, events in text. For those
// whose page has the real client, adapters take that instead.

import type { LatentPreviewError } from '../index';
import { asObject, asText, parseObject } from './json';
import { keepSocket } from './socket';

/** Of servers that were not told another, in milliseconds. */
const pingInterval = 25_000;

export interface EventHandlers {
  /** Each time it is connected. */
  connected(emit: (event: string, data: object) => void): void;
  event(name: string, data: unknown): void;
  /** The last: gone for good. */
  end(error?: LatentPreviewError): void;
}

/**
 * @param url of the server's socket.io path, with `ws:` or `wss:`
 * @param auth what the server gets with the connection, such as a token
 * @returns what closes it for good
 */
export function keepSocketIo(
  url: URL,
  who: string,
  { retries, auth }: { retries: number; auth: object | undefined },
  { connected, event, end }: EventHandlers,
): () => void {
  const address = new URL(url);
  address.searchParams.set('EIO', '4');
  address.searchParams.set('transport', 'websocket');
  // The server pings; without one for so long, the connection is gone and nobody was told. It says how often it does.
  let patience = 2 * pingInterval;
  let send: (text: string) => void = () => {};
  return keepSocket(
    address,
    who,
    retries,
    {
      open(write) {
        send = write;
      },
      message(data) {
        // Events with attachments are none of those listened to.
        if (typeof data !== 'string') return undefined;
        // One digit is Engine.IO's, the next Socket.IO's.
        if (data.startsWith('0')) {
          const said = parseObject(data.slice(1)) ?? {};
          patience = milliseconds(said.pingInterval) + milliseconds(said.pingTimeout);
          send(`40${auth ? JSON.stringify(auth) : ''}`);
        } else if (data === '2') send('3');
        else if (data.startsWith('40')) connected((name, content) => send(`42${JSON.stringify([name, content])}`));
        else if (data.startsWith('44')) return `refused the connection: ${asText(parseObject(data.slice(2))?.message)}`;
        else if (data.startsWith('42')) {
          const [name, content] = parseEvent(data.slice(2));
          if (name !== undefined) event(name, content);
        }
        return undefined;
      },
      end,
    },
    () => patience,
  );
}

const milliseconds = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : pingInterval);

/** `["name",content]`, behind an acknowledgement's number where one is wanted. */
function parseEvent(text: string): [name: string | undefined, content: unknown] {
  const wrapped = asObject(parseObject(`{"event":${text.replace(/^\d+/, '')}}`));
  const [name, content]: unknown[] = Array.isArray(wrapped?.event) ? wrapped.event : [];
  return [asText(name), content];
}
