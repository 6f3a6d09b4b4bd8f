// InvokeAI's progress events as steps: a small picture each, over socket.io. Its contract is events_common.py and sockets.py
// of invokeai/app.

import { LatentPreviewError } from '../index';
import { closing } from '../stream/closing';
import { Inbox } from '../stream/inbox';
import type { ImageStep } from '../stream/show-frame';
import { asObject, asShare, asSize, asText } from './json';
import { pictureOfText } from './picture';
import { socketAddress } from './socket';
import { keepSocketIo } from './socket-io';

/** What is used of a socket of the package `socket.io-client`. */
export interface SocketIoLike {
  readonly connected: boolean;
  on(event: string, listener: (data: unknown) => void): unknown;
  off(event: string, listener: (data: unknown) => void): unknown;
  emit(event: string, data: object): unknown;
}

export interface ReadInvokeaiOptions {
  /** Aborting rejects the next read with the signal's reason and lets go of the socket. */
  readonly signal?: AbortSignal;
  /** A queue item's id, as `POST /api/v1/queue/…/enqueue_batch` leads to: its steps alone, and the end with it. */
  readonly job?: string | number;
  /** Default `default`. */
  readonly queue?: string;
  /** Of an address, where the server wants users to log in. */
  readonly token?: string;
  /** Steps kept unread, the newest; default 32. Each says in `missed` how many went unread before it. */
  readonly maxWaiting?: number;
  /** Of an address: how often in a row it may fail to connect before that is an error; default 5, in 15 s. */
  readonly retries?: number;
}

/**
 * Steps that InvokeAI shows while it makes a picture, for `createPreviewStream`. It sends pictures as small as the latents;
 * their `size` is the image's, which a stream with `size: 'image'` shows them at. It does not count steps: `progress` says how
 * much is done.
 *
 * An address (`http://127.0.0.1:9090`) is connected to, connected to again where it breaks, and closed at the end. A socket
 * of yours (`io(address, { path: '/ws/socket.io' })`) is subscribed to the queue, and listened to; it stays open and
 * subscribed.
 *
 * Ends with `break`, the queue item `job`, or the socket.
 * @throws LatentPreviewError `file`, from the loop: an event whose picture is none; a socket that was refused or broke off
 */
export function readInvokeaiSteps(
  source: SocketIoLike | string | URL,
  { signal, job, queue = 'default', token, maxWaiting = 32, retries = 5 }: ReadInvokeaiOptions = {},
): AsyncIterableIterator<ImageStep, void, undefined> {
  const inbox = new Inbox<ImageStep>(maxWaiting);
  const wanted = job === undefined ? undefined : String(job);
  const subscription = { queue_id: queue };
  const receive = (name: string, said: unknown): void => {
    const data = asObject(said);
    const item = data && typeof data.item_id === 'number' ? String(data.item_id) : asText(data?.item_id);
    if (!data || data.queue_id !== queue || (wanted !== undefined && item !== wanted)) return;
    if (name === 'invocation_progress') {
      try {
        const step = readStep(data, item);
        if (step) inbox.put(step);
      } catch (error) {
        inbox.end(error);
      }
    } else if (wanted !== undefined && isOver(data.status)) inbox.end();
  };
  if (typeof source === 'string' || source instanceof URL) {
    const address = socketAddress(source, 'invokeai');
    address.pathname = `${address.pathname.replace(/\/$/, '')}/ws/socket.io/`;
    const options = { retries, auth: token === undefined ? undefined : { token } };
    inbox.attach(
      keepSocketIo(address, 'invokeai', options, {
        connected: (emit) => emit('subscribe_queue', subscription),
        event(name, data) {
          if (name === 'invocation_progress' || name === 'queue_item_status_changed') receive(name, data);
        },
        end: (error) => inbox.end(error),
      }),
    );
  } else listen(source, inbox, subscription, receive);
  return closing(steps(inbox), signal, () => inbox.close());
}

function listen(
  socket: SocketIoLike,
  inbox: Inbox<ImageStep>,
  subscription: { readonly queue_id: string },
  receive: (name: string, data: unknown) => void,
): void {
  const subscribe = (): void => void socket.emit('subscribe_queue', subscription);
  const listeners = [
    ['connect', subscribe],
    ['invocation_progress', (data: unknown) => receive('invocation_progress', data)],
    ['queue_item_status_changed', (data: unknown) => receive('queue_item_status_changed', data)],
    // After other reasons the client connects again by itself.
    [
      'disconnect',
      (reason: unknown) => {
        if (reason === 'io client disconnect') inbox.end();
        if (reason === 'io server disconnect')
          inbox.end(new LatentPreviewError('file', 'invokeai: the server closed the connection; connect again'));
      },
    ],
  ] as const;
  for (const [event, listener] of listeners) socket.on(event, listener);
  inbox.attach(() => {
    for (const [event, listener] of listeners) socket.off(event, listener);
  });
  if (socket.connected) subscribe();
}

async function* steps(inbox: Inbox<ImageStep>): AsyncGenerator<ImageStep, void, undefined> {
  for (let message = await inbox.next(); message; message = await inbox.next())
    yield { ...message.content, missed: message.missed };
}

const isOver = (status: unknown): boolean => status === 'completed' || status === 'failed' || status === 'canceled';

/** Undefined where the event has no picture: models are loaded, prompts encoded. */
function readStep(
  { image, percentage, invocation_source_id: node }: Readonly<Record<string, unknown>>,
  job: string | undefined,
): ImageStep | undefined {
  if (image === null || image === undefined) return undefined;
  const picture = asObject(image);
  const content = asText(picture?.dataURL);
  if (!picture || content === undefined)
    throw new LatentPreviewError('file', "invokeai: invocation_progress: 'image' has no dataURL");
  return {
    image: pictureOfText(content, 'invokeai: invocation_progress'),
    step: 0,
    steps: undefined,
    progress: asShare(percentage),
    size: asSize(picture),
    job,
    node: asText(node),
    missed: 0,
  };
}
