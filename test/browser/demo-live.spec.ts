// The live page: the replay through its real socket, senders of one's own, what is said where there is none, connections
// that break off; by keyboard, and accessible.

import { fileURLToPath } from 'node:url';
import { expect, type Page, test, type WebSocketRoute } from '@playwright/test';
import { preview } from 'vite';
import { latentsFromArray } from '../../src/index';
import { encodeLatents } from '../../src/stream/index';
import { colours, give, openDemo, shown, violations } from './page';

async function openLive(page: Page): Promise<void> {
  await openDemo(page);
  await page.getByRole('link', { name: 'Live' }).press('Enter');
  await expect(page.locator('#live-sample option')).not.toHaveCount(0);
}

const number = async (page: Page, id: string): Promise<number> =>
  Number.parseFloat((await page.locator(id).textContent()) ?? '');

/** The picture's first pixel, read on the page: it is decoded on the CPU here. */
const firstPixel = (page: Page): Promise<number[]> =>
  page.evaluate(() => {
    const context = document.querySelector<HTMLCanvasElement>('#live-canvas')!.getContext('2d')!;
    return [...context.getImageData(0, 0, 1, 1).data];
  });

/** A step of one grey in pixel space, from −1 to 1. */
const grey = async (value: number, step: number, format?: 'pixel'): Promise<Buffer> => {
  const latents = latentsFromArray(new Float32Array(3 * 8 * 8).fill(value), {
    shape: [1, 3, 8, 8],
    ...(format ? { format } : {}),
  });
  return Buffer.from(await encodeLatents(latents, { step, steps: 10, dtype: 'float32' }));
};

/** A sender that a test speaks for; each connection in turn. */
async function sender(page: Page): Promise<{ sockets: WebSocketRoute[]; connect: () => Promise<void> }> {
  const sockets: WebSocketRoute[] = [];
  await page.routeWebSocket('ws://sender.test/steps', (socket) => void sockets.push(socket));
  return {
    sockets,
    async connect() {
      await page.locator('#live-address').fill('ws://sender.test/steps');
      await page.locator('#live-address').press('Enter');
      await expect.poll(() => sockets.length).toBeGreaterThan(0);
    },
  };
}

test('shows the replay, step by step, with its figures', async ({ page }) => {
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await openLive(page);
  await expect(page.locator('#main')).toBeHidden();
  await page.getByRole('button', { name: 'Watch a replay' }).press('Enter');
  await expect(page.locator('#live')).toHaveAttribute('data-state', 'picture', { timeout: 30_000 });
  await expect(page.locator('#live-step')).toHaveText(/^step \d+ of 30 · σ [01]\.\d\d · x0$/);
  await expect.poll(() => number(page, '#live-shown')).toBeGreaterThan(3);
  // (1, 16, 36, 54) halves and their header.
  await expect(page.locator('#live-size')).toHaveText('62 kB');
  await expect(page.locator('#live-time')).toHaveText(/ m?s$/);
  expect(await number(page, '#live-rate')).toBeGreaterThan(50);
  await expect(page.locator('#live-canvas')).toHaveAttribute('aria-label', /^FLUX\.1, step \d+, 432×288$/);
  await expect(page.locator('#live-progress')).toHaveJSProperty('max', 30);

  // Another way to send them is connected to at once, and costs half.
  await page.locator('#live-dtype').selectOption('uint8');
  await expect(page.locator('#live-size')).toHaveText('31 kB');
  await page.getByRole('radio', { name: 'noisy latents' }).check();
  await expect(page.locator('#live-step')).toContainText('noisy');
  await page.locator('#live-sample').selectOption('sd15-coffee');
  await expect(page.locator('#live-canvas')).toHaveAttribute('aria-label', /^Stable Diffusion 1.*432×288$/);
  expect(problems).toEqual([]);
});

test('axe finds nothing in either scheme', async ({ page }) => {
  await openLive(page);
  await page.getByRole('button', { name: 'Watch a replay' }).click();
  await expect(page.locator('#live')).toHaveAttribute('data-state', 'picture', { timeout: 30_000 });
  expect(await violations(page)).toEqual([]);
  await page.emulateMedia({ colorScheme: 'dark' });
  expect(await violations(page)).toEqual([]);
});

