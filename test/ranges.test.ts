// Parts of files: of a server that takes range requests, and of a Blob, only the header and the wanted tensor are read.
// A real server counts the bytes; servers that do without ranges, or do them wrong, still give the right tensor.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listTensors, loadLatents, loadWeights, type Progress } from '../src/index';
import { entry, expectRejection, floats, join, npyFile, safetensorsFile } from './files/build';
import { zipFile } from './files/build-zip';

// 40 MB, the wanted tensor in the middle.
const others = 5_000_000;
const wanted = floats(...Array.from({ length: 64 }, (_, k) => k / 8));
const large = safetensorsFile(
  {
    __metadata__: { prompt: 'a cat' },
    before: entry('F32', [others], 0, others * 4),
    wanted: entry('F32', [1, 4, 4, 4], others * 4, others * 4 + 256),
    after: entry('F32', [others], others * 4 + 256, others * 8 + 256),
  },
  join(new Uint8Array(others * 4), wanted, new Uint8Array(others * 4)),
);
// Above the head and below what is fetched in one piece.
const filler = npyFile({ shape: '(1, 4, 100, 500)', data: new Uint8Array(800_000) });
const small = zipFile([
  { name: 'a.npy', data: filler },
  { name: 'wanted.npy', data: npyFile({ shape: '(1, 4, 4, 4)', data: wanted }) },
]);
const tiny = npyFile({ shape: '(1, 4, 4, 4)', data: wanted });

let server: Server;
let base = '';
let sent = 0;
let requests: (string | undefined)[] = [];

type Answer = [status: number, headers: Record<string, string>, body: Uint8Array];

/** `fault`: how the server differs from a good one, by the first part of the path. */
function answer({ url = '', headers: { range } }: IncomingMessage): Answer {
  const [, fault = '', name = ''] = url.split('/');
  const file = name === 'large' ? large : name === 'small' ? small : name === 'empty' ? new Uint8Array() : tiny;
  const again = requests.push(range) > 1;
  const asked = /^bytes=(\d+)-(\d+)$/.exec(range ?? '');
  if (!asked || fault === 'ignores' || (fault === 'stops' && again)) return [200, {}, file];
  const begin = Number(asked[1]);
  const end = Math.min(Number(asked[2]) + 1, file.length);
  if (begin >= file.length) return [416, { 'content-range': `bytes */${file.length}` }, new Uint8Array()];
  const part = file.subarray(begin, end);
  const place = `bytes ${begin}-${end - 1}`;
  const headers = { 'content-range': `${place}/${file.length}` };
  if (fault === 'refuses') return [403, {}, new Uint8Array()];
  if (fault === 'nameless') return [206, {}, part];
  if (fault === 'shifted') return [206, { 'content-range': `bytes ${begin + 1}-${end}/${file.length}` }, part];
  if (fault === 'unknown') return [206, { 'content-range': `${place}/*` }, part];
  if (fault === 'changes' && again) return [206, { ...headers, etag: '"2"' }, part];
  if (fault === 'grows' && again) return [206, { 'content-range': `${place}/${file.length + 1}` }, part];
  if (fault === 'short' && again) return [206, headers, part.subarray(1)];
  return [206, headers, part];
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const [status, headers, body] = answer(request);
    response.writeHead(status, { etag: '"1"', ...headers, 'content-length': body.length });
    response.end(body);
    sent += body.length;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  sent = 0;
  requests = [];
});

const values = new Float32Array(wanted.buffer);
const check = async (address: string, key = 'wanted') => {
  const { tensor, metadata } = await loadLatents(`${base}/${address}`, { key });
  expect('data' in tensor && tensor.data).toEqual(values);
  return metadata;
};

