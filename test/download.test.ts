// Weights from the network: which URL, one fetch for all, hashes, what is kept, and what goes wrong on the way.

import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type KnownDecoder, knownDecoders } from '../src/decoders/known';
import { cacheName } from '../src/download/kept';
import { formats, LatentPreviewError, loadWeights, type Progress } from '../src/index';
import { entry, floats, safetensorsFile } from './files/build';
import { type MemoryCaches, memoryCaches } from './memory-caches';

const file = Uint8Array.from(
  safetensorsFile({ one: entry('F32', [3], 0, 12), two: entry('F32', [1], 12, 16) }, floats(1, 2, 3, 4)),
);
const sha256 = createHash('sha256').update(file).digest('hex');
const other = 'ab'.repeat(32);
const commit = '0123456789abcdef0123456789abcdef01234567';

/** Paths asked for, and by path what waits to be ended. */
const asked: string[] = [];
const held = new Map<string, ServerResponse[]>();
const server = createServer((request, response) => {
  const path = request.url ?? '';
  asked.push(path);
  if (path.endsWith('.safetensors') || path.startsWith('/good'))
    response.setHeader('content-length', file.length).end(file);
  else if (path.startsWith('/held')) {
    response.setHeader('content-length', file.length);
    response.write(file.subarray(0, 10));
    held.set(path, [...(held.get(path) ?? []), response]);
  } else if (path === '/no-length') response.write(file.subarray(0, 10), () => response.end(file.subarray(10)));
  else if (path === '/short') {
    response.setHeader('content-length', file.length);
    response.write(file.subarray(0, 10), () => response.destroy());
  } else if (path === '/cut') response.end(file.subarray(0, file.length - 4));
  else if (path === '/login') response.setHeader('content-type', 'text/html').end('<!doctype html><h1>Log in</h1>');
  else if (path === '/moved') response.writeHead(302, { location: '/good' }).end();
  else response.writeHead(Number(path.match(/\d+$/)?.[0] ?? 404)).end();
});
let base = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

let caches: MemoryCaches;
beforeEach(() => {
  asked.length = 0;
  held.clear();
  caches = memoryCaches();
  vi.stubGlobal('caches', caches);
});
afterEach(() => vi.unstubAllGlobals());

const values = (weights: Awaited<ReturnType<typeof loadWeights>>): number[] => {
  const tensor = weights.get('one');
  return tensor && 'data' in tensor ? [...(tensor.data as Float32Array)] : [];
};

async function failure(loading: Promise<unknown>): Promise<string> {
  const error = await loading.then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  );
  return error instanceof LatentPreviewError ? `${error.code}: ${error.message}` : `untyped: ${error}`;
}

/** The hub's URLs are answered by the server here; what was asked for is returned. */
function standInForHub(): string[] {
  const urls: string[] = [];
  const { fetch } = globalThis;
  vi.stubGlobal('fetch', (url: string, options: RequestInit) => {
    urls.push(url);
    return fetch(url.replace('https://huggingface.co', base), options);
  });
  return urls;
}

const keptUrls = (): string[] => [...(caches.entries.get(cacheName)?.keys() ?? [])];
const until = async (what: () => boolean): Promise<void> => vi.waitFor(() => expect(what()).toBe(true));
const holding = (path: string): ServerResponse[] => held.get(path) ?? [];
const finish = (path: string): void => {
  for (const response of holding(path)) response.end(file.subarray(10));
};

