// The built <latent-preview> in pages of others: from another origin as README's recipe has it, under a strict content
// security policy with Trusted Types, and twice in one page.

import { existsSync, readFileSync } from 'node:fs';
import { expect, type Page, test } from '@playwright/test';
import { clip, listen, loads, on, reaches, samples, serve, told } from './element';

const dist = new URL('../../dist/', import.meta.url);

/** The package's files below a prefix, as a server of scripts gives them to other origins. */
const servePackage = (page: Page, prefix: string): Promise<unknown> =>
  page.route(`${prefix}**`, (route) => {
    const file = new URL(new URL(route.request().url()).pathname.replace(/^.*\/dist\//, ''), dist);
    if (!existsSync(file)) return route.fulfill({ status: 404 });
    const headers = { 'access-control-allow-origin': '*', 'content-type': 'text/javascript' };
    return route.fulfill({ body: readFileSync(file), headers });
  });

async function open(page: Page, html: string, headers: Record<string, string> = {}): Promise<string[]> {
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await page.route('**/page.html', (route) => route.fulfill({ contentType: 'text/html', body: html, headers }));
  await serve(page, '/latents.safetensors', new URL('sdxl-coffee.safetensors', samples));
  await serve(page, '/clip.npy', clip());
  await page.goto('/page.html');
  return problems;
}

test.beforeAll(() => {
  if (!existsSync(new URL('element/define.js', dist))) throw new Error('dist is missing: run `npm run build` first');
});

test('recipe 10: two lines of HTML, the script from another origin', async ({ page }) => {
  await servePackage(page, 'https://cdn.jsdelivr.net/npm/latent-preview/dist/');
  const recipe = readFileSync(new URL('../../demo/recipes/10-element.html', import.meta.url), 'utf8');
  const problems = await open(page, `<!doctype html><title>recipe</title>${recipe}`);
  const shown = page.locator('latent-preview');
  await expect.poll(() => shown.evaluate((element) => 'state' in element && element.state)).toBe('shown');
  expect(await shown.evaluate(({ clientWidth, clientHeight }) => [clientWidth, clientHeight])).toEqual([432, 288]);
  expect(problems).toEqual([]);
});

test('123 works under a strict policy with Trusted Types, defined by two copies of the library', async ({ page }) => {
  await servePackage(page, '**/one/dist/');
  await servePackage(page, '**/two/dist/');
  const policy =
    "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
    "require-trusted-types-for 'script'; trusted-types 'none'";
  const problems = await open(
    page,
    `<!doctype html><title>strict</title>
    <script type="module" src="/one/dist/element/define.js"></script>
    <script type="module" src="/two/dist/element/define.js"></script>
    <latent-preview id="a" src="latents.safetensors" format="sdxl" decoder="map"></latent-preview>
    <latent-preview id="b" src="clip.npy" format="wan21" decoder="linear" backend="webgpu"></latent-preview>
    <latent-preview id="c" src="clip.npy" format="sdxl" decoder="map"></latent-preview>`,
    { 'content-security-policy': policy },
  );
  for (const [id, state] of [
    ['a', 'shown'],
    ['b', 'shown'],
    ['c', 'error'],
  ] as const)
    await reaches(page, id, state);
  await listen(page);
  await page.locator('#b').getByRole('slider').press('End');
  expect((await loads(page, 'b', 1)).detail).toMatchObject({ frame: 3, backend: 'webgpu' });
  await on(page, 'c', (c) => c.setAttribute('format', 'wan21'));
  await loads(page, 'c', 1);
  expect(await told(page, 'error')).toEqual([]);
  // Its styles apply, and the policy does: a page's own inline style does not.
  const styled = await on(page, 'a', (a) => {
    a.setAttribute('style', 'opacity: 0.5');
    const { opacity, display } = getComputedStyle(a);
    return { opacity, display, box: [a.offsetWidth, a.offsetHeight] };
  });
  expect(styled).toEqual({ opacity: '1', display: 'inline-block', box: [432, 288] });
  expect(problems.filter((problem) => !/inline style/.test(problem))).toEqual([]);
  expect(problems).toHaveLength(1);
});
