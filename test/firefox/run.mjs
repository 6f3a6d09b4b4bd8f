// Runs the suite in Firefox, which is started bare, as people have it: the page posts what it found. `npm test` calls
// runInFirefox; `node test/firefox/run.mjs` runs it by hand.

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { firefox } from '../../bench/browsers.mjs';
import { root } from '../../scripts/setup.mjs';
import { bundle } from '../naga/bundle.mjs';

const limitMilliseconds = 240_000;

const page = `<!doctype html><meta charset="utf-8"><title>suite</title><body><script type="module">
  const post = (path, body) => fetch(path, { method: 'POST', body: JSON.stringify(body) });
  addEventListener('error', ({ message }) => post('/failure', message));
  try {
    const { runSuite } = await import('/suite.js');
    await post('/result', await runSuite(SHARED, (part) => post('/say', part)));
  } catch (error) {
    await post('/failure', error + '\\n' + error.stack);
  }
</script>`;

const mediaTypes = { '.js': 'text/javascript', '.json': 'application/json' };

/** The page, the suite, and files below some folders. */
function serve(code, folders, onPost) {
  return createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname))
      .split(sep)
      .join('/');
    if (request.method === 'POST') {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      response.writeHead(204).end();
      onPost(path, JSON.parse(Buffer.concat(chunks).toString()));
      return;
    }
    if (path === '/')
      return response
        .writeHead(200, { 'content-type': 'text/html' })
        .end(page.replace('SHARED', String(folders.shared !== undefined)));
    if (path === '/suite.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(code);
    const [, name, ...rest] = path.split('/');
    const file = folders[name] && join(folders[name], ...rest);
    if (!file || !existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
    const type = mediaTypes[extname(file)] ?? 'application/octet-stream';
    return response.writeHead(200, { 'content-type': type }).end(readFileSync(file));
  });
}

/**
 * Bundles, runs, prints, and writes the summary as JSON.
 * @param {{ report: string }} options
 * @returns {Promise<boolean>} whether every test passed
 */
export async function runInFirefox({ report }) {
  if (!existsSync(join(root, 'dist', 'worker', 'run.js')))
    throw new Error('dist is missing: run `npm run build` first');
  const { code } = await bundle('firefox/suite.ts');
  const shared = join(dirname(root), 'shared', 'fixtures');
  const present = existsSync(shared);
  if (!present) console.log('skipped: decodes of real weights in Firefox – ../shared is not there');
  const folders = {
    dist: join(root, 'dist'),
    files: join(root, 'test', 'fixtures', 'files'),
    ...(present ? { shared } : {}),
  };
  const { name, open } = firefox();
  console.log(name);
  let settle;
  const posted = new Promise((resolve) => {
    settle = resolve;
  });
  const started = performance.now();
  const server = serve(code, folders, (path, body) => {
    if (path === '/say') console.log(`${((performance.now() - started) / 1000).toFixed(1)} s  ${body}`);
    else settle(path === '/result' ? body : [{ name: 'the suite', ok: false, message: body }]);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = open(`http://127.0.0.1:${server.address().port}/`);
  const timer = setTimeout(
    () => settle([{ name: 'the suite', ok: false, message: `no result after ${limitMilliseconds / 1000} s` }]),
    limitMilliseconds,
  );
  const ended = browser.ended.then((message) => [{ name: 'the suite', ok: false, message }]);
  const results = await Promise.race([posted, ended]);
  clearTimeout(timer);
  await browser.close();
  server.close();

  const failed = results.filter(({ ok }) => !ok);
  for (const { name, message = '' } of failed) console.log(`✗ ${name}\n    ${message.replaceAll('\n', '\n    ')}`);
  const failures = failed.map(({ name, message = '' }) => `${name}: ${message.split('\n')[0]}`);
  const passed = results.length - failed.length;
  const summary = { passed, failed: failed.length, skipped: present ? 0 : 1, failures };
  console.log(`${passed} passed, ${failed.length} failed`);
  mkdirSync(dirname(report), { recursive: true });
  writeFileSync(report, JSON.stringify(summary));
  return failed.length === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exitCode = (await runInFirefox({ report: join(root, 'artifacts', 'firefox.json') })) ? 0 : 1;
