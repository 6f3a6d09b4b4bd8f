// readLatentSteps over what packets come through: bodies cut anywhere, real sockets, events, iterables; aborts, breaks, ends.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { LatentPreviewError } from '../../src/index';
import { type LatentStep, readLatentSteps, type StepSource } from '../../src/stream/index';
import { documentedPacket, packet } from './packets';

/** Packets whose first number and step are `k`. */
const numbered = (k: number): Uint8Array<ArrayBuffer> =>
  packet({ bytes: new Uint8Array(24).fill(k), fields: { 40: [4, k] } });
const join = (...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(parts.flatMap((p) => [...p]));

const stepOf = ({ step, latents }: LatentStep): number => {
  const { data } = latents.tensor as { data: Float32Array };
  expect(data[0]).toBeCloseTo((step / 255 - 0.5) * 6, 5);
  return step;
};

async function steps(source: StepSource, options?: Parameters<typeof readLatentSteps>[1]): Promise<number[]> {
  const found: number[] = [];
  for await (const step of readLatentSteps(source, options)) found.push(stepOf(step));
  return found;
}

const bodyOf = (...chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

describe('a body', () => {
  const three = join(numbered(1), numbered(2), numbered(3));
  it.each([1, 7, 11, 12, 13, 103, 104, 105, 150, 1000])('in pieces of %d bytes', async (length) => {
    const pieces = Array.from({ length: Math.ceil(three.length / length) }, (_, k) =>
      three.subarray(k * length, (k + 1) * length),
    );
    expect(await steps(bodyOf(...pieces))).toEqual([1, 2, 3]);
  });
  it('with packets of other kinds between, whatever is in them', async () => {
    const other = packet({ fields: { 5: [1, 200], 12: [1, 99], 14: [1, 77] } });
    expect(await steps(bodyOf(other, numbered(1), other, numbered(2)))).toEqual([1, 2]);
  });
  it('that ends within a packet gives what came before', async () => {
    const found: number[] = [];
    const reading = (async () => {
      for await (const step of readLatentSteps(bodyOf(three.subarray(0, 150)))) found.push(stepOf(step));
    })();
    await expect(reading).rejects.toThrow('the stream ended after 46 of its 104 bytes');
    expect(found).toEqual([1]);
    await expect(steps(bodyOf(numbered(1).subarray(0, 5)))).rejects.toThrow('ended after 5 of its unknown bytes');
  });
  it('whose steps keep their numbers when more comes', async () => {
    const first = documentedPacket();
    const second = documentedPacket();
    second.fill(0x55, 104);
    const steps = [];
    for await (const step of readLatentSteps(bodyOf(join(first, second.subarray(0, 60)), second.subarray(60))))
      steps.push(step);
    const numbers = steps.map(({ latents }) => (latents.tensor as { data: Uint16Array }).data[1]);
    expect(numbers).toEqual([0x3c00, 0x5555]);
  });
  it('with anything else between packets is refused', async () => {
    await expect(steps(bodyOf(numbered(1), new Uint8Array([10]), numbered(2)))).rejects.toMatchObject({ code: 'file' });
  });
  it('that promises much is not believed before it comes', async () => {
    const { arrayBuffers } = process.memoryUsage();
    const promises = packet({ fields: { 8: [4, 2 ** 28] } });
    await expect(steps(bodyOf(promises))).rejects.toThrow(`ended after 104 of its ${2 ** 28} bytes`);
    expect(process.memoryUsage().arrayBuffers - arrayBuffers).toBeLessThan(2 ** 24);
    const more = packet({ fields: { 8: [4, 2 ** 31] } });
    await expect(steps(bodyOf(more))).rejects.toThrow('more than the 268435456 allowed');
  });
  it('is read no faster than its steps are asked for', async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled++;
          controller.enqueue(numbered(pulled));
        },
      },
      { highWaterMark: 0 },
    );
    const reading = readLatentSteps(body);
    await reading.next();
    await reading.next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(pulled).toBe(2);
    await reading.return?.();
  });
  it('is cancelled by break, and by the signal while a read waits', async () => {
    let cancelled = 0;
    const endless = () =>
      new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(numbered(1)),
        cancel: () => void cancelled++,
      });
    for await (const step of readLatentSteps(endless())) {
      expect(step.step).toBe(1);
      break;
    }
    expect(cancelled).toBe(1);
    const abort = new AbortController();
    const reading = readLatentSteps(endless(), { signal: abort.signal });
    await reading.next();
    const waiting = reading.next();
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(reading.next()).rejects.toThrow('enough');
    expect(cancelled).toBe(2);
  });
  it('may come as a response, whose errors are told', async () => {
    expect(await steps(new Response(bodyOf(three)))).toEqual([1, 2, 3]);
    expect(() => readLatentSteps(new Response('no', { status: 404, statusText: 'Not Found' }))).toThrow(
      'stream: the response answered 404 Not Found',
    );
    expect(() => readLatentSteps(new Response(null, { status: 204 }))).toThrow('answered 204, without a body');
  });
  it('that breaks off is told', async () => {
    const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new TypeError('reset')) });
    await expect(steps(broken)).rejects.toMatchObject({
      code: 'file',
      message: 'stream: the body broke off while it was read; try again',
    });
  });
});