describe('which file', () => {
  it('a repository’s, at a revision', async () => {
    const urls = standInForHub();
    await loadWeights({ repo: 'some.one/some_net-1', revision: commit, file: 'sub dir/ü#?.safetensors' });
    await loadWeights({ repo: 'a/b', file: 'c.safetensors' });
    await loadWeights({ repo: 'a/b', file: 'c.safetensors', revision: 'refs/pr/1' });
    expect(urls).toEqual([
      `https://huggingface.co/some.one/some_net-1/resolve/${commit}/sub%20dir/%C3%BC%23%3F.safetensors`,
      'https://huggingface.co/a/b/resolve/main/c.safetensors',
      'https://huggingface.co/a/b/resolve/refs%2Fpr%2F1/c.safetensors',
    ]);
  });

  it.each(Object.entries(knownDecoders))('a known decoder’s: %s', async (name, known) => {
    const urls = standInForHub();
    // What stands in is another file, and must not be taken for it.
    const message = await failure(loadWeights(name));
    expect(urls).toEqual([`https://huggingface.co/${known.repo}/resolve/${known.revision}/${known.file}`]);
    expect(message).toMatch(/^weights: /);
    expect(message).toContain(known.sha256);
    expect(message).toContain(sha256);
    expect(keptUrls()).toEqual([]);
  });

  it.each(Object.values<KnownDecoder>(knownDecoders))('$title is pinned, and of a format there is', (known) => {
    expect(known.revision).toMatch(/^[0-9a-f]{40}$/);
    expect(known.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(known.licence).toBe('MIT');
    for (const id of known.formats) expect(formats[id]?.base).toBe(id);
  });

  it.each(['taesdlx', 'constructor', '__proto__'])('%s is no known name', async (name) => {
    expect(await failure(loadWeights(name))).toMatch(
      new RegExp(`^weights: .*'${name}'; known are taesd, taesdxl, taesd3, taef1, taef2\\..* './${name}'$`),
    );
    expect(asked).toEqual([]);
  });

  it('a relative URL where there is no page', async () =>
    expect(await failure(loadWeights('./taesd'))).toMatch(/^file: .*'\.\/taesd' is no absolute URL.*absolute URL/));

  it('a relative URL of a page', async () => {
    vi.stubGlobal('location', { href: `${base}/page/` });
    expect(values(await loadWeights('./good.safetensors'))).toEqual([1, 2, 3]);
    expect(asked).toEqual(['/page/good.safetensors']);
  });

  const wrong: [string, object, RegExp][] = [
    ['no owner', { repo: 'taesd', file: 'a' }, /'taesd' is not of the form 'owner\/name'/],
    ['a URL for a repository', { repo: 'https://huggingface.co/a/b', file: 'a' }, /owner\/name/],
    ['dots for a repository', { repo: '../..', file: 'a' }, /owner\/name/],
    ['no file', { repo: 'a/b' }, /file 'undefined' is no path/],
    ['a path upwards', { repo: 'a/b', file: '../../c/d/resolve/main/e' }, /is no path in the repository a\/b/],
    ['an empty revision', { repo: 'a/b', file: 'c', revision: '' }, /revision ''/],
    ['a short hash', { repo: 'a/b', file: 'c', sha256: 'abc' }, /sha256 'abc' is not of 64 hex/],
  ];
  it.each(wrong)('%s is refused', async (_, source, message) => {
    const urls = standInForHub();
    const found = await failure(loadWeights(source as { repo: string; file: string }));
    expect(found).toMatch(/^weights: /);
    expect(found).toMatch(message);
    expect(urls).toEqual([]);
  });
});

describe('one download for all who want it', () => {
  it('serves several, each with memory of its own', async () => {
    const loads = [loadWeights(`${base}/held`), loadWeights(`${base}/held`), loadWeights(new URL(`${base}/held`))];
    await until(() => holding('/held').length > 0);
    finish('/held');
    const [first, second, third] = await Promise.all(loads);
    expect(asked).toEqual(['/held']);
    (first!.get('one') as { data: Float32Array }).data.fill(9);
    expect([values(first!), values(second!), values(third!)]).toEqual([
      [9, 9, 9],
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  it('goes on when one is aborted, and tells who came late where it stands', async () => {
    const controller = new AbortController();
    const seen: Progress[] = [];
    const left = loadWeights(`${base}/held`, { signal: controller.signal });
    const stayed = loadWeights(`${base}/held`, { onProgress: (progress) => seen.push(progress) });
    await until(() => seen.length > 0);
    expect(seen[0]).toEqual({ loaded: 10, total: file.length });
    const reason = new Error('the user went elsewhere');
    controller.abort(reason);
    await expect(left).rejects.toBe(reason);
    const late: Progress[] = [];
    const joined = loadWeights(`${base}/held`, { onProgress: (progress) => late.push(progress) });
    await until(() => late.length > 0);
    expect(late[0]).toEqual({ loaded: 10, total: file.length });
    finish('/held');
    expect(values(await stayed)).toEqual([1, 2, 3]);
    expect(values(await joined)).toEqual([1, 2, 3]);
    expect(asked).toEqual(['/held']);
    expect(late.at(-1)).toEqual({ loaded: file.length, total: file.length });
  });

  it('ends with the last of them, and begins anew for the next', async () => {
    const controllers = [new AbortController(), new AbortController()];
    const loads = controllers.map(({ signal }) => loadWeights(`${base}/held`, { signal }));
    for (const load of loads) load.catch(() => {});
    await until(() => holding('/held').length > 0);
    const [connection] = holding('/held');
    controllers[0]!.abort();
    await expect(loads[0]).rejects.toThrow(/abort/);
    expect(connection!.destroyed).toBe(false);
    controllers[1]!.abort();
    await expect(loads[1]).rejects.toThrow(/abort/);
    await until(() => connection!.destroyed);
    const again = loadWeights(`${base}/held`);
    await until(() => holding('/held').length > 1);
    finish('/held');
    expect(values(await again)).toEqual([1, 2, 3]);
    expect(asked).toHaveLength(2);
  });

  it('fails for all of them, and is tried anew afterwards', async () => {
    const messages = await Promise.all([loadWeights(`${base}/503`), loadWeights(`${base}/503`)].map(failure));
    for (const message of messages) expect(message).toMatch(/^file: .*answered 503/);
    expect(asked).toHaveLength(1);
    await failure(loadWeights(`${base}/503`));
    expect(asked).toHaveLength(2);
  });

  it('goes on when one’s callback throws', async () => {
    const thrown = new Error('a bug of the page');
    const broken = loadWeights(`${base}/held`, {
      onProgress: () => {
        throw thrown;
      },
    });
    const good = loadWeights(`${base}/held`);
    await expect(broken).rejects.toBe(thrown);
    finish('/held');
    expect(values(await good)).toEqual([1, 2, 3]);
    expect(asked).toHaveLength(1);
  });

  it('is not shared by who expects another file', async () => {
    const messages = await Promise.all([
      failure(loadWeights(`${base}/good`, { sha256 })),
      failure(loadWeights(`${base}/good`, { sha256: other })),
    ]);
    expect(messages[0]).toMatch(/nothing was thrown/);
    expect(messages[1]).toMatch(/^weights: /);
    expect(asked).toHaveLength(2);
  });

  it('115 ends where nothing comes any more', async () => {
    const controller = new AbortController();
    const loading = loadWeights(`${base}/held`, { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(loading).rejects.toThrow(/abort/);
    await expect(loadWeights(`${base}/good`, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/);
    expect(asked).toEqual(['/held']);
  });
});

describe('hashes', () => {
  it('of the right file', async () => {
    for (const source of [`${base}/good`, file, new Blob([file])])
      expect(values(await loadWeights(source, { sha256: sha256.toUpperCase() }))).toEqual([1, 2, 3]);
  });
  it('114 of another file', async () => {
    for (const source of [`${base}/good`, file, new Blob([file])]) {
      const message = await failure(loadWeights(source, { sha256: other }));
      expect(message).toMatch(new RegExp(`^weights: .*${sha256} \\(${file.length} bytes\\), needed is ${other}`));
    }
  });
  it('of a login page, which is not read as weights', async () =>
    expect(await failure(loadWeights(`${base}/login`, { sha256 }))).toMatch(/^weights: .*answered in its place/));
  it('where they cannot be checked, before anything is fetched', async () => {
    vi.stubGlobal('crypto', {});
    expect(await failure(loadWeights(`${base}/good`, { sha256 }))).toMatch(/^weights: .*https or localhost/);
    expect(asked).toEqual([]);
    expect(values(await loadWeights(`${base}/good`, { cache: true }))).toEqual([1, 2, 3]);
  });
});

describe('what is kept', () => {
  const pinned = { repo: 'a/b', file: 'c.safetensors', revision: commit, sha256 };
  const url = `https://huggingface.co/a/b/resolve/${commit}/c.safetensors`;

  it('is not fetched again', async () => {
    const urls = standInForHub();
    await loadWeights(pinned);
    const seen: Progress[] = [];
    expect(values(await loadWeights(pinned, { onProgress: (progress) => seen.push(progress) }))).toEqual([1, 2, 3]);
    expect(urls).toEqual([url]);
    expect(keptUrls()).toEqual([url]);
    expect(seen).toEqual([{ loaded: file.length, total: file.length }]);
  });

  it('is what is pinned, or what the caller says', async () => {
    standInForHub();
    await loadWeights({ repo: 'a/b', file: 'c.safetensors', revision: commit });
    await loadWeights(`${base}/good/1`, { sha256 });
    await loadWeights(`${base}/good/2`, { cache: true });
    expect(keptUrls()).toEqual([url, `${base}/good/1`, `${base}/good/2`]);
    await loadWeights({ repo: 'a/b', file: 'd.safetensors' });
    await loadWeights({ repo: 'a/b', file: 'd.safetensors', revision: 'v1' });
    await loadWeights(`${base}/good/3`);
    await loadWeights({ ...pinned, file: 'e.safetensors' }, { cache: false });
    await loadWeights(`data:;base64,${Buffer.from(file).toString('base64')}`, { sha256 });
    expect(keptUrls()).toHaveLength(3);
  });

  it('is neither the wrong file nor one that cannot be read', async () => {
    await failure(loadWeights(`${base}/good`, { sha256: other }));
    expect(await failure(loadWeights(`${base}/login`, { cache: true }))).toMatch(/^file: .*HTML/);
    expect(await failure(loadWeights(`${base}/cut`, { cache: true }))).toMatch(/^file: /);
    expect(await failure(loadWeights(`${base}/short`, { cache: true }))).toMatch(/^file: .*broke off/);
    expect(keptUrls()).toEqual([]);
  });

  type Entry = { body: Uint8Array<ArrayBuffer>; headers: Record<string, string> };
  const damages: [string, (entry: Entry) => Entry][] = [
    ['cut short', ({ body, headers }) => ({ body: body.slice(0, -4), headers })],
    ['empty', ({ headers }) => ({ body: new Uint8Array(), headers })],
    [
      'with a bit flipped',
      ({ body, headers }) => ({ body: body.map((byte, i) => (i === 90 ? byte ^ 1 : byte)), headers }),
    ],
    ['of whoever else', () => ({ body: new TextEncoder().encode('something else'), headers: {} })],
  ];
  for (const given of [sha256, undefined])
    it.each(damages)(
      `118 and came to harm is fetched anew, once: %s, ${given ? 'with' : 'without'} a hash`,
      async (_, harm) => {
        const urls = standInForHub();
        const { sha256: _sha256, ...source } = { ...pinned, ...(given ? { sha256: given } : {}) };
        const wanted = given ? pinned : source;
        await loadWeights(wanted);
        const cache = caches.entries.get(cacheName)!;
        const good = cache.get(url)!;
        const harmed = harm(good);
        cache.set(url, harmed);
        expect(values(await loadWeights(wanted))).toEqual([1, 2, 3]);
        expect(urls).toEqual([url, url]);
        expect(cache.get(url)).not.toBe(harmed);
        expect(cache.get(url)).toEqual(good);
        await loadWeights(wanted);
        expect(urls).toHaveLength(2);
      },
    );

  it('under another hash than is wanted is fetched anew', async () => {
    const urls = standInForHub();
    await loadWeights({ ...pinned, sha256: undefined } as never);
    expect(await failure(loadWeights({ ...pinned, sha256: other }))).toMatch(/^weights: /);
    expect(urls).toHaveLength(2);
    expect(keptUrls()).toEqual([]);
  });

  it('118 and harmed is gone, where there is no network', async () => {
    standInForHub();
    await loadWeights(pinned);
    caches.entries.get(cacheName)!.get(url)!.body[90]! ^= 1;
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
    expect(await failure(loadWeights(pinned))).toMatch(/^file: .*could not be fetched.*File that was saved/);
    expect(keptUrls()).toEqual([]);
  });

  const troubles: [string, () => void][] = [
    ['full', () => (caches.broken.put = new DOMException('no room', 'QuotaExceededError'))],
    ['closed', () => (caches.broken.open = new DOMException('not here', 'SecurityError'))],
    ['unreadable', () => (caches.broken.match = new Error('the disk'))],
    [
      'forbidden',
      () =>
        Object.defineProperty(globalThis, 'caches', {
          configurable: true,
          get() {
            throw new DOMException('not here', 'SecurityError');
          },
        }),
    ],
    ['not there', () => vi.stubGlobal('caches', undefined)],
  ];
  it.each(troubles)('117 is nothing where storage is %s, and weights load all the same', async (_, trouble) => {
    trouble();
    for (const _time of [1, 2]) expect(values(await loadWeights(`${base}/good`, { sha256 }))).toEqual([1, 2, 3]);
    expect(asked).toHaveLength(2);
  });

  it('stays where it cannot be removed, and weights load all the same', async () => {
    await loadWeights(`${base}/good`, { sha256 });
    caches.entries.get(cacheName)!.get(`${base}/good`)!.body[90]! ^= 1;
    caches.broken.delete = new Error('the disk');
    expect(values(await loadWeights(`${base}/good`, { sha256 }))).toEqual([1, 2, 3]);
  });
});

describe('the way', () => {
  it.each([401, 403, 404, 500])('113 %d is named', async (status) =>
    expect(await failure(loadWeights(`${base}/${status}`))).toMatch(
      new RegExp(`^file: .*/${status} answered ${status}`),
    ),
  );
  it('a redirect is followed', async () => expect(values(await loadWeights(`${base}/moved`))).toEqual([1, 2, 3]));
  it('116 no length', async () => {
    const seen: Progress[] = [];
    await loadWeights(`${base}/no-length`, { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ loaded: file.length, total: undefined });
  });
  it('113 no server', async () =>
    expect(await failure(loadWeights('http://127.0.0.1:9/x'))).toMatch(/^file: .*offline.*CORS/));
  it('113 a page instead of a file', async () =>
    expect(await failure(loadWeights(`${base}/login`))).toMatch(/^file: .*HTML/));
});
