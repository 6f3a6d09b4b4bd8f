// The Channels panel: what it draws and says of latents whose numbers are known, by pointer and by keyboard; and the notice
// that some numbers are none.

import { expect, type Page, test } from '@playwright/test';
import { give, npy, openDemo, shown, violations } from './page';

/** Pixel space: 3 channels of 4×2. Channel 0 counts 0 … 7 eighths, channel 1 is −1, channel 2 has odd ones. */
const eighths = Array.from({ length: 8 }, (_, k) => k / 8);
const odd = [0.5, Number.NaN, 0.5, 0.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 0.5];
const known = npy([1, 3, 2, 4], [...eighths, ...Array<number>(8).fill(-1), ...odd]);

const drawn = (page: Page) => page.locator('#channels[data-state=drawn]').waitFor();
const large = '.channel-frame canvas';

/** Reds of a canvas of the panel, row by row. */
const reds = (page: Page, selector: string, index = 0): Promise<number[]> =>
  page
    .locator(selector)
    .nth(index)
    .evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      return [...data].filter((_, k) => k % 4 === 0);
    });

async function open(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  await give(page, 'drop', [{ name, bytes }]);
  await shown(page, name);
  await page.locator('#format').selectOption('pixel');
  await shown(page, name);
}

test('shows every channel on one scale, with its numbers', async ({ page }) => {
  await openDemo(page);
  await expect(page.locator('#not-finite')).toBeHidden();
  await open(page, 'known.npy', known);
  await expect(page.locator('#not-finite')).toContainText('4 of 24 numbers are not finite: 2 NaN, 1 +∞, 1 −∞.');
  await page.getByRole('button', { name: 'Show where' }).click();
  await drawn(page);
  await expect(page.locator('#channels > summary')).toBeInViewport();
  // The channel that has them.
  await expect(page.locator('.channel-list')).toHaveText('Channel2Mean0.5Std0Min0.5Max0.5Not finite4 of 8');
  await page.getByRole('radio', { name: /^Channel 0/ }).check({ force: true });
  await expect(page.locator('#channels-panel > .facts')).toHaveText(
    '3 channels of 4×2, the numbers as stored (model domain), all on one scale.',
  );
  await expect(page.locator('.channels-odd')).toContainText('They are magenta here.');

  // −1 is black and 7/8 white: 1.875 between them, so 0 is at 136.
  const cards = page.getByRole('radio', { name: /^Channel \d/ });
  await expect(cards).toHaveCount(3);
  await expect(page.locator('.channel-card').first()).toContainText('0.44 ± 0.29');
  const grey = eighths.map((value) => Math.round(((value + 1) / 1.875) * 255));
  expect(await reds(page, large)).toEqual(grey);
  expect(await reds(page, '.channel-card canvas', 0)).toEqual(grey);
  expect(await reds(page, '.channel-card canvas', 1)).toEqual(Array(8).fill(0));
  const half = 204;
  expect(await reds(page, '.channel-card canvas', 2)).toEqual([half, 255, half, half, 255, 255, 255, half]);

  // Of 0, 1/8 … 7/8: mean 7/16, deviation √(5.25) / 8.
  await expect(page.locator('.channel-list')).toHaveText('Channel0Mean0.438Std0.286Min0Max0.875');
  await expect(page.locator('.channel-scale-labels')).toHaveText('−100.875');

  await page.locator('input[name=channel-palette][value=diverging]').check({ force: true });
  await expect.poll(() => reds(page, '.channel-card canvas', 1)).toEqual(Array(8).fill(20));
  expect((await reds(page, large))[0]).toBe(244);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    expect(await violations(page)).toEqual([]);
  }
});

test('reads the number under the pointer, and by keyboard', async ({ page }) => {
  await openDemo(page);
  await open(page, 'known.npy', known);
  await page.locator('#channels > summary').click();
  await drawn(page);
  await page.getByRole('radio', { name: /^Channel 0/ }).check({ force: true });
  const readout = page.locator('.channel-readout');
  const box = await page.locator(large).boundingBox();
  const position = { x: (box?.width ?? 0) * 0.9, y: (box?.height ?? 0) * 0.9 };
  await page.locator(large).hover({ position });
  await expect(readout).toHaveText('x 3, y 1: 0.875000');
  await page.locator(large).focus();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowLeft');
  await expect(readout).toHaveText('x 2, y 0: 0.250000');
  for (let press = 0; press < 5; press++) await page.keyboard.press('ArrowLeft');
  await expect(readout).toHaveText('x 0, y 0: 0.00000');

  await page.getByRole('radio', { name: /^Channel 0/ }).focus();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('radio', { name: /^Channel 1/ })).toBeChecked();
  await expect(readout).toHaveText('x 0, y 0: −1.00000');
  await page.keyboard.press('ArrowRight');
  await expect(page.locator('.channel-list')).toContainText('Not finite4 of 8');
  await page.locator(large).focus();
  await page.keyboard.press('ArrowRight');
  await expect(readout).toHaveText('x 1, y 0: NaN');
});

test('follows the item on show, and what the numbers are read as', async ({ page }) => {
  await openDemo(page);
  // Two items of packed FLUX.1 tokens: 2×2 of them, all numbers the item's own but for channel 3 of the second.
  const tokens = [0, 1].flatMap((item) =>
    Array.from({ length: 4 * 64 }, (_, k) => (item && Math.floor((k % 64) / 4) === 3 ? 5 : item)),
  );
  await give(page, 'drop', [{ name: 'tokens.npy', bytes: npy([2, 4, 64], tokens) }]);
  await shown(page, 'tokens.npy');
  await page.locator('#format').selectOption('flux');
  await shown(page, 'tokens.npy');
  await page.locator('#channels > summary').click();
  await drawn(page);
  const facts = page.locator('#channels-panel > .facts');
  await expect(facts).toHaveText(/^16 channels of 4×4, .* item 1 of 2\.$/);
  const third = page.locator('.channel-card').nth(3);
  await expect(third).toContainText('0 ± 0');
  await page.locator('#scrub').fill('1');
  await expect(facts).toContainText('item 2 of 2');
  await expect(third).toContainText('5 ± 0');
  await expect(page.locator('.channel-card').first()).toContainText('1 ± 0');
  // Once chosen, a channel stays through the sequence.
  await third.click();
  await page.locator('#scrub').fill('0');
  await expect(page.locator('.channel-list')).toContainText('Channel3Mean0Std0');
  await expect(page.locator('#not-finite')).toBeHidden();
});

test('leads to the item whose numbers are none', async ({ page }) => {
  await openDemo(page);
  const items = [0, 1, 2].flatMap((item) =>
    Array.from({ length: 3 * 64 }, (_, k) => (item === 1 && k === 70 ? Number.NaN : 0)),
  );
  await open(page, 'items.npy', npy([3, 3, 8, 8], items));
  await expect(page.locator('#not-finite')).toContainText('1 of 576 numbers is not finite: 1 NaN.');
  await page.getByRole('button', { name: 'Show where' }).click();
  await drawn(page);
  await expect(page.locator('#channels-panel > .facts')).toContainText('item 2 of 3');
  await expect(page.locator('.channel-list')).toContainText('Channel1');
  await expect(page.locator('#scrub')).toHaveValue('1');
});
