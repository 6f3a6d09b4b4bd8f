// Known decoders on the page: offered for the family on show, downloaded when they are asked for and not before, shown on
// their way, kept by the browser, and what happens where that fails. The hub is played by a route that serves the repo's
// own tiny net; its hash is put into the page's list in place of the real file's.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, type Page, test } from '@playwright/test';
import { knownDecoders } from '../../src/decoders/known';
import { createPreviewer, decoderFromWeights, loadLatents, loadWeights } from '../../src/index';
import { give, npy, openDemo, shown, violations } from './page';

const bytes = readFileSync(new URL('../fixtures/conv/taesd.safetensors', import.meta.url));
const sha256 = createHash('sha256').update(bytes).digest('hex');
const { taesd } = knownDecoders;
const url = `https://huggingface.co/madebyollin/taesd/resolve/${taesd.revision}/taesd_decoder.safetensors`;

const values = Array.from({ length: 4 * 4 * 4 }, (_, i) => 2 * Math.sin(i * 0.7));
const latents = { name: 'four.npy', bytes: npy([1, 4, 4, 4], values) };

type Answer = 'file' | 'refused' | 'other' | 404 | Promise<void>;

interface Hub {
  readonly asked: string[];
  answer: Answer;
}

/** The page with four-channel latents on show; whatever it asks of elsewhere is answered here and noted. */
async function openWithHub(page: Page): Promise<Hub> {
  const hub: Hub = { asked: [], answer: 'file' };
  // Read where they were built: a fetch over an idle connection, which the server is just closing, would be reset.
  await page.route('**/assets/*.js', (route) => {
    const script = readFileSync(
      new URL(`../../demo-dist${new URL(route.request().url()).pathname}`, import.meta.url),
      'utf8',
    );
    return route.fulfill({ contentType: 'text/javascript', body: script.replaceAll(taesd.sha256, sha256) });
  });
  await page.route(/^https?:\/\/(?!127\.0\.0\.1)/, async (route) => {
    hub.asked.push(route.request().url());
    const { answer } = hub;
    if (answer === 'refused') return route.abort('connectionrefused');
    if (answer instanceof Promise) await answer;
    const headers = { 'access-control-allow-origin': '*' };
    if (answer === 404) return route.fulfill({ status: 404, headers });
    // A request that the page has given up cannot be answered any more.
    return route.fulfill({ headers, body: answer === 'other' ? Buffer.alloc(40) : bytes }).catch(() => {});
  });
  await open(page);
  return hub;
}

async function open(page: Page): Promise<void> {
  await openDemo(page);
  await give(page, 'drop', [latents]);
  await shown(page, 'four.npy');
  await page.locator('#format').selectOption('sd15');
  await shown(page);
}

const offer = (page: Page) => page.locator('#decoder-offers .offer');
const start = (page: Page, name: string | RegExp = 'Download TAESD') =>
  offer(page).getByRole('button', { name }).click();
const chosen = (page: Page) => page.locator('#decoder option:checked');

async function expectDecoded(page: Page): Promise<void> {
  await expect(chosen(page)).toHaveText('TAESD · taesd 4→3 ×8');
  await shown(page);
  const decoder = decoderFromWeights(await loadWeights(bytes));
  const previewer = await createPreviewer({ format: 'sd15', decoder, backend: 'cpu' });
  const wanted = await previewer.toImageData(await loadLatents(latents.bytes));
  const seen = await page.getByTestId('preview').evaluate((canvas: HTMLCanvasElement) => {
    const data = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data;
    return { width: canvas.width, data: [...(data ?? [])] };
  });
  expect(seen.width).toBe(32);
  expect(new Set(seen.data).size).toBeGreaterThan(20);
  const worst = seen.data.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted.data[i]!)), 0);
  expect(worst).toBeLessThanOrEqual(1);
}

test('what a family has is offered, and nothing is contacted before it is asked for', async ({ page }) => {
  const hub = await openWithHub(page);
  await expect(offer(page)).toHaveText('Download TAESD4.9 MB · MIT · huggingface.co');
  for (const [format, name] of [
    ['sdxl', 'TAESDXL'],
    ['playground25', undefined],
  ] as const) {
    await page.locator('#format').selectOption(format);
    await expect(offer(page)).toHaveCount(name ? 1 : 0);
    if (name) await expect(offer(page).getByRole('button')).toHaveText(`Download ${name}`);
  }
  await page.locator('#ladder summary').click();
  await expect(page.locator('#ladder')).toHaveAttribute('data-state', 'measured');
  expect(hub.asked).toEqual([]);
});

