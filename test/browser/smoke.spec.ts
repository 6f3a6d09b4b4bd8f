// The built page opens, offers WebGPU and says nothing in the console.

import { expect, test } from '@playwright/test';

test('the demo page opens without an error', async ({ page }, testInfo) => {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('requestfailed', (request) => complaints.push(`${request.url()} ${request.failure()?.errorText}`));
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.url()} answered ${response.status()}`);
  });

  await page.goto('/', { waitUntil: 'networkidle' });
  await expect(page).toHaveTitle(/latent-preview/i);
  await page.screenshot({ path: testInfo.outputPath('demo.png'), fullPage: true });
  expect(complaints).toEqual([]);
});

test('the page needs nothing from elsewhere', async ({ page }) => {
  const foreign: string[] = [];
  await page.route(/.*/, (route) => {
    const url = new URL(route.request().url());
    if (!['127.0.0.1', 'localhost'].includes(url.hostname) && url.protocol.startsWith('http')) foreign.push(url.href);
    return route.continue();
  });
  await page.goto('/', { waitUntil: 'networkidle' });
  expect(foreign).toEqual([]);
});

test('Chromium offers a WebGPU adapter here', async ({ page }) => {
  await page.goto('/');
  const description = await page.evaluate(async () => {
    const adapter = await navigator.gpu?.requestAdapter();
    return adapter ? adapter.info.vendor : 'none';
  });
  expect(description).not.toBe('none');
});
