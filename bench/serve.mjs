// What the measured page needs: itself, the peers, the weights, and a way to talk to run.mjs. Isolated from other origins,
// so that threads and fine clocks are allowed.

import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const mediaTypes = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

const isolated = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/**
 * Serves one page at a time. Its orders are a GET of /orders; it tells its progress by POST /say, waits at POST /mark until
 * `onMark` is done, asks by POST /processor what `onProcessor` answers, and ends with POST /result.
 */
export async function serve({ page, peers, weights }) {
  let visit;
  const find = (path) => {
    if (path === '/weights.safetensors') return weights;
    return path.startsWith('/peers/') ? join(peers, path.slice(7)) : join(page, path);
  };
  const messages = {
    '/say': async (text) => visit?.onSay?.(text),
    '/mark': async (text) => visit?.onMark?.(text),
    '/processor': () => visit?.onProcessor?.(),
    '/result': async (text) => visit?.resolve(JSON.parse(text)),
    '/failure': async (text) => visit?.reject(new Error(text)),
  };
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
    if (request.method === 'POST') {
      const answer = await messages[path]?.(await bodyOf(request));
      if (answer !== undefined) return response.writeHead(200, isolated).end(`${answer}`);
      return response.writeHead(messages[path] ? 204 : 404, isolated).end();
    }
    if (path === '/orders') return response.end(JSON.stringify(visit?.orders));
    const file = find(path === '/' ? '/index.html' : path);
    if (!file || !existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': mediaTypes[extname(file)] ?? 'application/octet-stream', ...isolated });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${server.address().port}/`,
    /** Opens the page in a browser of its own and answers with its result. */
    async visit(open, orders, { onSay, onMark, onProcessor } = {}) {
      const browser = open(this.address);
      try {
        return await new Promise((resolve, reject) => {
          visit = {
            ...{ orders, onSay, resolve, reject },
            onMark: (text) => onMark?.(text, browser.pid),
            onProcessor: () => onProcessor?.(browser.pid),
          };
          browser.ended.then((reason) => reject(new Error(reason)));
        });
      } finally {
        visit = undefined;
        await browser.close();
      }
    },
    close: () => server.close(),
  };
}
