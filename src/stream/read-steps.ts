// readLatentSteps(): packets from wherever they come → steps, one after the other, as fast as they are asked for.

import { LatentPreviewError } from '../errors';
import { closing } from './closing';
import { decodeLatents, type LatentStep } from './decode';
import {
  bytesOf,
  type EventSourceLike,
  Inbox,
  listenToEvents,
  listenToSocket,
  type PacketBytes,
  type SocketLike,
} from './inbox';
import { PacketSplitter } from './packets';
import { defaultMaxBytes, hasMagic, latentsKind, readStart } from './wire';

/**
 * Where steps come from: an HTTP body (or the response that has it), a WebSocket, an EventSource, or any async iterable of
 * bytes, such as a stream of Node's.
 */
export type StepSource =
  | Response
  | ReadableStream<Uint8Array>
  | SocketLike
  | EventSourceLike
  | AsyncIterable<Uint8Array | ArrayBuffer>;

export interface ReadStepsOptions {
  /** Aborting rejects the next read with the signal's reason and lets go of the source. */
  readonly signal?: AbortSignal;
  /** What one packet's numbers may take in memory, in bytes; default 256 MiB. */
  readonly maxBytes?: number;
  /**
   * Of a WebSocket or an EventSource, which cannot be told to wait: packets kept unread, the newest; default 32. Each step
   * says in `missed` how many went unread before it. A body is read no faster than its steps are asked for.
   */
  readonly maxWaiting?: number;
}

/**
 * Steps as they come in. Listening begins with the call, not with the first read; it ends with the loop: with `break`, an
 * error, or the source's end. Sockets and event sources stay open, as they are the caller's; a body is cancelled.
 *
 * Messages of a socket that are no packets (text, other binary messages) and packets of kinds unknown here are passed over.
 * Events hold a packet in base64 as data. Bodies are packets with nothing between them.
 * @throws LatentPreviewError `file`, from the loop: a damaged packet, an end in its midst, a source that broke off. What was
 *   read stays good; a socket can be read on by calling this again.
 */
export function readLatentSteps(
  source: StepSource,
  { signal, maxBytes = defaultMaxBytes, maxWaiting = 32 }: ReadStepsOptions = {},
): AsyncIterableIterator<LatentStep, void, undefined> {
  if (!Number.isInteger(maxWaiting) || maxWaiting < 1)
    throw new LatentPreviewError('shape', `stream: maxWaiting ${maxWaiting}; at least 1 packet must be kept`);
  if ('send' in source || ('url' in source && 'addEventListener' in source)) {
    const inbox = new Inbox<PacketBytes>(maxWaiting);
    if ('send' in source) listenToSocket(source, inbox);
    else listenToEvents(source, inbox);
    return closing(fromInbox(inbox, maxBytes), signal, () => inbox.close());
  }
  const chunks = chunksOf(source);
  return closing(fromChunks(chunks, maxBytes), signal, chunks.close);
}

async function* fromInbox(inbox: Inbox<PacketBytes>, maxBytes: number): AsyncGenerator<LatentStep, void, undefined> {
  for (let message = await inbox.next(); message; message = await inbox.next()) {
    const { content, missed } = message;
    const bytes = content instanceof Uint8Array ? content : new Uint8Array(await content.arrayBuffer());
    if (!hasMagic(bytes) || readStart(bytes, maxBytes).kind !== latentsKind) continue;
    yield { ...(await decodeLatents(bytes, { maxBytes })), missed };
  }
}

async function* fromChunks({ next }: Chunks, maxBytes: number): AsyncGenerator<LatentStep, void, undefined> {
  const splitter = new PacketSplitter(maxBytes);
  for (let chunk = await next(); !chunk.done; chunk = await next()) {
    const bytes = bytesOf(chunk.value);
    if (!bytes)
      throw new LatentPreviewError('file', `stream: it gave ${typeof chunk.value}, not bytes; is an encoding set?`);
    for (const packet of splitter.push(bytes))
      if (readStart(packet, maxBytes).kind === latentsKind) yield await decodeLatents(packet, { maxBytes });
  }
  splitter.end();
}

interface Chunks {
  readonly next: () => Promise<IteratorResult<unknown, unknown>>;
  /** A read that is under way then ends. */
  readonly close: () => void;
}

function chunksOf(source: Exclude<StepSource, SocketLike | EventSourceLike>): Chunks {
  if ('body' in source) {
    if (!source.ok || !source.body)
      throw new LatentPreviewError(
        'file',
        `stream: ${source.url || 'the response'} answered ${source.status} ${source.statusText}`.trimEnd() +
          (source.ok ? ', without a body' : ''),
      );
    return chunksOf(source.body);
  }
  // Not by its own iterator: not every browser has one, and it waits for the read under way before it lets go.
  if ('getReader' in source) {
    const reader = source.getReader();
    const next = () =>
      reader.read().catch((cause: unknown) => {
        throw new LatentPreviewError('file', 'stream: the body broke off while it was read; try again', { cause });
      });
    return { next, close: () => void reader.cancel().catch(() => {}) };
  }
  const iterator = source[Symbol.asyncIterator]();
  let stop: () => void = () => {};
  const next = () =>
    new Promise<IteratorResult<unknown, unknown>>((resolve, reject) => {
      stop = () => resolve({ done: true, value: undefined });
      iterator.next().then(resolve, reject);
    });
  const close = (): void => {
    stop();
    iterator.return?.().catch(() => {});
  };
  return { next, close };
}
