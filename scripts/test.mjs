// `npm test`: installs what is missing, then runs everything. `-- --only unit,package` runs some of the steps.
// Imports Node's built-ins and setup.mjs alone, because it starts on a machine where nothing is installed.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import {
  dawnEnvironment,
  ensureChromium,
  ensureFirefox,
  ensureFolder,
  ensureNaga,
  ensureVulkanLoader,
  installDependencies,
  requireNode,
  root,
  underCI,
} from './setup.mjs';

requireNode();

const artifacts = join(root, 'artifacts');
const report = (name) => join(artifacts, `${name}.json`);
const emptyResult = () => ({ passed: 0, failed: 0, skipped: 0, failures: [] });
const failure = (message) => ({ ...emptyResult(), failed: 1, failures: [message] });

// The tools of node_modules by their names, also where this file is not started by npm.
const searchPath = [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter);

/** Runs a tool, its output shown, and returns whether it succeeded. */
function tool(name, args = [], environment = {}) {
  return new Promise((resolve) => {
    const child = spawn(name, args, {
      cwd: root,
      stdio: 'inherit',
      // The tools are .cmd files on Windows, which only a shell starts.
      shell: process.platform === 'win32',
      env: { ...process.env, PATH: searchPath, ...environment },
    });
    child.on('error', () => resolve(false));
    child.on('exit', (code) => resolve(code === 0));
  });
}

/** A check without tests of its own: it counts only where it fails. */
async function check(...commands) {
  const result = emptyResult();
  for (const [name, ...args] of commands) {
    if (await tool(name, args)) continue;
    result.failed++;
    result.failures.push(`${name} ${args.join(' ')}`);
  }
  return result;
}

/** A tool that writes JSON, read by `summarise`. A tool that fails without a failed test (a crash, say) has failed once. */
async function counted(name, run, summarise) {
  rmSync(report(name), { force: true });
  const succeeded = await run(report(name));
  let result;
  try {
    result = summarise(JSON.parse(readFileSync(report(name), 'utf8')));
  } catch {
    return failure('ended without a report; see its output above');
  }
  if (!succeeded && result.failed === 0) result.failures.push('failed outside of its tests; see its output above');
  if (result.passed + result.failed === 0) result.failures.push('ran no test');
  result.failed = Math.max(result.failed, result.failures.length);
  return result;
}

const firstLine = (text = '') => stripVTControlCharacters(text).split('\n')[0];

/** Vitest's JSON report as a result. */
function vitestResult({ testResults }) {
  const result = emptyResult();
  for (const { name, status, message, assertionResults } of testResults) {
    const file = name.slice(root.length + 1);
    for (const test of assertionResults) {
      if (test.status === 'passed') result.passed++;
      else if (test.status === 'failed')
        result.failures.push(`${file}: ${test.fullName}: ${firstLine(test.failureMessages[0])}`);
      else result.skipped++;
    }
    // A file that could not even be loaded has no tests to fail.
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed'))
      result.failures.push(`${file}: ${firstLine(message)}`);
  }
  result.failed = result.failures.length;
  return result;
}

/** Playwright's JSON report as a result. */
function playwrightResult({ suites, errors }) {
  const result = emptyResult();
  const visit = (suite) => {
    for (const spec of suite.specs ?? [])
      for (const { status, results } of spec.tests) {
        if (status === 'expected') result.passed++;
        else if (status === 'skipped') result.skipped++;
        else result.failures.push(`${spec.file}: ${spec.title}: ${firstLine(results.at(-1)?.error?.message)}`);
      }
    for (const inner of suite.suites ?? []) visit(inner);
  };
  for (const suite of suites) visit(suite);
  for (const { message } of errors) result.failures.push(firstLine(message));
  result.failed = result.failures.length;
  return result;
}

