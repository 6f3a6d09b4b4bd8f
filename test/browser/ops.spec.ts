// The op suite inside Chromium: the same kernels that Node runs on Dawn and Deno on Naga, in the browser people use.

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
    const device = await adapter?.requestDevice();
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
