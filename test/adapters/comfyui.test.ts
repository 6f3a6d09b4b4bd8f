// ComfyUI's socket, spoken by a real WebSocket server as protocol.py, server.py and comfy_execution/progress.py write it.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { readComfyuiSteps } from '../../src/adapters/comfyui';
import { LatentPreviewError } from '../../src/index';
import type { ImageStep, LatentStep } from '../../src/stream/index';
import { documentedPacket, packet } from '../stream/packets';
import { all, bytesOf, jpeg, png } from './pictures';

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
/** `send_bytes`: the event's number, then its data. */
const event = (number: number, ...parts: Uint8Array[]): Buffer => Buffer.concat([u32(number), ...parts]);
const json = (type: string, data: object): string => JSON.stringify({ type, data });
const preview = (kind: number, image: Buffer): Buffer => event(1, u32(kind), image);
function previewWithMetadata(metadata: object, image: Buffer): Buffer {
  const text = Buffer.from(JSON.stringify(metadata));
  return event(4, u32(text.length), text, image);
}
const nodeText = (node: string, text: string): Buffer =>
  event(3, u32(Buffer.byteLength(node)), Buffer.from(node), Buffer.from(text));

let server: WebSocketServer;
let address = '';
beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/ws' });
  await once(server, 'listening');
  address = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`;
});
afterAll(() => void server.close());
// Node 20 has none; the browser's is in browser/adapters.spec.ts.
beforeEach(() => void vi.stubGlobal('WebSocket', WebSocket));
afterEach(() => {
  vi.unstubAllGlobals();
  for (const client of server.clients) client.terminate();
});

/** What the server sees of the next client, and its first message. */
async function visitor(): Promise<{ there: WebSocket; request: IncomingMessage; first: Promise<string> }> {
  const [there, request] = (await once(server, 'connection')) as [WebSocket, IncomingMessage];
  const first = once(there, 'message').then(([data]) => String(data));
  return { there, request, first };
}

/** A connected pair, for those who bring their own. */
async function connect(): Promise<{ here: WebSocket; there: WebSocket }> {
  const incoming = visitor();
  const here = new WebSocket(`${address}?clientId=me`);
  const [{ there }] = await Promise.all([incoming, once(here, 'open')]);
  return { here, there };
}

describe('an address', () => {
  it('119 is asked for previews with metadata; pictures and latents come with their steps, in order', async () => {
    const incoming = visitor();
    const steps = readComfyuiSteps(`${address.replace('ws', 'http')}?clientId=me`, { job: 'p1' });
    const { there, request, first } = await incoming;
    expect(request.url).toBe('/ws?clientId=me');
    expect(JSON.parse(await first)).toEqual({ type: 'feature_flags', data: { supports_preview_metadata: true } });
    const ids = { node_id: '3', prompt_id: 'p1', display_node_id: '3', parent_node_id: null, real_node_id: '3' };
    const state = (value: number) => ({ '3': { value, max: 20, state: 'running', ...ids } });
    there.send(json('status', { status: { exec_info: { queue_remaining: 1 } }, sid: 'me' }));
    there.send(json('feature_flags', { supports_preview_metadata: true, max_upload_size: 104857600 }));
    there.send(json('execution_start', { prompt_id: 'p1', timestamp: 1 }));
    there.send(json('progress_state', { prompt_id: 'p1', nodes: state(1) }));
    there.send(previewWithMetadata({ ...ids, image_type: 'image/jpeg' }, jpeg(10)));
    there.send(json('progress', { value: 1, max: 20, prompt_id: 'p1', node: '3' }));
    // The node of examples/comfyui: the event's number is the packet's first four bytes.
    there.send(documentedPacket());
    there.send(event(77, Buffer.from('of another node')));
    there.send(json('progress_state', { prompt_id: 'p1', nodes: state(2) }));
    there.send(previewWithMetadata({ ...ids, prompt_id: 'p2', image_type: 'image/jpeg' }, jpeg(99)));
    there.send(previewWithMetadata({ ...ids, image_type: 'image/jpeg' }, jpeg(20)));
    there.send(json('executing', { node: null, prompt_id: 'p1' }));
    const [one, latents, two, ...more] = await all(steps);
    expect(more).toEqual([]);
    expect(one).toMatchObject({ step: 1, steps: 20, progress: 0.05, job: 'p1', node: '3', size: undefined, missed: 0 });
    expect(await bytesOf(one as ImageStep)).toEqual(jpeg(10));
    expect((one as ImageStep).image.type).toBe('image/jpeg');
    expect((latents as LatentStep).latents.tensor.shape).toEqual([1, 4, 1, 2]);
    expect(latents).toMatchObject({ step: 7, steps: 30, formatId: 'sdxl' });
    expect(two).toMatchObject({ step: 2, steps: 20, progress: 0.1 });
    expect(await bytesOf(two as ImageStep)).toEqual(jpeg(20));
    // Closed with the prompt's end.
    await once(there, 'close');
  });

  it('121 is connected to again where the socket breaks, and closed by break', async () => {
    const incoming = visitor();
    const steps = readComfyuiSteps(`${address}?clientId=me`);
    const before = await incoming;
    before.there.send(preview(1, jpeg(1)));
    expect((await steps.next()).value).toMatchObject({ step: 0, steps: undefined, node: undefined });
    const again = visitor();
    before.there.terminate();
    const after = await again;
    expect(JSON.parse(await after.first)).toMatchObject({ type: 'feature_flags' });
    after.there.send(preview(2, png(2)));
    const { value } = await steps.next();
    expect(await bytesOf(value as ImageStep)).toEqual(png(2));
    const closed = once(after.there, 'close');
    await steps.return?.();
    await closed;
  });

  it('where nobody answers is an error after so many tries; so is one that is none, and a runtime without sockets', async () => {
    const nobody = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(nobody, 'listening');
    const { port } = nobody.address() as AddressInfo;
    nobody.close();
    await expect(readComfyuiSteps(`ws://127.0.0.1:${port}/ws`, { retries: 1 }).next()).rejects.toMatchObject({
      code: 'file',
      message: expect.stringMatching(/^comfyui: ws:.*\/ws: the socket closed with code 1006, 2 times in a row; is the/),
    });
    expect(() => readComfyuiSteps('not an address')).toThrow("comfyui: 'not an address' is no address");
    vi.stubGlobal('WebSocket', undefined);
    expect(() => readComfyuiSteps(address)).toThrow('this runtime has no WebSocket; pass a socket of your own');
  });

  it('is let go by the signal while it connects, and while a read waits', async () => {
    const abort = new AbortController();
    const steps = readComfyuiSteps(address, { signal: abort.signal });
    const waiting = steps.next();
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    const incoming = visitor();
    const later = new AbortController();
    const reading = readComfyuiSteps(address, { signal: later.signal }).next();
    const { there } = await incoming;
    const closed = once(there, 'close');
    later.abort(new Error('stop'));
    await expect(reading).rejects.toThrow('stop');
    await closed;
  });
});

