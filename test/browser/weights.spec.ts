// loadWeights with the browser's own Cache Storage and hashes.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expect, type Suite, test } from './suite';

const file = readFileSync(new URL('../fixtures/conv/taesd.safetensors', import.meta.url));
const sha256 = createHash('sha256').update(file).digest('hex');

/** Serves the file, and notes the requests. */
async function serve(page: Page): Promise<string[]> {
  const asked: string[] = [];
  await page.route('**/net.safetensors', (route) => {
    asked.push(route.request().url());
    return route.fulfill({ body: file });
  });
  return asked;
}

test('what is kept is not fetched again, after the page was loaded anew', async ({ suite }) => {
  const asked = await serve(suite);
  const load = () =>
    suite.evaluate(async (sha256) => {
      const { loadWeights }: Suite = await import('/browser-suite.js' as never);
      return (await loadWeights('net.safetensors', { sha256 })).size;
    }, sha256);
  const size = await load();
  expect(size).toBeGreaterThan(10);
  await suite.reload();
  expect(await load()).toBe(size);
  expect(asked).toHaveLength(1);
});

test('118 what came to harm is fetched again, and mended', async ({ suite }) => {
  const asked = await serve(suite);
  const sizes = await suite.evaluate(async (sha256) => {
    const { loadWeights }: Suite = await import('/browser-suite.js' as never);
    const load = async () => (await loadWeights('net.safetensors', { sha256 })).size;
    const sizes = [await load()];
    const cache = await caches.open('latent-preview-weights');
    for (const harm of [(body: ArrayBuffer) => body.slice(9), () => new ArrayBuffer(0)]) {
      const response = await cache.match('net.safetensors');
      if (!response) throw new Error('nothing was kept');
      await cache.put(
        'net.safetensors',
        new Response(harm(await response.arrayBuffer()), { headers: response.headers }),
      );
      sizes.push(await load(), await load());
    }
    return sizes;
  }, sha256);
  expect(new Set(sizes).size).toBe(1);
  expect(asked).toHaveLength(3);
});

test('117 no room to keep it is no reason to fail', async ({ suite }) => {
  const asked = await serve(suite);
  // The browser's own quota, as a site that has used it up.
  const session = await suite.context().newCDPSession(suite);
  const { origin } = new URL(suite.url());
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 });
  const found = await suite.evaluate(async (sha256) => {
    const { loadWeights }: Suite = await import('/browser-suite.js' as never);
    const { size } = await loadWeights('net.safetensors', { sha256 });
    const cache = await caches.open('latent-preview-weights');
    return { size, kept: (await cache.keys()).length };
  }, sha256);
  expect(found.size).toBeGreaterThan(10);
  expect(found.kept).toBe(0);
  expect(asked).toHaveLength(1);
});

test('one fetch for two, one of whom is aborted', async ({ suite }) => {
  const asked = await serve(suite);
  const found = await suite.evaluate(async () => {
    const { loadWeights }: Suite = await import('/browser-suite.js' as never);
    const controller = new AbortController();
    const left = loadWeights('net.safetensors', { signal: controller.signal }).catch((error: Error) => error.name);
    const stayed = loadWeights('net.safetensors');
    await new Promise((resolve) => setTimeout(resolve));
    controller.abort();
    return { left: await left, size: (await stayed).size };
  });
  expect(found.left).toBe('AbortError');
  expect(found.size).toBeGreaterThan(10);
  expect(asked).toHaveLength(1);
});
