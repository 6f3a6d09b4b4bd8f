// `npm run bench`: latent-preview and its peers in one page of one browser and each alone in one, or (`-- --node`)
// latent-preview and those peers that run there in Node.
// See README.md beside it for the options. Not part of `npm test`.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  dawnEnvironment,
  ensureChromium,
  ensureFolder,
  installDependencies,
  requireNode,
  root,
} from '../scripts/setup.mjs';
import { chromium, firefox } from './browsers.mjs';
import { canMeasure, memory, processorTime } from './processes.mjs';
import { browserReport, nodeReport } from './report.mjs';
import { serve } from './serve.mjs';

requireNode();
installDependencies();

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    sizes: { type: 'string' },
    tasks: { type: 'string' },
    firefox: { type: 'boolean', default: false },
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
  if (!ensureFolder('bench')) throw new Error('the peers could not be installed from the npm registry');
}

async function build(outDir, settings) {
  const { build } = await import('vite');
  const { alias } = await import('../scripts/entries.mjs');
  const { wgsl } = await import('../scripts/wgsl.mjs');
  await build({
    configFile: false,
    root: join(folder, 'page'),
    logLevel: 'warn',
    resolve: { alias },
    plugins: [wgsl()],
    build: { target: 'es2022', outDir, emptyOutDir: true, ...settings },
  });
  return outDir;
}

const buildPage = () => build(join(artifacts, 'page'), {});

const buildNodeBundle = async () => {
  const outDir = await build(join(artifacts, 'node'), { ssr: 'node.ts' });
  return join(outDir, 'node.mjs');
};

async function inBrowser() {
  installPeers();
  const browser = options.firefox ? firefox() : chromium();
  const page = await buildPage();
  const server = await serve({ page, peers: join(folder, 'node_modules'), weights });
  const before = machine();
  const common = weights ? { weights: 'weights.safetensors' } : {};
  try {
    const own = options.sizes?.split(',').map(Number);
    const sizes = {
      taesd: own ?? (options.quick ? [16] : [16, 32, 64]),
      mini: own ?? (options.quick ? [16] : [16, 32, 64]),
      linear: own ?? (options.quick ? [64, 128] : [64, 128, 1024]),
    };
    const tasks = options.tasks?.split(',') ?? ['taesd', 'mini', 'linear', 'alone'];
    const only = options.only?.toLowerCase().split(',') ?? [];
    // The load of the machine, by task and size: what the figures suffered from.
    const loads = {};
    const onSay = (text) => {
      console.log(text);
      const [, task, size] = /^(\w+) (\d+)/.exec(text) ?? [];
      if (task) loads[`${task} ${size}`] = Math.max(loads[`${task} ${size}`] ?? 0, loadavg()[0]);
    };
    const together = await server.visit(
      browser.open,
      {
        mode: 'together',
        sizes: Object.fromEntries(Object.entries(sizes).filter(([task]) => tasks.includes(task))),
        rounds: options.quick ? 3 : 5,
        slow: !options.quick,
        only,
        ...common,
      },
      { onSay, onProcessor: canMeasure ? processorTime : undefined },
    );
    const alone = tasks.includes('alone') && canMeasure ? await eachAlone(server, browser, together, only, common) : [];
    return { ...together, alone, loads, browser: browser.name, before, after: machine() };
  } finally {
    server.close();
  }
}