describe('a socket of the caller’s', () => {
  it.each(['arraybuffer', 'nodebuffer', 'blob'] as const)('is listened to: previews of event 1, %s', async (type) => {
    const { here, there } = await connect();
    here.binaryType = type as 'arraybuffer';
    let said = '';
    there.on('message', (data) => {
      said += String(data);
    });
    const texts: string[] = [];
    const steps = readComfyuiSteps(here, { onText: (text, node) => texts.push(`${node}: ${text}`) });
    there.send(json('execution_start', { prompt_id: 'p1' }));
    there.send(json('executing', { node: '3', display_node: '3', prompt_id: 'p1' }));
    there.send(nodeText('3', 'Denoising, größer'));
    there.send(json('progress', { value: 4, max: 10, prompt_id: 'p1', node: '3' }));
    there.send(preview(1, jpeg(30)));
    // Labelled PNG, and a JPEG all the same.
    there.send(preview(2, jpeg(31)));
    there.send(event(2, Buffer.from('never on the wire')));
    there.send('no JSON');
    there.send(packet({ fields: { 5: [1, 7] } }));
    there.close(1000);
    const found = await all(steps);
    expect(found).toMatchObject([
      { step: 4, steps: 10, progress: 0.4, job: 'p1', node: '3' },
      { step: 4, steps: 10 },
    ]);
    expect((found as ImageStep[]).map(({ image }) => image.type)).toEqual(['image/jpeg', 'image/jpeg']);
    expect(texts).toEqual(['3: Denoising, größer']);
    expect([said, here.binaryType]).toEqual(['', type]);
  });
  it('stays open: at a prompt’s end, by break, and can be read on', async () => {
    const { here, there } = await connect();
    const before = here.listenerCount('message');
    for (const type of ['execution_success', 'execution_error', 'execution_interrupted']) {
      const steps = all(readComfyuiSteps(here, { job: 'p1' }));
      there.send(json('execution_success', { prompt_id: 'p0' }));
      there.send(json('progress', { value: 1, max: 2, prompt_id: 'p0', node: '3' }));
      there.send(preview(1, jpeg(1)));
      there.send(json('progress', { value: 1, max: 2, prompt_id: 'p1', node: '3' }));
      there.send(preview(1, jpeg(2)));
      there.send(json(type, { prompt_id: 'p1' }));
      const found = (await steps) as ImageStep[];
      expect(await Promise.all(found.map(bytesOf))).toEqual([jpeg(2)]);
    }
    expect([here.readyState, here.listenerCount('message')]).toEqual([WebSocket.OPEN, before]);
    here.terminate();
  });
  it('keeps the newest where nobody reads, text not counted', async () => {
    const { here, there } = await connect();
    const steps = readComfyuiSteps(here, { maxWaiting: 2 });
    for (let value = 1; value <= 5; value++) {
      there.send(json('progress', { value, max: 5, prompt_id: 'p', node: '3' }));
      there.send(nodeText('3', 'text'));
      there.send(preview(1, jpeg(value)));
    }
    there.close();
    await once(here, 'close');
    expect((await all(steps)).map(({ step, missed }) => [step, missed])).toEqual([
      [4, 3],
      [5, 0],
    ]);
  });
  it('that breaks off is told', async () => {
    const { here, there } = await connect();
    const reading = all(readComfyuiSteps(here));
    there.terminate();
    await expect(reading).rejects.toThrow('the socket closed with code 1006');
  });
});

