// ComfyUI's socket as steps: its own JPEG and PNG previews, and latents where its node (examples/comfyui) sends them.
// What a message holds is comfyui-frames.ts's; here they are listened to, put in order, and told whose they are.

import { closing } from '../stream/closing';
import type { LatentStep } from '../stream/decode';
import { Inbox, listenToMessages, type SocketLike } from '../stream/inbox';
import type { ImageStep } from '../stream/show-frame';
import { defaultMaxBytes } from '../stream/wire';
import { isPicture, noProgress, type Progress, readFrame, readProgress, readText } from './comfyui-frames';
import { keepSocket, socketAddress } from './socket';

export interface ReadComfyuiOptions {
  /** Aborting rejects the next read with the signal's reason and lets go of the socket. */
  readonly signal?: AbortSignal;
  /** A prompt's id, as `POST /prompt` answers it: its steps alone, and the end with it. Undefined: whatever is run. */
  readonly job?: string;
  /** What nodes say of their progress, such as `Loading model`. */
  readonly onText?: (text: string, node: string) => void;
  /** What the numbers of one step of latents may take in memory, in bytes; default 256 MiB. */
  readonly maxBytes?: number;
  /** Steps kept unread, the newest; default 32. Each says in `missed` how many went unread before it. */
  readonly maxWaiting?: number;
  /** Of an address: how often in a row it may fail to connect before that is an error; default 5, in 15 s. */
  readonly retries?: number;
}

/** Text, or what may be a frame, with the progress that was told before it. */
interface Received {
  readonly data: Uint8Array | Blob;
  readonly progress: Progress;
}

/**
 * Steps that ComfyUI sends: of event 1 and 4 as `image`, of the node `SendLatentSteps` as `latents`. For
 * `createPreviewStream`, which shows both; where both come, show those with `latents` alone.
 *
 * An address (`ws://127.0.0.1:8188/ws?clientId=…`, with the client id that your prompts are queued with) is connected to,
 * asked for previews that name their node, connected to again where it breaks, and closed at the end. A socket of yours is
 * listened to and stays open; one opened anew says that it is able to take such previews with its first message,
 * `{"type":"feature_flags","data":{"supports_preview_metadata":true}}`, and without it gets previews that do not name it.
 *
 * Ends with `break`, the prompt `job`, or the socket. Events with other numbers and other servers' messages are passed over.
 * @throws LatentPreviewError `file`, from the loop: a damaged frame, with what is wrong in it; a socket that broke off
 */
export function readComfyuiSteps(
  source: SocketLike | string | URL,
  { signal, job, onText, maxBytes = defaultMaxBytes, maxWaiting = 32, retries = 5 }: ReadComfyuiOptions = {},
): AsyncIterableIterator<LatentStep | ImageStep, void, undefined> {
  const inbox = new Inbox<Received>(maxWaiting);
  let progress = noProgress;
  const receive = (data: unknown): void => {
    if (typeof data === 'string') {
      progress = readProgress(data, progress);
      if (job !== undefined && progress.ended === job) inbox.end();
      return;
    }
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : (data as Uint8Array | Blob);
    // Of a blob it is only known later.
    if (bytes instanceof Blob || isPicture(bytes)) inbox.put({ data: bytes, progress });
    else
      try {
        const said = readText(bytes);
        if (said) onText?.(said.text, said.node);
      } catch (error) {
        inbox.end(error);
      }
  };
  if (typeof source === 'string' || source instanceof URL) {
    const address = socketAddress(source, 'comfyui');
    inbox.attach(
      keepSocket(address, 'comfyui', retries, {
        open: (send) => send(JSON.stringify({ type: 'feature_flags', data: { supports_preview_metadata: true } })),
        message(data) {
          receive(data);
          return undefined;
        },
        end: (error) => inbox.end(error),
      }),
    );
  } else listenToMessages(source, inbox, receive);
  return closing(steps(inbox, { job, onText, maxBytes }), signal, () => inbox.close());
}

async function* steps(
  inbox: Inbox<Received>,
  { job, onText, maxBytes }: { maxBytes: number } & Pick<ReadComfyuiOptions, 'job' | 'onText'>,
): AsyncGenerator<LatentStep | ImageStep, void, undefined> {
  for (let message = await inbox.next(); message; message = await inbox.next()) {
    const { content, missed } = message;
    const { data, progress } = content;
    const bytes = data instanceof Blob ? new Uint8Array(await data.arrayBuffer()) : data;
    if (!isPicture(bytes)) {
      const said = readText(bytes);
      if (said) onText?.(said.text, said.node);
      continue;
    }
    const found = await readFrame(bytes, progress, maxBytes);
    if (found && (job === undefined || found.job === undefined || found.job === job)) yield { ...found.step, missed };
  }
}