describe('61 a server with ranges', () => {
  it('sends of a large file the header and the wanted tensor', async () => {
    expect([...((await check('good/large')) ?? [])]).toEqual([['prompt', 'a cat']]);
    expect(requests).toHaveLength(2);
    expect(sent).toBe(2 ** 18 + 256);
  });
  it('sends of a large file the header, for a list of its tensors', async () => {
    const list = await listTensors(`${base}/good/large`);
    expect(list.map(({ name, shape }) => [name, shape])).toEqual([
      ['before', [others]],
      ['wanted', [1, 4, 4, 4]],
      ['after', [others]],
    ]);
    expect(sent).toBe(2 ** 18);
  });
  it('sends a file of some megabytes in two pieces, whatever is read of it', async () => {
    await check('good/small');
    expect(requests).toEqual([`bytes=0-${2 ** 18 - 1}`, `bytes=${2 ** 18}-${small.length - 1}`]);
    expect(sent).toBe(small.length);
  });
  it('sends a small file at once', async () => {
    await check('good/tiny', '');
    expect(requests).toHaveLength(1);
    expect(sent).toBe(tiny.length);
  });
  it('is asked for the whole where all is needed', async () => {
    expect((await loadWeights(`${base}/good/small`)).size).toBe(2);
    expect(requests).toEqual([undefined]);
    const { tensor } = await loadLatents(`${base}/good/small`, { shape: [small.length], dtype: 'uint8' });
    expect('data' in tensor && tensor.data.length).toBe(small.length);
    expect(requests).toEqual([undefined, undefined]);
  });
  it('counts progress over the parts', async () => {
    const seen: Progress[] = [];
    await loadLatents(`${base}/good/large`, { key: 'wanted', onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ loaded: 2 ** 18 + 256, total: 2 ** 18 + 256 });
    for (const [k, { loaded }] of seen.entries()) expect(loaded).toBeGreaterThan(seen[k - 1]?.loaded ?? 0);
  });
  it('is not asked again once the signal aborts', async () => {
    const controller = new AbortController();
    const reason = new Error('the user went elsewhere');
    const onProgress = () => controller.abort(reason);
    const loading = loadLatents(`${base}/good/large`, { key: 'wanted', signal: controller.signal, onProgress });
    await expect(loading).rejects.toBe(reason);
    expect(requests).toHaveLength(1);
  });
});

describe('61 a server without ranges, or with wrong ones, gives the same tensor', () => {
  it.each(['ignores', 'nameless', 'shifted', 'unknown', 'refuses', 'stops'])('%s', async (fault) => {
    await check(`${fault}/large`);
  });
  it('one that ignores them is asked once', async () => {
    await check('ignores/large');
    expect(requests).toHaveLength(1);
    expect(sent).toBe(large.length);
  });
  it('an empty file, of which no range can be had', () =>
    expectRejection(loadLatents(`${base}/good/empty`), /^file: empty, 0 bytes/));
  it.each(['changes', 'grows'])('%s: a file of two versions is no file', (fault) =>
    expectRejection(
      loadLatents(`${base}/${fault}/large`, { key: 'wanted' }),
      /changed while it was read; load it again/,
    ),
  );
  it('short: a part that is shorter than said', () =>
    expectRejection(loadLatents(`${base}/short/large`, { key: 'wanted' }), /broke off while it was read/));
});

describe('a Blob', () => {
  it('is read where it is needed', async () => {
    let read = 0;
    class Counted extends Blob {
      override slice(begin = 0, end = this.size): Blob {
        read += end - begin;
        return super.slice(begin, end);
      }
    }
    const blob = new Counted([large as Uint8Array<ArrayBuffer>]);
    const { tensor } = await loadLatents(blob, { key: 'wanted' });
    expect('data' in tensor && tensor.data).toEqual(values);
    expect(read).toBeLessThan(1000);
    read = 0;
    expect(await listTensors(blob)).toHaveLength(3);
    expect(read).toBeLessThan(1000);
  });
  it('of a few megabytes is read once, with progress up to its size', async () => {
    const seen: Progress[] = [];
    await loadLatents(new Blob([small as Uint8Array<ArrayBuffer>]), {
      key: 'wanted',
      onProgress: (progress) => seen.push(progress),
    });
    expect(seen.at(-1)).toEqual({ loaded: small.length, total: small.length });
  });
  it('of the wrong size for its shape is not read', async () => {
    const blob = new Blob([new Uint8Array(5_000_000)]);
    blob.slice = () => {
      throw new Error('read');
    };
    const reading = loadLatents(blob, { shape: [1, 4, 4, 4] });
    await expect(reading).rejects.toThrow('float32 of shape (1, 4, 4, 4) needs 256 bytes, got 5000000');
  });
});
