// What a socket or an event source gives, kept until somebody reads it: the newest of it, as neither can be held back.

import { LatentPreviewError } from '../errors';
import { hasMagic } from './wire';

/** Wide enough for what every platform declares. */
type Listener = ((event: never) => void) | { handleEvent(event: never): void } | null;

/** What is used of a WebSocket: the browser's, Node's, or that of the package `ws`. */
export interface SocketLike {
  readonly readyState: number;
  addEventListener(type: 'message' | 'close' | 'error', listener: Listener): void;
  removeEventListener(type: 'message' | 'close' | 'error', listener: Listener): void;
  send(data: never): void;
}

/** What is used of an EventSource. */
export interface EventSourceLike {
  readonly readyState: number;
  readonly url: string;
  addEventListener(type: string, listener: Listener): void;
  removeEventListener(type: string, listener: Listener): void;
}

export interface Message<T> {
  readonly content: T;
  /** Dropped before it, unread. */
  readonly missed: number;
}

/** A packet, or what may be one. */
export type PacketBytes = Uint8Array | Blob;

export class Inbox<T extends object> {
  readonly #most: number;
  readonly #waiting: T[] = [];
  #missed = 0;
  #ended = false;
  #error: unknown;
  #wake: (() => void) | undefined;
  #detach: () => void = () => {};

  /** @param most messages kept; where more come, the oldest go */
  constructor(most: number) {
    this.#most = most;
  }

  /** @param detach takes the listeners off again */
  attach(detach: () => void): void {
    this.#detach = detach;
  }

  put(content: T): void {
    if (this.#ended) return;
    this.#waiting.push(content);
    if (this.#waiting.length > this.#most) {
      this.#waiting.shift();
      this.#missed++;
    }
    this.#wake?.();
  }

  /** No more comes; what waits can still be read. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#detach();
    this.#wake?.();
  }

  /** Nobody reads on. */
  close(): void {
    this.#waiting.length = 0;
    this.end();
  }

  /** The oldest that waits, or the next that comes; undefined at the end. */
  async next(): Promise<Message<T> | undefined> {
    for (;;) {
      const content = this.#waiting.shift();
      if (content) {
        const missed = this.#missed;
        this.#missed = 0;
        return { content, missed };
      }
      if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return undefined;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const closing = 2; // WebSocket.CLOSING, EventSource.CLOSED

/** Binary messages that begin as packets do; others on the same socket, ComfyUI's for one, are left to others. */
export function listenToSocket(socket: SocketLike, inbox: Inbox<PacketBytes>): void {
  listenToMessages(socket, inbox, (data) => {
    const packet = data instanceof Blob ? data : bytesOf(data);
    // Of a blob it is only known later.
    if (packet && (packet instanceof Blob || hasMagic(packet))) inbox.put(packet);
  });
}

/** All of a socket's messages, whoever puts what into the inbox, until it closes. */
export function listenToMessages<T extends object>(
  socket: SocketLike,
  inbox: Inbox<T>,
  receive: (data: unknown) => void,
): void {
  const onMessage = ({ data }: { data: unknown }): void => receive(data);
  const onClose = ({ code, reason }: { code: number; reason: string }): void =>
    // 1000: done. 1005: closed without saying why, as close() does.
    inbox.end(code === 1000 || code === 1005 ? undefined : brokeOff(`closed with code ${code}`, reason));
  // Says nothing of its own; a close follows it. Node prints errors that nobody listens to.
  const onError = (): void => {};
  const listeners = [
    ['message', onMessage],
    ['close', onClose],
    ['error', onError],
  ] as const;
  for (const [type, listener] of listeners) socket.addEventListener(type, listener);
  inbox.attach(() => {
    for (const [type, listener] of listeners) socket.removeEventListener(type, listener);
  });
  if (socket.readyState >= closing) inbox.end(brokeOff('is closed already', ''));
}

const brokeOff = (what: string, reason: string): LatentPreviewError =>
  new LatentPreviewError(
    'file',
    `stream: the socket ${what}${reason ? ` (${reason})` : ''}; is the server running? Connect again`,
  );

/** 'LATP' in base64. */
const base64Magic = 'TEFUU';

/** Data in base64, of events without a name and of those called `latents`. */
export function listenToEvents(source: EventSourceLike, inbox: Inbox<PacketBytes>): void {
  const onMessage = ({ data }: { data: unknown }): void => {
    if (typeof data !== 'string' || !data.startsWith(base64Magic)) return;
    try {
      inbox.put(Uint8Array.from(atob(data), (character) => character.charCodeAt(0)));
    } catch (cause) {
      inbox.end(
        new LatentPreviewError('file', `stream: an event of ${data.length} characters is not base64`, { cause }),
      );
    }
  };
  const onError = (): void => {
    // Else it connects again by itself.
    if (source.readyState === closing)
      inbox.end(
        new LatentPreviewError(
          'file',
          `stream: ${source.url} gives no events; is the server running, and may this page connect to it (CORS)?`,
        ),
      );
  };
  const listeners = [
    ['message', onMessage],
    ['latents', onMessage],
    ['error', onError],
  ] as const;
  for (const [type, listener] of listeners) source.addEventListener(type, listener);
  inbox.attach(() => {
    for (const [type, listener] of listeners) source.removeEventListener(type, listener);
  });
  onError();
}

/** Undefined for text. */
export function bytesOf(data: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return undefined;
}