test('closes its connection when told to, or left; files dropped on it are shown on their page', async ({ page }) => {
  await openLive(page);
  const start = page.locator('#live-start');
  await start.click();
  await expect.poll(() => number(page, '#live-shown'), { timeout: 30_000 }).toBeGreaterThan(0);
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await expect(page.locator('#live-status')).toHaveText('closed');
  const count = await number(page, '#live-shown');
  await page.waitForTimeout(400);
  expect(await number(page, '#live-shown')).toBe(count);

  await start.click();
  await expect(page.locator('#live-status')).toHaveText('open');
  await give(page, 'paste', [{ name: 'red.npy', bytes: colours([[255, 0, 0]]) }]);
  await shown(page, 'red.npy');
  await expect(page.locator('#live')).toBeHidden();
  await page.getByRole('link', { name: 'Live' }).click();
  await expect(page.locator('#live-status')).toHaveText('closed');
});

test('121 shows a sender of one’s own; one that breaks off is connected to again, and then given up', async ({
  page,
}) => {
  await openLive(page);
  const { sockets, connect } = await sender(page);
  await connect();
  sockets[0]!.send('{"type":"status"}');
  sockets[0]!.send(await grey(1, 1, 'pixel'));
  await expect(page.locator('#live-step')).toHaveText('step 1 of 10');
  expect(await firstPixel(page)).toEqual([255, 255, 255, 255]);
  await sockets[0]!.close({ code: 1011 });
  await expect(page.locator('#live-status')).toHaveText(/^broke off; connecting again in 1 s$/);
  await expect.poll(() => sockets.length).toBe(2);
  sockets[1]!.send(await grey(-1, 2, 'pixel'));
  await expect(page.locator('#live-step')).toHaveText('step 2 of 10');
  await expect(page.locator('#live-status')).toHaveText('open');
  expect(await firstPixel(page)).toEqual([0, 0, 0, 255]);
  await sockets[1]!.close({ code: 1000 });
  await expect(page.locator('#live-status')).toHaveText('the sender has ended the stream');
  // The picture stays.
  await expect(page.locator('#live-notice')).toBeHidden();
});

test('says what is wrong with a sender, and the way out', async ({ page }) => {
  await openLive(page);
  const { sockets, connect } = await sender(page);
  const message = page.locator('#live-message');
  await connect();
  sockets[0]!.send(await grey(1, 1));
  await expect(message).toHaveText(
    'The sender does not say which format it sends; choose one under “How they are shown”.',
  );
  await page.locator('#live-format').selectOption('pixel');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect.poll(() => sockets.length).toBe(2);
  sockets[1]!.send(await grey(1, 1));
  await expect(page.locator('#live-step')).toHaveText('step 1 of 10');
  // A format that the numbers do not fit.
  await page.locator('#live-format').selectOption('sdxl');
  sockets[1]!.send(await grey(1, 2));
  await expect(message).toContainText("3 channels, format 'sdxl' has 4");
  // Damaged: another version.
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect.poll(() => sockets.length).toBe(3);
  const newer = await grey(1, 1);
  newer[4] = 2;
  sockets[2]!.send(newer);
  await expect(message).toContainText('version 2, this reader knows 1');
  expect(await violations(page)).toEqual([]);

  const address = page.locator('#live-address');
  await address.fill('hello');
  await address.press('Enter');
  await expect(message).toHaveText('‘hello’ cannot be connected to: an address begins with ws:// or wss://.');
  await expect(address).toHaveAttribute('aria-invalid', 'true');
  await address.fill('ws://127.0.0.1:1/');
  await address.press('Enter');
  await expect(message).toHaveText(/^Nothing answers at ws:\/\/127\.0\.0\.1:1\/\. Is the sender running/);
  await page.getByRole('button', { name: 'The replay’s address' }).click();
  await expect(address).toHaveValue(/\/live\?sample=/);
});

test('as plain files, without a server of steps, says so', async ({ page }) => {
  const outDir = fileURLToPath(new URL('../../demo-dist', import.meta.url));
  const server = await preview({ configFile: false, build: { outDir }, preview: { port: 0, host: '127.0.0.1' } });
  await page.goto(`${server.resolvedUrls!.local[0]}?backend=cpu&decoder=map#live`);
  await page.getByRole('button', { name: 'Watch a replay' }).click();
  await expect(page.locator('#live-message')).toHaveText(/^There is no replay server here: .*“npm run demo”/);
  await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible();
  await server.close();
});

test('waits for a sender, and can be told not to', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await openLive(page);
  const { connect } = await sender(page);
  await connect();
  await expect(page.locator('#live-message')).toHaveText('Connecting…');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.locator('#live-status')).toHaveText('closed');
  await expect(page.locator('#live-message')).toHaveText('The connection is closed.');
  // Nothing is wider than the phone.
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
});