test('a download becomes a decoder, and the next time it is there without the network', async ({ page }) => {
  const hub = await openWithHub(page);
  await start(page);
  await expectDecoded(page);
  await expect(offer(page)).toHaveCount(0);
  await expect(page.locator('#decoder')).toBeFocused();
  await expect(page.locator('#decoder optgroup[label=Downloaded] option')).toHaveCount(1);
  await expect(page.locator('#source')).toHaveText(/^From huggingface\.co\/madebyollin\/taesd, MIT: 8×8 pixels/);
  await expect(page.locator('#snippet')).toContainText("decoderFromWeights(await loadWeights('taesd'))");
  // TAESD is no decoder of the other families with four channels.
  await page.locator('#format').selectOption('sdxl');
  await expect(page.locator('#decoder optgroup[label=Downloaded]')).toHaveCount(0);
  expect(hub.asked).toEqual([url]);
  await open(page);
  await expect(offer(page)).toHaveText('Load TAESDkept in this browser · MIT');
  await start(page, 'Load TAESD');
  await expectDecoded(page);
  expect(hub.asked).toEqual([url]);
});

test('what came to harm in the browser is downloaded anew', async ({ page }) => {
  const hub = await openWithHub(page);
  await start(page);
  await expectDecoded(page);
  await page.evaluate(async () => {
    const [name = ''] = await caches.keys();
    const cache = await caches.open(name);
    const [request] = await cache.keys();
    const response = await cache.match(request!);
    const body = new Uint8Array(await response!.arrayBuffer());
    body[body.length - 9]! ^= 64;
    await cache.put(request!, new Response(body, { headers: response!.headers }));
  });
  for (const requests of [2, 2]) {
    await open(page);
    await start(page, 'Load TAESD');
    await expectDecoded(page);
    expect(hub.asked).toHaveLength(requests);
  }
});

test('a download shows how far it is, and can be cancelled', async ({ page }) => {
  const hub = await openWithHub(page);
  let release = (): void => {};
  hub.answer = new Promise<void>((resolve) => {
    release = resolve;
  });
  const before = await page.locator('#decoder').inputValue();
  await start(page);
  await expect(offer(page)).toHaveText('TAESD0.0 of 4.9 MBCancel');
  await expect(offer(page).getByRole('progressbar', { name: 'Downloading TAESD' })).toHaveAttribute('value', '0');
  await expect(page.locator('#status')).toHaveText('downloading TAESD');
  const gone = page.waitForEvent('requestfailed');
  // Another family does not hide what is on its way.
  await page.locator('#format').selectOption('playground25');
  await offer(page).getByRole('button', { name: 'Cancel the download of TAESD' }).click();
  expect((await gone).url()).toBe(url);
  release();
  await expect(offer(page)).toHaveCount(0);
  await page.locator('#format').selectOption('sd15');
  await expect(offer(page)).toHaveText(/^Download TAESD/);
  await expect(page.locator('#decoder')).toHaveValue(before);
  await expect(page.locator('#status')).toHaveText('the download of TAESD was cancelled');
  hub.answer = 'file';
  await start(page);
  await expectDecoded(page);
});

test('where it cannot be had, the page says what helps', async ({ page }) => {
  const hub = await openWithHub(page);
  hub.answer = 'refused';
  await start(page);
  const message = offer(page).locator('.offer-message');
  const unreachable =
    'TAESD was not downloaded: huggingface.co cannot be reached, or does not let this page read from it.';
  await expect(message).toHaveText(unreachable);
  await expect(page.getByRole('status')).toHaveText(unreachable);
  await expect(offer(page).getByRole('link', { name: 'taesd_decoder.safetensors' })).toHaveAttribute('href', url);
  expect(await violations(page)).toEqual([]);
  const chooser = page.waitForEvent('filechooser');
  await offer(page).getByRole('button', { name: 'choose it' }).click();
  await (await chooser).setFiles([{ name: 'taesd_decoder.safetensors', mimeType: '', buffer: bytes }]);
  await expect(chosen(page)).toHaveText('taesd_decoder.safetensors · taesd 4→3 ×8');
  hub.answer = 404;
  await start(page, 'Try again');
  await expect(message).toHaveText('TAESD was not downloaded: taesd_decoder.safetensors answered 404 Not Found');
  hub.answer = 'other';
  await start(page, 'Try again');
  await expect(message).toContainText(`(40 bytes), needed is ${sha256}`);
  await page.context().setOffline(true);
  hub.answer = 'refused';
  await start(page, 'Try again');
  await expect(message).toHaveText('TAESD was not downloaded: you are offline.');
  await page.context().setOffline(false);
  hub.answer = 'file';
  await start(page, 'Try again');
  await expectDecoded(page);
});

test('from the ladder, a download becomes a rung and leaves the stage as it is', async ({ page }) => {
  const hub = await openWithHub(page);
  const before = await page.locator('#decoder').inputValue();
  await page.locator('#ladder summary').click();
  await expect(page.locator('#ladder')).toHaveAttribute('data-state', 'measured');
  await page.locator('#ladder-offers').getByRole('button', { name: 'Download TAESD' }).click();
  const rung = page.locator('#ladder-rungs li', { hasText: 'TAESD' });
  await expect(rung).toHaveAttribute('data-state', 'shown');
  await expect(rung.locator('.rung-detail')).toHaveText('taesd 4→3 ×8');
  await expect(page.locator('#decoder')).toHaveValue(before);
  await expect(page.locator('.offer')).toHaveCount(0);
  expect(hub.asked).toEqual([url]);
});
