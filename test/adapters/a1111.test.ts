// A1111's /sdapi/v1/progress, answered by a real HTTP server as progressapi of modules/api/api.py does.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readA1111Steps } from '../../src/adapters/a1111';
import { LatentPreviewError } from '../../src/index';
import { all, bytesOf, jpeg, png, serve } from './pictures';

/** A job's answer: state as shared_state.py has it. */
function progress(step: number, image: Buffer | null, state: object = {}, more: object = {}): string {
  return JSON.stringify({
    progress: 0.01 + step / 20,
    eta_relative: 3.2,
    state: {
      ...{ skipped: false, interrupted: false, stopping_generation: false, job: 'scripts_txt2img', job_count: 1 },
      ...{ job_timestamp: '20251121120000', job_no: 0, sampling_step: step, sampling_steps: 20 },
      ...state,
    },
    current_image: image?.toString('base64') ?? null,
    textinfo: null,
    ...more,
  });
}
const idle = progress(0, null, { job: '', job_count: 0, sampling_steps: 0 }, { progress: 0, eta_relative: 0 });

type Answer = string | number | ((request: IncomingMessage, response: ServerResponse) => void);
let close: () => void = () => {};
afterEach(() => close());
afterEach(() => vi.restoreAllMocks());

/** A server that gives one answer after the other, the last one for ever; and what it was asked. */
async function server(...answers: readonly Answer[]) {
  const asked: { url: string | undefined; headers: IncomingMessage['headers'] }[] = [];
  const started = await serve((request, response) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)]!;
    asked.push({ url: request.url, headers: request.headers });
    if (typeof answer === 'function') return answer(request, response);
    response.statusCode = typeof answer === 'number' ? answer : 200;
    response.setHeader('content-type', 'application/json');
    response.end(typeof answer === 'number' ? '{"detail":"Not Found"}' : answer);
  });
  close = () => {
    started.server.closeAllConnections();
    started.server.close();
  };
  return { asked, address: started.address };
}

/** When requests leave: a busy server sees them later, and so closer together. */
function sendingTimes(): number[] {
  const times: number[] = [];
  const send = globalThis.fetch;
  vi.spyOn(globalThis, 'fetch').mockImplementation((...request) => {
    times.push(performance.now());
    return send(...request);
  });
  return times;
}

describe('readA1111Steps', () => {
  it('120 waits for the job, gives each picture once with its step, and ends with it', async () => {
    const unknown = progress(0, null, { job_count: -1, sampling_steps: 0 });
    const { asked, address } = await server(
      ...[idle, unknown, progress(2, null), progress(5, jpeg(5)), progress(7, jpeg(5)), progress(10, png(10)), idle],
    );
    const steps = await all(
      readA1111Steps(`${address}/`, { interval: 5, headers: { authorization: 'Basic bWU6c2VjcmV0' } }),
    );
    const job = '20251121120000';
    expect(steps).toMatchObject([
      { step: 5, steps: 20, progress: 0.26, job, node: undefined, size: undefined, missed: 0 },
      { step: 10, steps: 20, progress: 0.51, job },
    ]);
    expect(await Promise.all(steps.map(bytesOf))).toEqual([jpeg(5), png(10)]);
    expect(steps.map(({ image }) => image.type)).toEqual(['image/jpeg', 'image/png']);
    expect(asked).toHaveLength(7);
    expect(asked[0]).toMatchObject({
      url: '/sdapi/v1/progress?skip_current_image=false',
      headers: { authorization: 'Basic bWU6c2VjcmV0' },
    });
  });
  it('ends where another job has begun', async () => {
    const next = progress(1, jpeg(2), { job_timestamp: '20251121120500' });
    const { address } = await server(progress(3, jpeg(1)), next);
    expect((await all(readA1111Steps(address, { interval: 1 }))).map(({ step }) => step)).toEqual([3]);
  });
  it('asks at the interval, and not at all while nobody reads', async () => {
    const { asked, address } = await server(...[1, 2, 3].map((k) => progress(k, jpeg(k))));
    const sent = sendingTimes();
    const steps = readA1111Steps(address, { interval: 300 });
    await steps.next();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(asked).toHaveLength(1);
    await steps.next();
    await steps.next();
    await steps.return?.();
    // Node's timers may be early by a millisecond.
    expect(sent[2]! - sent[1]!).toBeGreaterThan(298);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(asked).toHaveLength(3);
  });
  it('takes pictures in data URLs, as forks send them, and answers without a state', async () => {
    const picture = `data:image/png;base64,${jpeg(3).toString('base64')}`;
    const { address } = await server(
      ...[JSON.stringify({ progress: 0.5, current_image: picture }), JSON.stringify({ progress: 0 })],
    );
    const [step, ...more] = await all(readA1111Steps(address, { interval: 1 }));
    expect(more).toEqual([]);
    expect(step).toMatchObject({ step: 0, steps: undefined, progress: 0.5, job: undefined });
    expect(step!.image.type).toBe('image/jpeg');
  });
});

