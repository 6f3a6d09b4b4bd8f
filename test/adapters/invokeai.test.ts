// InvokeAI's socket.io events: a real WebSocket server that speaks Engine.IO 4 as python-socketio does, and an emitter in
// the place of socket.io's client.

import { EventEmitter, once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { readInvokeaiSteps } from '../../src/adapters/invokeai';
import { LatentPreviewError } from '../../src/index';
import { all, bytesOf, jpeg } from './pictures';

const ids = { timestamp: 1763700000, queue_id: 'default', item_id: 7, batch_id: 'b', origin: null, destination: null };
/** events_common.py's InvocationProgressEvent, dumped. */
const progress = (percentage: number | null, image: object | null, more: object = {}) => ({
  ...ids,
  user_id: 'system',
  session_id: 's',
  invocation: { id: 'n1', type: 'denoise_latents' },
  invocation_source_id: 'denoise',
  message: 'Denoising',
  percentage,
  image,
  ...more,
});
const picture = (level: number) => ({
  width: 1024,
  height: 768,
  dataURL: `data:image/jpeg;base64,${jpeg(level).toString('base64')}`,
});
const status = (item: number, now: string) => ({ ...ids, item_id: item, status: now, session_id: 's' });

let server: WebSocketServer;
let address = '';
beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/ws/socket.io/' });
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
beforeEach(() => void vi.stubGlobal('WebSocket', WebSocket));
afterEach(() => {
  vi.unstubAllGlobals();
  for (const client of server.clients) client.terminate();
});

/** The next client as the server sees it. */
async function visitor({ pingInterval = 25_000, pingTimeout = 20_000 } = {}) {
  const [socket, request] = (await once(server, 'connection')) as [WebSocket, IncomingMessage];
  const heard: string[] = [];
  const waiting: ((text: string) => void)[] = [];
  socket.on('message', (data, binary) => {
    expect(binary).toBe(false);
    heard.push(String(data));
    waiting.shift()?.(String(data));
  });
  const next = () => new Promise<string>((resolve) => waiting.push(resolve));
  const emit = (event: string, data: object) => socket.send(`42${JSON.stringify([event, data])}`);
  const greet = async (): Promise<string> => {
    const answer = next();
    socket.send(
      `0{"sid":"e1","upgrades":[],"pingTimeout":${pingTimeout},"pingInterval":${pingInterval},"maxPayload":1000000}`,
    );
    return answer;
  };
  /** Up to the subscription. */
  const accept = async (): Promise<string> => {
    await greet();
    const subscription = next();
    socket.send('40{"sid":"s1"}');
    return subscription;
  };
  return { socket, request, heard, next, emit, greet, accept };
}

describe('an address', () => {
  it('is subscribed to, its pings answered; each picture comes with how much is done, to the end of its item', async () => {
    const incoming = visitor();
    const steps = readInvokeaiSteps(address, { job: 7, token: 'secret' });
    const { request, socket, next, emit, greet } = await incoming;
    expect(request.url).toBe('/ws/socket.io/?EIO=4&transport=websocket');
    expect(await greet()).toBe('40{"token":"secret"}');
    const subscription = next();
    socket.send('40{"sid":"s1"}');
    expect(await subscription).toBe('42["subscribe_queue",{"queue_id":"default"}]');
    const pong = next();
    socket.send('2');
    expect(await pong).toBe('3');
    emit('queue_item_status_changed', status(7, 'in_progress'));
    emit('invocation_progress', progress(null, null, { message: 'Loading model' }));
    emit('invocation_progress', progress(0.25, picture(1)));
    emit('invocation_progress', progress(0.25, picture(9), { item_id: 8 }));
    emit('invocation_progress', progress(0.25, picture(9), { queue_id: 'other' }));
    emit('model_load_started', { config: {} });
    socket.send('451-["with_attachment",{"_placeholder":true,"num":0}]');
    socket.send(Buffer.from([1, 2, 3]));
    socket.send(`4217${JSON.stringify(['invocation_progress', progress(1, picture(2))])}`);
    emit('queue_item_status_changed', status(8, 'completed'));
    emit('queue_item_status_changed', status(7, 'completed'));
    const found = await all(steps);
    const about = {
      step: 0,
      steps: undefined,
      size: { width: 1024, height: 768 },
      job: '7',
      node: 'denoise',
      missed: 0,
    };
    expect(found).toMatchObject([
      { ...about, progress: 0.25 },
      { ...about, progress: 1 },
    ]);
    expect(await Promise.all(found.map(bytesOf))).toEqual([jpeg(1), jpeg(2)]);
    await once(socket, 'close');
  });
  it('is connected to again, and subscribed to again, where it breaks or falls silent', async () => {
    const incoming = visitor({ pingInterval: 60, pingTimeout: 60 });
    const steps = readInvokeaiSteps(`${address}/`, { queue: 'mine' });
    const first = await incoming;
    expect(await first.accept()).toBe('42["subscribe_queue",{"queue_id":"mine"}]');
    first.emit('invocation_progress', progress(0.1, picture(1), { queue_id: 'mine' }));
    expect((await steps.next()).value).toMatchObject({ progress: 0.1 });
    // Silent: no ping for longer than it promised.
    const second = await visitor();
    await second.accept();
    const third = visitor();
    second.socket.terminate();
    await (await third).accept();
    (await third).emit('invocation_progress', progress(0.2, picture(2), { queue_id: 'mine' }));
    expect((await steps.next()).value).toMatchObject({ progress: 0.2 });
    await steps.return?.();
    await once((await third).socket, 'close');
  });
  it('that refuses is an error at once, one that is not there after so many tries', async () => {
    const incoming = visitor();
    const reading = all(readInvokeaiSteps(address));
    const { greet, socket } = await incoming;
    await greet();
    socket.send('44{"message":"Authentication failed"}');
    await expect(reading).rejects.toMatchObject({
      code: 'file',
      message: expect.stringMatching(
        /^invokeai: ws:.*\/ws\/socket.io\/: refused the connection: Authentication failed; /,
      ),
    });
    const elsewhere = readInvokeaiSteps(`${address}/elsewhere`, { retries: 0 });
    await expect(all(elsewhere)).rejects.toThrow('the socket closed with code 1006, 1 times in a row');
  });
});

/** What is used of socket.io's client. */
class Client extends EventEmitter {
  connected = true;
  readonly sent: unknown[] = [];
  override emit(event: string, data?: unknown): boolean {
    this.sent.push([event, data]);
    return true;
  }
  come(event: string, data?: unknown): void {
    super.emit(event, data);
  }
}

describe('a socket of the caller’s', () => {
  it('is subscribed, again after it was cut off, and let go of at the end', async () => {
    const client = new Client();
    const steps = readInvokeaiSteps(client);
    const subscription = ['subscribe_queue', { queue_id: 'default' }];
    expect(client.sent).toEqual([subscription]);
    client.come('invocation_progress', progress(0.5, picture(1)));
    client.come('disconnect', 'transport close');
    client.come('connect');
    expect(client.sent).toEqual([subscription, subscription]);
    client.come('invocation_progress', progress(0.6, picture(2)));
    expect([(await steps.next()).value?.progress, (await steps.next()).value?.progress]).toEqual([0.5, 0.6]);
    const waiting = steps.next();
    await steps.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(client.eventNames()).toEqual([]);
    const unconnected = Object.assign(new Client(), { connected: false });
    const others = readInvokeaiSteps(unconnected);
    expect(unconnected.sent).toEqual([]);
    unconnected.come('connect');
    expect(unconnected.sent).toEqual([subscription]);
    await others.return?.();
  });
  it('that was closed here is the end, there an error', async () => {
    const [here, there] = [new Client(), new Client()];
    const reading = [all(readInvokeaiSteps(here)), all(readInvokeaiSteps(there))];
    reading[1]!.catch(() => {});
    here.come('disconnect', 'io client disconnect');
    there.come('disconnect', 'io server disconnect');
    expect(await reading[0]).toEqual([]);
    await expect(reading[1]).rejects.toThrow('invokeai: the server closed the connection');
    expect([here.eventNames(), there.eventNames()]).toEqual([[], []]);
  });
  it('gives the newest where nobody reads', async () => {
    const client = new Client();
    const steps = readInvokeaiSteps(client, { maxWaiting: 2 });
    for (let k = 1; k <= 5; k++) client.come('invocation_progress', progress(k / 10, picture(k)));
    client.come('disconnect', 'io client disconnect');
    expect((await all(steps)).map(({ progress, missed }) => [progress, missed])).toEqual([
      [0.4, 3],
      [0.5, 0],
    ]);
  });
  it.each([
    [{ width: 1, height: 1 }, "invokeai: invocation_progress: 'image' has no dataURL"],
    ['text', "'image' has no dataURL"],
    [{ dataURL: 'data:image/jpeg;base64,***' }, '3 characters are not base64'],
    [{ dataURL: 'https://elsewhere/picture.jpg' }, 'are not base64'],
    [{ dataURL: 'data:text/html;base64,PGh0bWw+' }, 'begin with 3c 68 74 6d are no JPEG'],
  ])('with the damaged picture %j ends the loop', async (image, said) => {
    const client = new Client();
    const reading = all(readInvokeaiSteps(client));
    client.come('invocation_progress', progress(0.5, image as object));
    const error = await reading.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LatentPreviewError);
    expect(error).toMatchObject({ code: 'file', message: expect.stringContaining(said) });
    expect(client.eventNames()).toEqual([]);
  });
  it('passes over what is no event of its kind, and sizes that no canvas has', async () => {
    const client = new Client();
    const steps = readInvokeaiSteps(client);
    for (const odd of [undefined, null, 7, 'text', [], {}]) client.come('invocation_progress', odd);
    client.come(
      'invocation_progress',
      progress(Number.NaN, { ...picture(1), width: 1e9 }, { invocation_source_id: 3 }),
    );
    expect((await steps.next()).value).toMatchObject({ progress: undefined, size: undefined, node: undefined });
    await steps.return?.();
  });
});