describe('an async iterable', () => {
  it('such as a stream of Node’s', async () => {
    const rest = join(numbered(2), numbered(3));
    const pieces = [numbered(1), rest.subarray(0, 9), rest.subarray(9)];
    expect(await steps(Readable.from(pieces))).toEqual([1, 2, 3]);
  });
  it('of text is refused', async () => {
    await expect(steps(Readable.from(['LATP']) as never)).rejects.toThrow('stream: it gave string, not bytes');
  });
  it('is let go while it waits', async () => {
    let returned = false;
    const never = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<IteratorResult<Uint8Array>>(() => {}),
        return: async () => {
          returned = true;
          return { done: true as const, value: undefined };
        },
      }),
    };
    const reading = readLatentSteps(never);
    const waiting = reading.next();
    await reading.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(returned).toBe(true);
  });
});

describe('a WebSocket', () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  let address = '';
  beforeAll(async () => {
    if (!server.address()) await once(server, 'listening');
    address = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  /** A connected pair. */
  async function connect(): Promise<{ here: WebSocket; there: WebSocket }> {
    const incoming = once(server, 'connection');
    const here = new WebSocket(address);
    const [there] = (await incoming) as [WebSocket];
    if (here.readyState !== WebSocket.OPEN) await once(here, 'open');
    return { here, there };
  }

  it('119 with text and others’ binary messages, such as ComfyUI’s, between', async () => {
    const { here, there } = await connect();
    const reading = steps(here);
    there.send('{"type":"status"}');
    there.send(Uint8Array.from([0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xd8, 0xff]));
    there.send(numbered(1));
    there.send(Uint8Array.from([0, 0, 0]));
    there.send(packet({ fields: { 5: [1, 7] } }));
    there.send(numbered(2));
    there.close(1000);
    expect(await reading).toEqual([1, 2]);
  });
  it.each(['arraybuffer', 'nodebuffer', 'blob'] as const)('whose binary type is %s', async (type) => {
    const { here, there } = await connect();
    // A browser's gives blobs unless told otherwise.
    here.binaryType = type as 'arraybuffer';
    const reading = steps(here);
    there.send(Uint8Array.from([9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]));
    there.send(numbered(5));
    there.close(1000);
    expect(await reading).toEqual([5]);
    expect(here.binaryType).toBe(type);
  });
  it('is listened to from the call on, before the first read', async () => {
    const { here, there } = await connect();
    const reading = readLatentSteps(here);
    there.send(numbered(1));
    there.send(numbered(2));
    there.close();
    await once(here, 'close');
    expect([(await reading.next()).value?.step, (await reading.next()).value?.step]).toEqual([1, 2]);
    expect((await reading.next()).done).toBe(true);
  });
  it('that nobody reads keeps the newest, and says how many it lost', async () => {
    const { here, there } = await connect();
    const reading = readLatentSteps(here, { maxWaiting: 2 });
    for (let k = 1; k <= 6; k++) there.send(numbered(k));
    there.close();
    await once(here, 'close');
    const found = [];
    for await (const { step, missed } of reading) found.push({ step, missed });
    expect(found).toEqual([
      { step: 5, missed: 4 },
      { step: 6, missed: 0 },
    ]);
    expect(() => readLatentSteps(here, { maxWaiting: 0 })).toThrow('maxWaiting 0');
  });
  it('loses no packet to others’ messages', async () => {
    const { here, there } = await connect();
    const reading = readLatentSteps(here, { maxWaiting: 1 });
    there.send(numbered(1));
    there.send(Uint8Array.from([0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xd8, 0xff, 0xe0, 0]));
    there.close();
    await once(here, 'close');
    expect((await reading.next()).value).toMatchObject({ step: 1, missed: 0 });
  });
  it('stays open and is let go: by break, by the signal, by a damaged packet, and can be read on', async () => {
    const { here, there } = await connect();
    const before = here.listenerCount('message');
    const first = readLatentSteps(here);
    expect(here.listenerCount('message')).toBe(before + 1);
    there.send(numbered(1));
    for await (const step of first) {
      expect(step.step).toBe(1);
      break;
    }
    expect(here.listenerCount('message')).toBe(before);
    const abort = new AbortController();
    const waiting = steps(here, { signal: abort.signal });
    abort.abort(new Error('stop'));
    await expect(waiting).rejects.toThrow('stop');
    expect(here.listenerCount('message')).toBe(before);
    const damaged = steps(here);
    there.send(packet({ fields: { 12: [1, 0] } }));
    await expect(damaged).rejects.toThrow('byte 12');
    expect(here.listenerCount('message')).toBe(before);
    const again = steps(here);
    there.send(numbered(2));
    there.close(1000);
    expect(await again).toEqual([2]);
  });
  it('that breaks off, or is closed already, is told', async () => {
    const { here, there } = await connect();
    const reading = steps(here);
    there.terminate();
    await expect(reading).rejects.toThrow('stream: the socket closed with code 1006; is the server running?');
    await expect(steps(here)).rejects.toThrow('stream: the socket is closed already');
    const other = await connect();
    const leaving = steps(other.here);
    other.there.close(1001, 'restart');
    await expect(leaving).rejects.toThrow('closed with code 1001 (restart)');
  });
  it('to nowhere is told', async () => {
    const nobody = createServer().listen(0, '127.0.0.1');
    await once(nobody, 'listening');
    const { port } = nobody.address() as AddressInfo;
    nobody.close();
    const error = await steps(new WebSocket(`ws://127.0.0.1:${port}`)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LatentPreviewError);
    expect((error as Error).message).toContain('code 1006');
  });
  it('whose signal was aborted before is not listened to', async () => {
    const { here } = await connect();
    const before = here.listenerCount('message');
    await expect(steps(here, { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
    expect(here.listenerCount('message')).toBe(before);
    here.terminate();
  });
});

describe('an EventSource', () => {
  // Node has none; the browser's own is in browser/stream.spec.ts.
  class Events extends EventTarget {
    readonly url = 'http://here/steps';
    readyState = 1;
    tell(type: string, data?: string): void {
      this.dispatchEvent(data === undefined ? new Event(type) : new MessageEvent(type, { data }));
    }
  }
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

  it('121 with events of either name, others passed over, connecting again by itself', async () => {
    const events = new Events();
    const reading = readLatentSteps(events);
    events.tell('message', base64(numbered(1)));
    events.tell('message', 'hello');
    events.readyState = 0;
    events.tell('error');
    events.readyState = 1;
    events.tell('latents', base64(numbered(2)));
    events.tell('other', base64(numbered(3)));
    expect([(await reading.next()).value?.step, (await reading.next()).value?.step]).toEqual([1, 2]);
    await reading.return?.();
  });
  it('that is refused is told, and so is data that is not base64', async () => {
    const events = new Events();
    const reading = steps(events);
    events.readyState = 2;
    events.tell('error');
    await expect(reading).rejects.toThrow('stream: http://here/steps gives no events; is the server running');
    const others = new Events();
    const broken = steps(others);
    others.tell('message', 'TEFUU***');
    await expect(broken).rejects.toThrow('is not base64');
  });
});