describe('119 a damaged message ends the loop with what is wrong, and what came before it stays', () => {
  const cut = jpeg(1);
  it.each([
    ['three bytes', Buffer.from([0, 0, 1]), 'a binary message of 3 bytes'],
    ['none', Buffer.alloc(0), 'a binary message of 0 bytes'],
    ['event 1 without a kind', event(1, Buffer.from([0, 0])), 'event 1: 6 bytes; the kind of picture is at byte 4'],
    ['event 1 without a picture', event(1, u32(1)), 'event 1: 0 bytes are no JPEG'],
    ['event 1 of something else', event(1, u32(1), Buffer.from('<html>')), 'begin with 3c 68 74 6d are no JPEG'],
    ['event 4 cut', event(4, Buffer.from([0])), 'event 4: 5 bytes; the length of the metadata is at byte 4'],
    [
      'event 4, metadata past the end',
      event(4, u32(5000), cut),
      `the metadata ends at byte 5008, the message has ${8 + cut.length}`,
    ],
    ['event 4, 4 GiB of metadata', event(4, u32(0xffffffff), cut), 'the metadata ends at byte 4294967303'],
    ['event 4, no JSON', event(4, u32(3), Buffer.from('{a}'), cut), 'event 4: byte 8: 3 bytes of metadata are no JSON'],
    ['event 4, a list', event(4, u32(2), Buffer.from('[]'), cut), '2 bytes of metadata are no JSON object'],
    ['event 4 without a picture', previewWithMetadata({}, Buffer.alloc(0)), 'event 4: 0 bytes are no JPEG'],
    ['event 3, its node past the end', event(3, u32(9), Buffer.from('3')), "the node's id ends at byte 17"],
    ['latents that are cut', documentedPacket().subarray(0, 100), 'said to have 120 bytes, got 100'],
    ['latents of another version', packet({ fields: { 4: [1, 9] } }), 'version 9'],
  ] as const)('%s', async (_, message, said) => {
    for (const binaryType of ['nodebuffer', 'blob'] as const) {
      const { here, there } = await connect();
      here.binaryType = binaryType as 'nodebuffer';
      const steps = readComfyuiSteps(here);
      there.send(preview(1, jpeg(1)));
      there.send(message);
      expect((await steps.next()).value).toHaveProperty('image');
      const error = await steps.next().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(LatentPreviewError);
      expect((error as LatentPreviewError).code).toBe('file');
      expect((error as Error).message).toContain(said);
      expect(await steps.next()).toEqual({ done: true, value: undefined });
      here.terminate();
    }
  });
});
