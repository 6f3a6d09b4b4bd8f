// The progress of A1111's web UI, and of those with its API (Forge, SD.Next), as steps: asked for again and again. Its
// contract is progressapi in modules/api/api.py.

import { LatentPreviewError } from '../index';
import { closing } from '../stream/closing';
import type { ImageStep } from '../stream/show-frame';
import { asCount, asObject, asShare, asText, parseObject, type Said } from './json';
import { pictureOfText } from './picture';
import { retryDelay, waitFor } from './retry';

export interface ReadA1111Options {
  /** Aborting rejects the next read with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds from one question to the next, at least; default 500. */
  readonly interval?: number;
  /** With each question, such as `authorization` for a server with `--api-auth`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How often in a row a question may go unanswered before that is an error; default 5. The wait doubles, up to 10 s. */
  readonly retries?: number;
  /** Milliseconds that a question may take; default 10 000. */
  readonly timeout?: number;
}

/**
 * The steps of the job that is running, or else of the next one, for `createPreviewStream`; ends with it. A picture is given
 * once, however often it is asked for. The server makes one only every few steps, as its settings for live previews say, and
 * none where they are off.
 *
 * Nothing is asked for while nobody reads. A page of another origin needs the server's `--cors-allow-origins`.
 * @param address of the server: `http://127.0.0.1:7860`
 * @throws LatentPreviewError `file`, from the loop: an answer that is no progress, with what to do; a server that did not
 *   answer
 */
export function readA1111Steps(
  address: string | URL,
  { signal, interval = 500, headers = {}, retries = 5, timeout = 10_000 }: ReadA1111Options = {},
): AsyncIterableIterator<ImageStep, void, undefined> {
  const url = `${String(address).replace(/\/$/, '')}/sdapi/v1/progress?skip_current_image=false`;
  const stop = new AbortController();
  const ask = { url, headers, retries, timeout, interval, signal: stop.signal };
  return closing(steps(ask), signal, () => stop.abort());
}

interface Question extends Required<Omit<ReadA1111Options, 'signal'>> {
  readonly url: string;
  readonly signal: AbortSignal;
}

async function* steps(question: Question): AsyncGenerator<ImageStep, void, undefined> {
  const { interval, signal } = question;
  let job: string | undefined;
  let running = false;
  let shown: string | undefined;
  while (!signal.aborted) {
    const asked = performance.now();
    const said = await progressOf(question);
    if (!said) return;
    const state = asObject(said.state) ?? {};
    const now = asText(state.job_timestamp);
    if (isIdle(said, state)) {
      if (running) return;
    } else {
      if (running && now !== job) return;
      [running, job] = [true, now];
      const content = asText(said.current_image);
      if (content && content !== shown) {
        shown = content;
        yield {
          image: pictureOfText(content, 'a1111: current_image'),
          step: asCount(state.sampling_step) ?? 0,
          steps: asCount(state.sampling_steps) || undefined,
          progress: asShare(said.progress),
          size: undefined,
          job,
          node: undefined,
          missed: 0,
        };
      }
    }
    await waitFor(interval - (performance.now() - asked), signal);
  }
}

/** A job's count is −1 before it is known. */
const isIdle = ({ progress }: Said, { job_count: count }: Said): boolean =>
  typeof count === 'number' ? count === 0 : !progress;

/** Undefined where nobody wants it any more. */
async function progressOf(question: Question): Promise<Said | undefined> {
  const { url, retries, interval, signal } = question;
  for (let failures = 1; !signal.aborted; failures++) {
    const answer = await ask(question);
    if (signal.aborted) return undefined;
    if (!('failed' in answer)) return answer.said;
    if (failures > retries)
      throw new LatentPreviewError(
        'file',
        `a1111: ${url} ${answer.failed}, ${failures} times in a row; is the server running, with --api, and does it ` +
          'allow this page (--cors-allow-origins)?',
        { cause: answer.cause },
      );
    await waitFor(retryDelay(failures, Math.max(interval, 100)), signal);
  }
  return undefined;
}

/** What may be better next time is `failed`; what will not is thrown. */
async function ask({
  url,
  headers,
  timeout,
  signal,
}: Question): Promise<{ readonly said: Said } | { readonly failed: string; readonly cause?: unknown }> {
  const patience = new AbortController();
  const give = (): void => patience.abort();
  const timer = setTimeout(give, timeout);
  signal.addEventListener('abort', give);
  try {
    const response = await fetch(url, { headers, signal: patience.signal });
    const { status } = response;
    const text = await response.text();
    if (status === 408 || status === 429 || status >= 500) return { failed: `answered ${status}` };
    const said = response.ok ? parseObject(text) : undefined;
    if (said && ('progress' in said || 'state' in said)) return { said };
    throw new LatentPreviewError('file', `a1111: ${url} ${response.ok ? 'answered no progress' : remedy(status)}`);
  } catch (cause) {
    if (cause instanceof LatentPreviewError) throw cause;
    return { failed: patience.signal.aborted ? `did not answer within ${timeout} ms` : 'could not be fetched', cause };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', give);
  }
}

function remedy(status: number): string {
  if (status === 401 || status === 403)
    return `answered ${status}; pass \`headers\` with the authorization that --api-auth wants`;
  return `answered ${status}${status === 404 ? '; start the server with --api' : ''}`;
}
