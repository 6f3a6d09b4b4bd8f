// Every real latent of ../shared, dropped at once beside the photos they were made of: what the page takes each for, and
// whether the picture is the photo.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';
import { openDemo, shown } from './page';

const shared = new URL('../../../shared/fixtures/', import.meta.url);
const manifest = new URL('manifest.json', shared);
if (!existsSync(manifest)) console.log('skipped: real latents on the page, ../shared/fixtures is absent');

interface Listed {
  readonly path: string;
  readonly kind: string;
  readonly family: string;
  readonly scaling: string;
  readonly photo?: string;
}

/** How the project calls the families of the manifest. */
const formats: Readonly<Record<string, string>> = {
  sd1: 'sd15',
  sdxl: 'sdxl',
  sd3: 'sd3',
  flux1: 'flux',
  flux2: 'flux2',
  wan21: 'wan21',
};

test('every real latent opens as what it is', async ({ page }) => {
  test.skip(!existsSync(manifest), '../shared/fixtures is absent');
  test.setTimeout(180_000);
  const { files } = JSON.parse(readFileSync(manifest, 'utf8')) as { files: readonly Listed[] };
  const latents = files.filter(({ kind, path }) => kind === 'latents' && path.startsWith('latents/'));
  const photos = [...new Set(latents.flatMap(({ photo }) => photo ?? []))];
  await openDemo(page);
  // Less work for each of them.
  await page.locator('input[name=size][value=latent]').check({ force: true });
  const paths = [...latents.map(({ path }) => path), ...photos];
  await page.setInputFiles(
    '#pick',
    paths.map((path) => fileURLToPath(new URL(path, shared))),
  );
  await page.locator('#main[aria-busy=false]').waitFor();
  await expect(page.locator('.problem')).toHaveCount(0);
  await expect(page.locator('#files-tiles .tile')).toHaveCount(latents.length);

  const psnr = async (): Promise<number> => {
    await page.locator('#metrics:is([data-state=measured], [data-state=none])').waitFor();
    return Number.parseFloat(await page.locator('#psnr').innerText());
  };
  const rows: string[] = [];
  for (const { path, family, scaling } of latents)
    await test.step(path, async () => {
      const name = path.replace('latents/', '');
      // What ComfyUI saves for SD1 is the VAE's; what it saves for FLUX.2 is the model's.
      const domain = /^ComfyUI/.test(scaling) && family === 'sd1' ? 'vae' : 'model';
      await page.locator(`#files-tiles .tile[title=${JSON.stringify(name)}]`).click();
      await shown(page, name);
      const first = await psnr();
      const tiles = await page
        .locator('.candidate')
        .evaluateAll((all) => all.map((tile) => `${tile.dataset.format} ${tile.dataset.domain}`));
      const rank = 1 + tiles.indexOf(`${formats[family]} ${domain}`);
      const asks = await page.locator('#candidates').evaluate((details) => details.hasAttribute('open'));
      rows.push(
        [name.padEnd(40), rank, asks ? 'asks' : 'sure', Number.isNaN(first) ? 'no photo' : `${first} dB`].join('  '),
      );
      expect.soft(rank, `${name} is not ${tiles[0]}`).toBe(1);
      // What the wrong one of SD1 and SDXL reaches is less than 17; clips have no photo.
      if (family !== 'wan21') expect.soft(first, name).toBeGreaterThan(18);
    });
  console.log(`file, rank of what it is, whether the page asks, against the photo\n${rows.join('\n')}`);
});
