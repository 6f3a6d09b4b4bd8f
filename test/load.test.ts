// Sources, progress, cancellation and network errors of loadLatents and loadWeights.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dump } from 'npyjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LatentPreviewError, loadLatents, loadWeights, type Progress } from '../src/index';
import { entry, safetensorsFile } from './files/build';

const values = Float32Array.from({ length: 64 }, (_, i) => i / 8);
const file = new Uint8Array(dump(values, [1, 4, 4, 4]));

let server: Server;
let base = '';
beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url ?? '';
    if (path === '/good.npy') response.setHeader('content-length', file.length).end(file);
    else if (path === '/no-length.npy') response.write(file.subarray(0, 100), () => response.end(file.subarray(100)));
    else if (path === '/short.npy') {
      response.setHeader('content-length', file.length);
      response.write(file.subarray(0, 100), () => response.destroy());
    } else if (path === '/stalled.npy') response.setHeader('content-length', file.length).write(file.subarray(0, 100));
    else if (path === '/page.npy')
      response.setHeader('content-type', 'text/html').end('<!doctype html><h1>Not here</h1>');
    else response.writeHead(404, 'Not Found').end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const failure = (loading: Promise<unknown>): Promise<string> =>
  loading.then(
    () => 'nothing was thrown',
    (error: unknown) => (error instanceof LatentPreviewError ? `${error.code}: ${error.message}` : `untyped: ${error}`),
  );

describe('sources', () => {
  const view = new Uint8Array(file.length + 5);
  view.set(file, 3);
  const shared = new SharedArrayBuffer(file.length);
  new Uint8Array(shared).set(file);
  const cases: [string, () => Parameters<typeof loadLatents>[0]][] = [
    ['ArrayBuffer', () => file.slice().buffer],
    ['Uint8Array', () => file],
    ['a view at an odd offset', () => view.subarray(3, 3 + file.length)],
    ['a DataView', () => new DataView(file.slice().buffer)],
    ['a Node Buffer', () => Buffer.from(file)],
    ['shared memory', () => new Uint8Array(shared)],
    ['a Blob', () => new Blob([file])],
    ['a File', () => new File([file], 'anything.bin')],
    ['a Response', () => new Response(file)],
    ['a URL string', () => `${base}/good.npy`],
    ['a URL', () => new URL(`${base}/good.npy`)],
    ['a server that names no length', () => `${base}/no-length.npy`],
  ];
  for (const [name, source] of cases)
    it(name, async () => {
      const { tensor, domain, domainFrom } = await loadLatents(source());
      expect(tensor.shape).toEqual([1, 4, 4, 4]);
      expect('data' in tensor && tensor.data).toEqual(values);
      expect([domain, domainFrom]).toEqual(['model', 'default']);
    });

  it('raw bytes with a shape and a dtype, unaligned', async () => {
    const raw = new Uint8Array(17);
    new DataView(raw.buffer).setUint16(1, 0x3c00, true);
    const { tensor } = await loadLatents(raw.subarray(1), { shape: [8], dtype: 'float16' });
    expect(tensor.dtype).toBe('float16');
    expect('data' in tensor && tensor.data[0]).toBe(0x3c00);
    const wrong = await failure(loadLatents(raw, { shape: [8], dtype: 'float16' }));
    expect(wrong).toMatch(/^shape: .*16 bytes, got 17/);
  });
  it('what the caller says is kept', async () => {
    const latents = await loadLatents(file, { domain: 'vae', format: 'sdxl' });
    expect([latents.domain, latents.domainFrom, latents.format?.id]).toEqual(['vae', 'caller', 'sdxl']);
  });
  it('weights by name', async () => expect([...(await loadWeights(file)).keys()]).toEqual(['']));
});

describe('60 the domain that a ComfyUI .latent implies', () => {
  const latent = (channels: number, marker: boolean): Uint8Array => {
    const tensors = { latent_tensor: entry('F32', [1, channels, 1, 1], 0, channels * 4) };
    const version = { latent_format_version_0: entry('F32', [0], 0, 0) };
    return safetensorsFile(marker ? { ...version, ...tensors } : tensors, new Uint8Array(channels * 4));
  };
  const cases = [
    ['raw, with the marker', latent(4, true), 'vae'],
    ['as the sampler saw it, without the marker', latent(4, false), 'model'],
    ['normalised, for FLUX.2', latent(128, true), 'model'],
  ] as const;
  for (const [name, bytes, domain] of cases)
    it(name, async () => {
      const latents = await loadLatents(bytes);
      expect([latents.domain, latents.domainFrom]).toEqual([domain, 'file']);
      expect((await loadLatents(bytes, { domain: 'vae' })).domainFrom).toBe('caller');
    });
});

describe('progress and cancellation', () => {
  it('counts up to the total', async () => {
    const seen: Progress[] = [];
    await loadLatents(`${base}/good.npy`, { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ loaded: file.length, total: file.length });
  });
  it('116 has no total where the server names none', async () => {
    const seen: Progress[] = [];
    await loadLatents(`${base}/no-length.npy`, { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ loaded: file.length, total: undefined });
  });
  it('115 rejects with the signal’s reason before and during a download', async () => {
    const reason = new Error('the user went elsewhere');
    await expect(loadLatents(`${base}/good.npy`, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const loading = loadLatents(`${base}/stalled.npy`, {
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    await expect(loading).rejects.toBe(reason);
    const blob = new AbortController();
    const reading = loadLatents(new Blob([file]), { signal: blob.signal, onProgress: () => blob.abort(reason) });
    await expect(reading).rejects.toBe(reason);
  });
});

describe('what goes wrong on the way is a file error', () => {
  it('113 404', async () =>
    expect(await failure(loadLatents(`${base}/none.npy`))).toMatch(/^file: .*none\.npy answered 404 Not Found/));
  it('113 a page instead of a file', async () =>
    expect(await failure(loadLatents(`${base}/page.npy`))).toMatch(/^file: .*HTML/));
  it('cut short', async () => expect(await failure(loadLatents(`${base}/short.npy`))).toMatch(/^file: .*broke off/));
  it('113 no server', async () =>
    expect(await failure(loadLatents('http://127.0.0.1:9/x.npy'))).toMatch(/^file: .*could not be fetched/));
  it('empty', async () => expect(await failure(loadLatents(new Uint8Array(0)))).toMatch(/^file: .*empty/));
  it('26 memory that was given away', async () => {
    for (const source of [file.slice(), file.slice().buffer]) {
      structuredClone(source, { transfer: [source instanceof ArrayBuffer ? source : source.buffer] });
      expect(await failure(loadLatents(source))).toMatch(/^file: .*the bytes are detached/);
    }
  });
  it('not a source', async () =>
    expect(await failure(loadLatents(42 as never))).toMatch(/^file: .*cannot read from Number/));
});
