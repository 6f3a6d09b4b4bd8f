// `npm run bench`: latent-preview and its peers in one page of one Chromium, or (`-- --node`) latent-preview in Node.
// See README.md beside it for the options. Not part of `npm test`.

import { spawnSync } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { arch, cpus, loadavg, totalmem, type } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { parseArgs } from 'node:util';
import { dawnEnvironment, ensureChromium, installDependencies, requireNode, root } from '../scripts/setup.mjs';
import { browserReport, nodeReport } from './report.mjs';

requireNode();
installDependencies();

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    sizes: { type: 'string' },
    tasks: { type: 'string' },
    node: { type: 'boolean', default: false },
  },
});

const folder = join(root, 'bench');
const artifacts = join(root, 'artifacts', 'bench');
mkdirSync(artifacts, { recursive: true });

// Not shipped with the repository: the licence is the model's. Random weights take the same time.
const weightsFile = join(root, '..', 'shared', 'fixtures', 'weights', 'taesd_decoder.safetensors');
const weights = existsSync(weightsFile) ? weightsFile : undefined;

/** What was measured. */
function commit() {
  const git = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout?.trim();
  const changed = git('status', '--porcelain', '--', 'src', 'shaders');
  return `${git('rev-parse', '--short', 'HEAD') || 'unknown'}${changed ? ', with changes' : ''}`;
}

const machine = () => ({
  processor: `${cpus()[0].model.trim()}, ${cpus().length} logical cores`,
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  system: `${type()}, ${arch()}`,
  node: process.versions.node,
  load: loadavg()[0],
  commit: commit(),
});

/** The peers, in a folder of their own: nobody else needs 470 MB. */
function installPeers() {
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const current = ([name, version]) => {
    const manifest = join(folder, 'node_modules', name, 'package.json');
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === version;
  };
  if (Object.entries(dependencies).every(current)) return;
  // Without scripts: the peers' are for Node, here they run in a page.
  const args = ['install', '--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts'];
  const { status } = spawnSync('npm', args, { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) throw new Error('the peers could not be installed from the npm registry');
}

const mediaTypes = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** Serves the page, the peers and the weights, isolated from other origins so that threads and fine clocks are allowed. */
async function serve(page) {
  const find = (path) => {
    if (path === '/weights.safetensors') return weights;
    return path.startsWith('/peers/') ? join(folder, 'node_modules', path.slice(7)) : join(page, path);
  };
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
    const file = find(path === '/' ? '/index.html' : path);
    if (!file || !existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
    response.writeHead(200, {
      'content-type': mediaTypes[extname(file)] ?? 'application/octet-stream',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

async function buildPage() {
  const { build } = await import('vite');
  const { alias } = await import('../scripts/entries.mjs');
  const { wgsl } = await import('../scripts/wgsl.mjs');
  const outDir = join(artifacts, 'page');
  await build({
    configFile: false,
    root: join(folder, 'page'),
    logLevel: 'warn',
    resolve: { alias },
    plugins: [wgsl()],
    build: { target: 'es2022', outDir, emptyOutDir: true },
  });
  return outDir;
}

const softwareGpu = ['--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan', '--use-vulkan=swiftshader'];

async function inBrowser() {
  installPeers();
  const executablePath = ensureChromium();
  if (!executablePath) throw new Error('no Chromium: set LP_CHROMIUM or install one');
  const page = await buildPage();
  const server = await serve(page);
  const { chromium } = await import('@playwright/test');
  const browser = await chromium.launch({
    executablePath,
    args: [
      '--enable-unsafe-webgpu',
      ...(process.platform === 'linux' || process.env.LP_SOFTWARE === '1' ? softwareGpu : []),
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
  });
  try {
    const tab = await browser.newPage();
    // The load of the machine, by task and size: what the figures suffered from.
    const loads = {};
    tab.on('console', (message) => {
      const [, task, size] = /^bench: (\w+) (\d+)/.exec(message.text()) ?? [];
      if (!task) return;
      console.log(message.text());
      loads[`${task} ${size}`] = Math.max(loads[`${task} ${size}`] ?? 0, loadavg()[0]);
    });
    tab.on('pageerror', (error) => console.error(error));
    await tab.goto(server.address);
    await tab.waitForFunction('globalThis.runBench');
    const tasks = options.tasks?.split(',') ?? ['taesd', 'linear'];
    const own = options.sizes?.split(',').map(Number);
    const sizes = {
      taesd: own ?? (options.quick ? [16] : [16, 32, 64]),
      linear: own ?? (options.quick ? [64, 128] : [64, 128, 1024]),
    };
    const choice = {
      sizes: Object.fromEntries(Object.entries(sizes).filter(([task]) => tasks.includes(task))),
      rounds: options.quick ? 3 : 5,
      slow: !options.quick,
      only: options.only?.toLowerCase().split(',') ?? [],
      ...(weights ? { weights: 'weights.safetensors' } : {}),
    };
    const before = machine();
    const result = await tab.evaluate((argument) => globalThis.runBench(argument), choice);
    return { ...result, loads, chromium: browser.version(), before, after: machine() };
  } finally {
    await browser.close();
    server.close();
  }
}

async function inNode() {
  const { build } = await import('vite');
  const outDir = join(artifacts, 'library');
  // The library as it is published.
  await build({ configFile: join(root, 'vite.config.ts'), logLevel: 'warn', build: { outDir, emptyOutDir: true } });
  writeFileSync(join(outDir, 'package.json'), '{ "type": "module" }\n');
  // A process of its own: Vulkan's loader reads the environment once.
  const output = join(artifacts, 'node-run.json');
  const sizes = options.sizes ?? (options.quick ? '16' : '64,128');
  const { status } = spawnSync(process.execPath, [join(folder, 'node.mjs'), outDir, sizes, output, weights ?? ''], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...dawnEnvironment(ensureChromium()) },
  });
  if (status !== 0) throw new Error('the measurement in Node failed');
  return { ...JSON.parse(readFileSync(output, 'utf8')), before: machine() };
}

const whole = !options.quick && !options.only && !options.sizes && !options.tasks;
const name = options.node ? 'node' : 'browser';
const measured = await (options.node ? inNode() : inBrowser());
const record = {
  date: new Date().toISOString().slice(0, 10),
  command: ['npm run bench', ...(process.argv[2] ? ['--', ...process.argv.slice(2)] : [])],
  ...measured,
};
const markdown = (options.node ? nodeReport : browserReport)(record);
console.log(`\n${markdown}`);
writeFileSync(join(artifacts, `${name}.json`), `${JSON.stringify(record, null, 1)}\n`);
writeFileSync(join(artifacts, `${name}.md`), markdown);
// Results of record are those of whole runs.
if (whole) writeFileSync(join(folder, options.node ? 'RESULTS-node.md' : 'RESULTS.md'), markdown);
