// The examples of frameworks as their readers would use them, on the built package: type-checked, built for production and
// opened in Chromium, where each shows the same latent.

import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Browser, chromium, type Page } from '@playwright/test';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findChromium, root } from '../scripts/setup.mjs';

const examples = join(root, 'examples');
const packages = join(examples, 'node_modules');
const made = mkdtempSync(join(packages, '.made-'));
const latents = join(root, 'demo', 'public', 'samples', 'sd15-coffee.npy');
const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };

/** Runs a package's command in the folder of the examples. Throws with all that it printed where it fails. */
async function run(script: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [join(packages, script), ...args], {
      cwd: examples,
      env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' },
    });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${script} ${args.join(' ')} failed:\n${stdout}\n${stderr}`);
  }
}

const vite = (folder: string, out: string, ...args: string[]) =>
  run(
    'vite/bin/vite.js',
    'build',
    folder,
    '--outDir',
    join(made, out),
    '--emptyOutDir',
    '--logLevel',
    'error',
    ...args,
  );

let browser: Browser;
const server = createServer((request, response) => {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname;
  // Next builds for the root of a server.
  let file = path.endsWith('/latents.npy') ? latents : join(made, path.replace(/^\/_next\//, '/next/_next/'));
  if (existsSync(file) && statSync(file).isDirectory()) file = join(file, 'index.html');
  if (!existsSync(file)) return response.writeHead(404).end();
  return response.writeHead(200, { 'content-type': types[extname(file)] ?? '' }).end(readFileSync(file));
});

beforeAll(async () => {
  if (!existsSync(join(root, 'dist', 'index.d.ts'))) throw new Error('dist is missing: run `npm run build` first');
  // As npm would install it: a link would take the types of frameworks from where it leads.
  const own = join(packages, 'latent-preview');
  rmSync(own, { recursive: true, force: true });
  mkdirSync(own);
  for (const name of ['package.json', 'dist']) cpSync(join(root, name), join(own, name), { recursive: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  browser = await chromium.launch({ args, ...(findChromium() ? { executablePath: findChromium()! } : {}) });
});

afterAll(async () => {
  await browser?.close();
  server.close();
  for (const folder of [made, join(examples, 'next', '.next'), join(examples, 'next', 'out')])
    rmSync(folder, { recursive: true, force: true });
});

/** Opens what was built at the server's root, and hands over a page that must have no errors. */
async function open(folder: string, use: (page: Page) => Promise<void>): Promise<void> {
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  // For the one example that takes the package from there.
  await page.route('https://cdn.jsdelivr.net/npm/latent-preview/**', (route) => {
    const path = new URL(route.request().url()).pathname.replace(/^\/npm\/latent-preview\//, '');
    const headers = { 'access-control-allow-origin': '*', 'content-type': 'text/javascript' };
    return route.fulfill({ body: readFileSync(join(root, path)), headers });
  });
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${folder}/`);
  try {
    await use(page);
    expect(problems.filter((problem) => !/favicon|404/.test(problem))).toEqual([]);
  } finally {
    await page.close();
  }
}

/** The sample's picture: 54 × 36 latents of SD1, and not of one colour. */
async function shows(page: Page, caption: string | RegExp, picture: string): Promise<void> {
  await page.getByText(caption).waitFor({ timeout: 60_000 });
  const bytes = await page.locator(picture).screenshot();
  // A picture of one colour takes a few hundred bytes as PNG.
  expect(bytes.length).toBeGreaterThan(5000);
}

it('type-checks where JSX and templates know the element', async () => {
  await Promise.all([
    run('typescript/bin/tsc', '-p', 'tsconfig.json'),
    run('vue-tsc/bin/vue-tsc.js', '-p', 'vue/tsconfig.json'),
    run('svelte-check/bin/svelte-check', '--workspace', 'svelte', '--tsconfig', './tsconfig.json'),
  ]);
});

// Which of the two `auto` takes is the machine's.
const decoder = /(sd15 cubic 5×5 ×2|mini sd15)/;
/** The element's own pixels: as many as its box has. */
const shown = new RegExp(`432 × 288, ${decoder.source}`);

it.each(['react', 'vue', 'svelte'])('%s', async (name) => {
  await vite(name, name, '--base', `/${name}/`);
  await open(name, (page) => shows(page, shown, 'latent-preview'));
});

it('a worker, whose file the bundler finds', async () => {
  await vite('worker', 'worker', '--base', '/worker/');
  await open('worker', (page) => shows(page, new RegExp(`drawn in a worker, ${decoder.source}`), 'canvas'));
});

it('plain HTML from a CDN', async () => {
  cpSync(join(examples, 'html'), join(made, 'html'), { recursive: true });
  await open('html', async (page) => {
    await page.waitForFunction(
      () =>
        document.querySelector('latent-preview')?.matches(':state(shown)') &&
        [108, 432].includes(document.querySelector('canvas')?.width ?? 0),
    );
    for (const picture of ['latent-preview', '#canvas'])
      expect((await page.locator(picture).screenshot()).length).toBeGreaterThan(5000);
  });
});

it('Next.js: rendered on the server, taken over in the browser', async () => {
  const built = join(examples, 'next', 'out');
  await run('next/dist/bin/next', 'build', 'next');
  expect(readFileSync(join(built, 'index.html'), 'utf8')).toMatch(
    /<figure><latent-preview src="\/latents\.npy" format="sd15" upscale="image"/,
  );
  cpSync(built, join(made, 'next'), { recursive: true });
  await open('next', (page) => shows(page, shown, 'latent-preview'));
});
