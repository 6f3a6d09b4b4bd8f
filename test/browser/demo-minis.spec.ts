// The mini decoder on the page: loaded from the page's own files, listed, on the ladder, in the snippet; and a page that
// cannot have it. Which one `auto` takes is choose.test.ts's, with a clock of its own.

import { expect, test } from '@playwright/test';
import { openDemo, pixels, shown } from './page';

test('is shown where the address asks for it, and named in the code', async ({ page }) => {
  await openDemo(page, { query: '?backend=cpu&decoder=mini' });
  const decoder = page.locator('#decoder');
  await expect(decoder).toHaveValue('mini-flux', { timeout: 20_000 });
  await shown(page);
  await expect(page.locator('#source')).toContainText('Trained by this project, MIT: 8×8 pixels');
  await expect(page.locator('#snippet')).toContainText("decoder: 'mini'");
  const mini = await pixels(page);
  await decoder.selectOption('flux');
  await shown(page);
  await expect(page.locator('#snippet')).toContainText("decoder: 'map'");
  expect((await pixels(page)).data).not.toEqual(mini.data);
});

test('the map stays where the weights cannot be had', async ({ page }) => {
  let asked = 0;
  await page.route('**/mini-*.safetensors', (route) => {
    asked++;
    return route.abort();
  });
  await openDemo(page, { query: '?backend=cpu&decoder=mini' });
  await expect.poll(() => asked).toBe(1);
  await expect(page.locator('#decoder')).toHaveValue('flux');
  await expect(page.locator('#decoder option[value=mini-flux]')).toHaveCount(0);
});