describe('a server that does not answer', () => {
  const drop: Answer = (_, response) => response.destroy();
  it('is asked again, later each time, and the loop goes on', async () => {
    const { asked, address } = await server(500, drop, 429, progress(1, jpeg(1)), 503, idle);
    const sent = sendingTimes();
    expect(await all(readA1111Steps(address, { interval: 100 }))).toHaveLength(1);
    expect(asked).toHaveLength(6);
    const waits = sent.slice(1).map((at, k) => at - sent[k]!);
    expect(waits[0]).toBeGreaterThan(98);
    expect(waits[1]).toBeGreaterThan(198);
    expect(waits[2]).toBeGreaterThan(398);
  });
  it('is given up after so many times in a row, and the error says what happened', async () => {
    const { asked, address } = await server(502);
    const error = await all(readA1111Steps(address, { interval: 1, retries: 1 })).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LatentPreviewError);
    expect(error).toMatchObject({
      code: 'file',
      message: expect.stringMatching(/^a1111: http.*skip_current_image=false answered 502, 2 times in a row; is the/),
    });
    expect(asked).toHaveLength(2);
    close();
    await expect(all(readA1111Steps(address, { retries: 0 }))).rejects.toThrow(
      'could not be fetched, 1 times in a row',
    );
  });
  it('nor closes is not waited for longer than the timeout, before the answer or in its midst', async () => {
    const begins: Answer = (_, response) => void response.write('{"progress":');
    for (const answer of [() => {}, begins]) {
      const { address } = await server(answer);
      const steps = readA1111Steps(address, { timeout: 50, retries: 0 });
      await expect(steps.next()).rejects.toThrow('did not answer within 50 ms');
      close();
    }
  });
  it('is let go by the signal: during a question, between two, and before the first', async () => {
    let gone = false;
    const { address, asked } = await server(
      (request) =>
        void request.on('close', () => {
          gone = true;
        }),
    );
    const abort = new AbortController();
    const waiting = readA1111Steps(address, { signal: abort.signal }).next();
    await expect.poll(() => asked.length).toBe(1);
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect.poll(() => gone).toBe(true);
    close();
    const other = await server(idle);
    const later = new AbortController();
    const reading = readA1111Steps(other.address, { signal: later.signal, interval: 60_000 }).next();
    await expect.poll(() => other.asked.length).toBe(1);
    later.abort(new Error('stop'));
    await expect(reading).rejects.toThrow('stop');
    await expect(readA1111Steps(other.address, { signal: AbortSignal.abort(new Error('no')) }).next()).rejects.toThrow(
      'no',
    );
    expect(other.asked).toHaveLength(1);
  });
});

describe('an answer that is no progress is an error at once', () => {
  it.each([
    [404, 'answered 404; start the server with --api'],
    [401, 'answered 401; pass `headers` with the authorization that --api-auth wants'],
    [403, 'answered 403; pass `headers`'],
    [422, 'answered 422'],
    ['<!doctype html><title>Log in</title>', 'answered no progress'],
    ['[]', 'answered no progress'],
    ['{"detail":"other"}', 'answered no progress'],
    ['', 'answered no progress'],
    [progress(1, null, {}, { current_image: '***' }), 'a1111: current_image: 3 characters are not base64'],
    [progress(1, null, {}, { current_image: 'PGh0bWw+' }), '6 bytes that begin with 3c 68 74 6d are no JPEG'],
    [progress(1, null, {}, { current_image: 'data:image/png,xyz' }), "a data URL 'data:image/png', not one in base64"],
  ] as const)('%s', async (answer, said) => {
    const { asked, address } = await server(answer);
    const error = await all(readA1111Steps(address)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LatentPreviewError);
    expect(error).toMatchObject({ code: 'file', message: expect.stringContaining(said) });
    expect(asked).toHaveLength(1);
  });
  it('odd numbers and types in a state are passed over', async () => {
    const odd = progress(1, jpeg(1), { sampling_step: -3, sampling_steps: 'x', job_timestamp: 7 }, { progress: 7 });
    const { address } = await server(odd, JSON.stringify({ state: null, progress: null }));
    expect(await all(readA1111Steps(address, { interval: 1 }))).toMatchObject([
      { step: 0, steps: undefined, progress: 1, job: undefined },
    ]);
  });
});