/** Every contender in a fresh browser: cold start, processor time of a decode, memory over the idle page. */
async function eachAlone(server, { open }, { names, rows }, only, common) {
  const results = [];
  for (const size of options.sizes?.split(',').map(Number) ?? (options.quick ? [16] : [16, 32, 64]))
    for (const name of names) {
      // In between for what is asked of ours alone: what a first decode takes, pipelines included.
      if (!options.sizes && size === 32 && name !== 'latent-preview WebGPU') continue;
      if (only.length > 0 && !only.some((part) => name.toLowerCase().includes(part))) continue;
      if (options.quick && / WebGPU/.test(name) && !name.startsWith('latent-preview')) continue;
      // As in the page: what took too long beside the others, or would, is not run.
      const seen = rows.filter((row) => row.task === 'taesd' && row.name === name && row.steady.length > 0).at(-1);
      const expected = seen ? seen.steady[0] * (size / seen.size) ** 2 : 0;
      if (expected > 75_000) {
        results.push({ name, size, skipped: `not run: about ${Math.round(expected / 1000)} s per decode` });
        continue;
      }
      results.push(await alone(server, open, { mode: 'alone', name, size, ...common }));
      console.log('alone', JSON.stringify(results.at(-1)));
    }
  return results;
}

async function alone(server, open, orders) {
  const moments = {};
  let peak = 0;
  let watch;
  const onMark = async (moment, pid) => {
    // An idle page settles first.
    if (moment === 'idle') await new Promise((resolve) => setTimeout(resolve, 1500));
    moments[moment] = { memory: memory(pid), time: processorTime(pid) };
    if (moment === 'idle') watch = setInterval(() => (peak = Math.max(peak, memory(pid))), 150);
    peak = Math.max(peak, moments[moment].memory);
  };
  try {
    const { cold, steady, flops } = await server.visit(open, orders, { onMark });
    return {
      name: orders.name,
      size: orders.size,
      flops,
      cold,
      steady,
      processor: (moments.steady.time - moments.first.time) / steady.length,
      memory: peak - moments.idle.memory,
    };
  } catch (error) {
    return { name: orders.name, size: orders.size, failure: String(error) };
  } finally {
    clearInterval(watch);
  }
}

async function inNode() {
  installPeers();
  const bundle = await buildNodeBundle();
  const output = join(artifacts, 'node-run.json');
  const own = options.sizes?.split(',').map(Number);
  const sizes = {
    taesd: own ?? (options.quick ? [16] : [16, 32, 64, 128]),
    mini: own ?? (options.quick ? [16] : [16, 32, 64, 128]),
    linear: own ?? (options.quick ? [64] : [64, 128, 1024]),
  };
  const tasks = options.tasks?.split(',') ?? Object.keys(sizes);
  const orders = {
    sizes: Object.fromEntries(Object.entries(sizes).filter(([task]) => tasks.includes(task))),
    rounds: options.quick ? 3 : 20,
    slow: !options.quick,
    only: options.only?.toLowerCase().split(',') ?? [],
    ...(weights ? { weights } : {}),
  };
  // A process of its own: Vulkan's loader reads the environment once.
  const { status } = spawnSync(process.execPath, [join(folder, 'node.mjs'), bundle, JSON.stringify(orders), output], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...dawnEnvironment(ensureChromium()) },
  });
  if (status !== 0) throw new Error('the measurement in Node failed');
  const torch = tasks.includes('taesd') ? inTorch(sizes.taesd) : undefined;
  return { ...JSON.parse(readFileSync(output, 'utf8')), torch, before: machine() };
}

/** Undefined where there is no PyTorch, or no weights. */
function inTorch(sizes) {
  if (!weights) return undefined;
  const output = join(artifacts, 'torch.json');
  const args = [join(folder, 'pytorch.py'), weights, sizes.join(), output];
  for (const python of ['python3', '/usr/bin/python3']) {
    if (spawnSync(python, ['-c', 'import torch, numpy'], { stdio: 'ignore' }).status !== 0) continue;
    if (spawnSync(python, args, { cwd: root, stdio: 'inherit' }).status === 0)
      return JSON.parse(readFileSync(output, 'utf8'));
  }
  return undefined;
}

const whole = !options.quick && !options.only && !options.sizes && !options.tasks;
const name = options.node ? 'node' : options.firefox ? 'firefox' : 'chromium';
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
const recordFiles = { node: 'RESULTS-node.md', firefox: 'RESULTS-firefox.md', chromium: 'RESULTS.md' };
if (whole) writeFileSync(join(folder, recordFiles[name]), markdown);
