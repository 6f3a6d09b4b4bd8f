// Cache Storage as the platform's contract has it, in memory, for Node, which has none: entries are copies, `match` hands
// out a fresh response each time, and what is no http URL is refused. Tests set what goes wrong.

export interface MemoryCaches extends Pick<CacheStorage, 'open' | 'delete'> {
  /** What `open` and each operation of a cache reject with, by name. */
  readonly broken: Partial<Record<'open' | 'match' | 'put' | 'delete', Error>>;
  /** By cache name and URL. */
  readonly entries: Map<string, Map<string, { body: Uint8Array<ArrayBuffer>; headers: Record<string, string> }>>;
}

export function memoryCaches(): MemoryCaches {
  const broken: MemoryCaches['broken'] = {};
  const entries: MemoryCaches['entries'] = new Map();
  const check = (what: keyof typeof broken): void => {
    if (broken[what]) throw broken[what];
  };
  const urlOf = (request: RequestInfo | URL): string => {
    const { href, protocol } = new URL(request instanceof Request ? request.url : request);
    if (!/^https?:$/.test(protocol)) throw new TypeError(`the scheme of ${href} is not supported`);
    return href;
  };
  return {
    broken,
    entries,
    async open(name) {
      check('open');
      const cache = entries.get(name) ?? new Map();
      entries.set(name, cache);
      const operations: Pick<Cache, 'match' | 'put' | 'delete'> = {
        async match(request) {
          check('match');
          const entry = cache.get(urlOf(request));
          return entry && new Response(entry.body.slice(), { headers: entry.headers });
        },
        async put(request, response) {
          const url = urlOf(request);
          const body = new Uint8Array(await response.arrayBuffer());
          check('put');
          cache.set(url, { body, headers: Object.fromEntries(response.headers) });
        },
        async delete(request) {
          check('delete');
          return cache.delete(urlOf(request));
        },
      };
      return operations as Cache;
    },
    async delete(name) {
      return entries.delete(name);
    },
  };
}