const vitest = (project) =>
  counted(
    project,
    (file) =>
      tool('vitest', [
        'run',
        `--project=${project}`,
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${file}`,
      ]),
    vitestResult,
  );

async function naga() {
  const naga = ensureNaga();
  if (naga.missing) return missing('Naga (Deno on lavapipe)', naga.missing);
  const { runUnderDeno } = await import('../test/naga/run.mjs');
  return counted(
    'naga',
    (file) => runUnderDeno({ ...naga, report: file }),
    (summary) => summary,
  );
}

/** Said where it happens, counted as skipped, and a failure under CI. */
function missing(what, why) {
  console.log(`skipped: ${what} – ${why}`);
  return underCI ? failure(`skipped under CI: ${why}`) : { ...emptyResult(), skipped: 1 };
}

async function frameworks() {
  if (!chromium) return failure('no Chromium: set LP_CHROMIUM or install one (apt, Playwright)');
  return ensureFolder('examples')
    ? vitest('frameworks')
    : missing('examples of frameworks', 'their packages could not be installed from the npm registry');
}

async function firefox() {
  if (!ensureFirefox()) return missing('Firefox', 'there is none; apt-get installs firefox-esr only as root on Debian');
  const naga = ensureNaga();
  if (naga.missing) return missing('Firefox', naga.missing);
  const { runInFirefox } = await import('../test/firefox/run.mjs');
  return counted(
    'firefox',
    (file) => runInFirefox({ report: file }),
    (summary) => summary,
  );
}

/** A port that was free a moment ago. */
const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

async function browser() {
  if (!chromium) return failure('no Chromium: set LP_CHROMIUM or install one (apt, Playwright)');
  const port = String(await freePort());
  return counted(
    'browser',
    (file) =>
      tool('playwright', ['test', '--reporter=list,json'], {
        LP_PREVIEW_PORT: port,
        PLAYWRIGHT_JSON_OUTPUT_NAME: file,
      }),
    playwrightResult,
  );
}

function build() {
  // An old build must not stand in for one that fails.
  for (const folder of ['dist', 'demo-dist']) rmSync(join(root, folder), { recursive: true, force: true });
  return check(['npm', 'run', '--silent', 'build'], ['npm', 'run', '--silent', 'build:demo'], ['typedoc']);
}

const steps = [
  { name: 'types', title: 'Types (TypeScript)', run: () => check(['tsc', '--noEmit']) },
  {
    name: 'lint',
    title: 'Lint and format (Biome), nothing unused (knip)',
    run: () => check(['biome', 'check', '.'], ['knip']),
  },
  { name: 'unit', title: 'Unit and GPU tests in Node (Vitest; Dawn, compiler Tint)', run: () => vitest('unit') },
  { name: 'build', title: 'Build: library, declarations, demo page, API site', run: build },
  { name: 'naga', title: 'Kernels under Deno (wgpu, compiler Naga; lavapipe)', run: naga },
  { name: 'package', title: 'The package as users install it', needs: 'dist/index.d.ts', run: () => vitest('package') },
  {
    name: 'browser',
    title: 'The built demo page in Chromium (Playwright)',
    needs: 'demo-dist/index.html',
    run: browser,
  },
  {
    name: 'frameworks',
    title: 'Examples of frameworks: built, type-checked, opened in Chromium',
    needs: 'dist/index.d.ts',
    run: frameworks,
  },
  {
    name: 'firefox',
    title: 'The core in Firefox (wgpu, compiler Naga; lavapipe)',
    needs: 'dist/worker/run.js',
    run: firefox,
  },
];

const { values: options } = parseArgs({ options: { only: { type: 'string' } } });
const wanted = new Set(options.only?.split(',') ?? steps.map(({ name }) => name));
for (const name of wanted)
  if (!steps.some((step) => step.name === name)) {
    console.error(`--only ${name}: there is no such step; steps are ${steps.map((step) => step.name).join(', ')}`);
    process.exit(2);
  }
for (const { name, needs } of steps) if (needs && wanted.has(name)) wanted.add('build');

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const heading = (text) => console.log(`\n━━ ${text} ${'━'.repeat(Math.max(0, 100 - text.length))}`);

const started = performance.now();
heading('What the tests need');
installDependencies();
ensureVulkanLoader();
const chromium = ['unit', 'browser', 'frameworks'].some((name) => wanted.has(name)) ? ensureChromium() : undefined;
if (chromium) process.env.LP_CHROMIUM = chromium;
if (wanted.has('unit')) Object.assign(process.env, dawnEnvironment(chromium));
mkdirSync(artifacts, { recursive: true });
console.log(`Node ${process.versions.node}; Chromium: ${chromium ?? 'not needed or not found'}`);
console.log(`Dawn's Vulkan driver: ${process.env.VK_ICD_FILENAMES ?? "the system's"}`);

const rows = [{ name: 'set-up', time: seconds(started), ...emptyResult() }];
for (const { name, title, needs, run } of steps.filter((step) => wanted.has(step.name))) {
  heading(title);
  const begun = performance.now();
  const possible = !needs || existsSync(join(root, needs));
  const result = possible
    ? await run().catch((error) => failure(String(error)))
    : failure(`not run: the build left no ${needs}`);
  rows.push({ name, time: seconds(begun), ...result });
}

heading('Result');
const line = (...cells) => console.log(cells.map((cell, k) => (k ? `${cell}`.padStart(9) : cell.padEnd(10))).join(' '));
line('step', 'time', 'passed', 'failed', 'skipped');
for (const { name, time, passed, failed, skipped } of rows) line(name, time, passed, failed, skipped);
const sum = (key) => rows.reduce((total, row) => total + row[key], 0);
line('all', seconds(started), sum('passed'), sum('failed'), sum('skipped'));

for (const { name, failures } of rows)
  if (failures.length) console.log(`\n${name} failed:\n${failures.map((failure) => `  ✗ ${failure}`).join('\n')}`);

const skipped = sum('skipped');
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed${skipped ? `, ${skipped} skipped` : ''}`);
process.exitCode = sum('failed') ? 1 : 0;
