// The op suite inside Chromium: the same kernels that Node runs on Dawn and Deno on Naga, in the browser people use. And
// two nets with real weights; Node and Deno run all of them.

import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { bundle } from '../naga/bundle.mjs';

test('every kernel equals its reference in Chromium', async ({ page }) => {
  test.setTimeout(240_000);
  const { code } = await bundle('op-suite.ts');
  // Served under the page's own address, which a content security policy may demand.
  await page.route('**/op-suite.js', (route) => route.fulfill({ contentType: 'text/javascript', body: code }));
  await page.goto('/');
  const results = await page.evaluate(async () => {
    const adapter = await navigator.gpu.requestAdapter();
    const subgroups: GPUFeatureName[] = adapter?.features.has('subgroups') ? ['subgroups'] : [];
    const device = await adapter?.requestDevice({ requiredFeatures: subgroups });
    if (!device) return [{ name: 'WebGPU device', ok: false, message: 'none' }];
    const errors: string[] = [];
    device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message));
    const address = new URL('op-suite.js', document.baseURI).href;
    const { runOpSuite } = (await import(address)) as typeof import('../op-suite');
    const found = await runOpSuite(device);
    await device.queue.onSubmittedWorkDone();
    device.destroy();
    return [...found, { name: 'no uncaptured GPU error', ok: errors.length === 0, message: errors.join('\n') }];
  });
  expect(results.length).toBeGreaterThan(1);
  expect(results.filter(({ ok }) => !ok)).toEqual([]);
});

const shared = new URL('../../../shared/fixtures/', import.meta.url);
const present = existsSync(shared);
if (!present) console.log('skipped: real weights in Chromium – ../shared is not there');

test('real weights give what PyTorch gives in Chromium', async ({ page }) => {
  test.skip(!present, '../shared is not there');
  test.setTimeout(240_000);
  const { code } = await bundle('golden-suite.ts');
  await page.route('**/golden-suite.js', (route) => route.fulfill({ contentType: 'text/javascript', body: code }));
  await page.route('**/shared-fixtures/**', (route) => {
    const path = new URL(route.request().url()).pathname.replace(/^.*\/shared-fixtures\//, '');
    return route.fulfill({ contentType: 'application/octet-stream', body: readFileSync(new URL(path, shared)) });
  });
  await page.goto('/');
  const results = await page.evaluate(async () => {
    const adapter = await navigator.gpu.requestAdapter();
    const subgroups: GPUFeatureName[] = adapter?.features.has('subgroups') ? ['subgroups'] : [];
    const device = await adapter?.requestDevice({ requiredFeatures: subgroups });
    if (!device) return [{ name: 'WebGPU device', ok: false, message: 'none' }];
    const { runGoldens } = (await import(
      new URL('golden-suite.js', document.baseURI).href
    )) as typeof import('../golden-suite');
    const read = async (path: string): Promise<Uint8Array> =>
      new Uint8Array(await (await fetch(new URL(`shared-fixtures/${path}`, document.baseURI))).arrayBuffer());
    const found = await runGoldens(device, read, ['vaeApprox sdxl']);
    device.destroy();
    return found;
  });
  expect(results.length).toBe(9);
  expect(results.filter(({ ok }) => !ok)).toEqual([]);
});
