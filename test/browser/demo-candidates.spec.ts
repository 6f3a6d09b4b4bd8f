// "What is this?": the readings of a file side by side, opened by itself where the numbers leave it open, and chosen by
// pointer, by keyboard or in the inspector.

import { readFileSync } from 'node:fs';
import { expect, type Page, test } from '@playwright/test';
import { give, npy, openDemo, pixels, shown, violations } from './page';

/** Numbers without a place or a family: alike in all channels, as deviant as any normalised latents. */
function anything(count: number): readonly number[] {
  let seed = 1;
  const next = (): number => {
    seed = (seed * 48271) % 2147483647;
    return seed / 2147483647;
  };
  return Array.from({ length: count }, () => (next() + next() + next() - 1.5) * 2);
}
const noise = (name: string) => ({ name, bytes: npy([1, 4, 18, 22], anything(4 * 18 * 22)) });

const tiles = (page: Page) => page.locator('.candidate');
const radios = (page: Page) => page.locator('.candidate input');

/** What the strip says is on show, and what the fields say. */
const readings = (page: Page) =>
  page.evaluate(() => {
    const { format, domain } = document.querySelector<HTMLElement>('.candidate:has(:checked)')?.dataset ?? {};
    const field = document.getElementById('format') as HTMLSelectElement;
    const radio = document.querySelector<HTMLInputElement>('input[name=domain]:checked');
    return { strip: `${format} ${domain}`, fields: `${field.value} ${radio?.value}` };
  });

test('what the numbers leave open is asked, and a click answers', async ({ page }) => {
  await openDemo(page);
  await give(page, 'drop', [noise('step_1.npy')]);
  await shown(page, 'step_1.npy');
  const strip = page.locator('#candidates');
  await expect(strip).toHaveAttribute('open');
  await expect(page.locator('#candidates-note')).toContainText('Not certain');
  await expect(strip).toHaveAttribute('data-state', 'drawn');
  await expect(radios(page).first()).toBeChecked();

  // Each has a picture of its own, or says why not.
  const pictures = await tiles(page).evaluateAll((all) =>
    all.map((tile) => {
      const canvas = tile.querySelector('canvas') as HTMLCanvasElement;
      const data = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      return { state: tile.dataset.state, why: tile.querySelector('.candidate-why')?.textContent, data: data.join() };
    }),
  );
  const drawn = pictures.filter(({ state }) => state === 'drawn');
  expect(drawn.length).toBeGreaterThan(3);
  expect(new Set(drawn.map(({ data }) => data)).size).toBe(drawn.length);
  for (const { state, why } of pictures) if (state !== 'drawn') expect(why).toMatch(/^No picture: .*(GPL|nobody)/);

  const first = await pixels(page);
  const [before, second] = [await readings(page), tiles(page).nth(1)];
  const wanted = await second.evaluate(({ dataset }) => `${dataset.format} ${dataset.domain}`);
  expect(before.strip).toBe(before.fields);
  expect(wanted).not.toBe(before.strip);
  await second.click();
  await shown(page);
  expect((await pixels(page)).data).not.toEqual(first.data);
  expect(await readings(page)).toEqual({ strip: wanted, fields: wanted });
  await expect(page.locator('#candidates-note')).toContainText('your choice');
  await expect(page.locator('#snippet')).toContainText(`createPreviewer({ format: '${wanted.split(' ')[0]}'`);

  // It stays for what continues the sequence, and for nothing else.
  await give(page, 'drop', [noise('step_2.npy'), noise('other.npy')]);
  await shown(page, 'step_2.npy');
  expect((await readings(page)).strip).toBe(wanted);
  await page.locator('#files-tiles .tile[title="other.npy"]').click();
  await shown(page, 'other.npy');
  expect(await readings(page)).toEqual(before);
});

test('arrows and Enter choose; the fields and the strip agree; one choice may serve all files of a shape', async ({
  page,
}) => {
  await openDemo(page);
  await give(page, 'drop', [noise('a.npy'), noise('b.npy')]);
  await shown(page, 'a.npy');
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press('w');
  await expect(radios(page).first()).toBeFocused();
  await page.keyboard.press('ArrowRight');
  await shown(page);
  await expect(radios(page).nth(1)).toBeChecked();
  const { strip, fields } = await readings(page);
  expect(strip).toBe(fields);

  const [format, domain] = strip.split(' ') as [string, string];
  await page.locator(`input[name=domain][value=${domain === 'vae' ? 'model' : 'vae'}]`).check({ force: true });
  await shown(page);
  const other = await readings(page);
  expect(other).toEqual({ strip: other.fields, fields: `${format} ${domain === 'vae' ? 'model' : 'vae'}` });
  await radios(page).nth(1).focus();
  await page.keyboard.press('Enter');
  await shown(page);
  await expect(radios(page).nth(1)).toBeChecked();

  await page.getByRole('button', { name: 'Read b.npy alike' }).click();
  await page.locator('#files-tiles .tile[title="b.npy"]').click();
  await shown(page, 'b.npy');
  expect(await readings(page)).toEqual({ strip, fields });
});

test('what is clear is shown at once; the other readings are a key away', async ({ page }) => {
  await openDemo(page);
  const bytes = readFileSync(new URL('../../demo/public/samples/flux-chelsea.npy', import.meta.url));
  await give(page, 'drop', [{ name: 'cat.npy', bytes }]);
  await shown(page, 'cat.npy');
  const strip = page.locator('#candidates');
  await expect(strip).not.toHaveAttribute('open');
  await expect(page.locator('#candidates-note')).toContainText('FLUX.1, model domain');
  await page.keyboard.press('w');
  await expect(strip).toHaveAttribute('data-state', 'drawn');
  await expect(tiles(page).first()).toHaveAttribute('data-format', 'flux');
  await expect(tiles(page).first()).toContainText('likeliest');
  await expect(tiles(page)).toHaveCount(12);
  await page.getByRole('button', { name: /^Show \d+ more$/ }).click();
  await expect(radios(page).nth(12)).toBeFocused();
  await expect(tiles(page).last()).not.toHaveAttribute('data-state', 'waiting');
  expect(await tiles(page).count()).toBeGreaterThan(16);
  await page.keyboard.press('w');
  await expect(strip).not.toHaveAttribute('open');

  // The choice by hand for raw numbers is in the code too.
  await give(page, 'drop', [{ name: "it's.bin", bytes: bytes.subarray(bytes.length - 4 * 4 * 8 * 8) }]);
  const card = page.getByRole('alert');
  await card.getByLabel('Shape').fill('4, 8, 8');
  await card.getByRole('button', { name: 'Open as raw numbers' }).click();
  await shown(page, "it's.bin");
  await expect(page.locator('#snippet')).toContainText(
    "loadLatents('it\\'s.bin', { shape: [4, 8, 8], dtype: 'float32'",
  );
});
