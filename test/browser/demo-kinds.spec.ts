// Files of every kind on the page: each shows what the same numbers show as .npy; what holds several tensors lets one
// choose; a ComfyUI latent says what it holds.

import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { give, npy, openDemo, pixels, shown } from './page';

const folder = new URL('../fixtures/files/', import.meta.url);
const fixture = (name: string) => ({ name, bytes: new Uint8Array(readFileSync(new URL(name, folder))) });

interface Expected {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}
/** What the file's own library says that it holds. */
function expected(name: string, key: string): Expected {
  const json = JSON.parse(readFileSync(new URL(name.replace(/\.\w+$/, '.json'), folder), 'utf8'));
  return json.tensors?.[key] ?? json;
}

test.beforeEach(async ({ page }) => openDemo(page));

for (const [name, key] of [
  ['npz-one.npz', 'arr_0'],
  ['npz-deflated.npz', 'latents'],
  ['torch-tensor.pt', ''],
  ['torch-half.pth', ''],
  ['png-rgba.png', ''],
  ['comfyui.latent', 'latent_tensor'],
] as const)
  test(`${name} shows what its numbers show as .npy`, async ({ page }) => {
    const { shape, values } = expected(name, key);
    const settle = async (title: string) => {
      await shown(page, title);
      await page.locator('#format').selectOption('sdxl');
      await page.getByRole('radio', { name: 'model' }).check();
      await shown(page, title);
      return pixels(page);
    };
    await give(page, 'drop', [{ name: 'same.npy', bytes: npy(shape, values) }]);
    const wanted = await settle('same.npy');
    await give(page, 'drop', [fixture(name)]);
    const found = await settle(name);
    expect(new Set(found.data).size).toBeGreaterThan(4);
    expect(found).toEqual(wanted);
    await expect(page.locator('#facts')).toContainText(`(${shape.join(', ')})`);
  });

test('a .pt of several tensors lets one choose', async ({ page }) => {
  await give(page, 'drop', [fixture('torch-nested.pt')]);
  const card = page.locator('.problem');
  await expect(card).toContainText("torch: 4 tensors could be latents: 'steps.0' float32 (1, 4, 3, 5)");
  await card.getByRole('combobox').selectOption('steps.1.1.x');
  await card.getByRole('button', { name: 'Open this one' }).click();
  await shown(page, 'torch-nested.pt');
  await expect(card).toHaveCount(0);
  await expect(page.locator('#tensor')).toHaveValue('steps.1.1.x');
  await expect(page.locator('#facts')).toContainText('holds its ComfyUI prompt');
  const first = await pixels(page);
  await page.locator('#tensor').selectOption('steps.0');
  await expect.poll(async () => (await pixels(page)).data).not.toEqual(first.data);
});

test('a ComfyUI latent says that it holds its prompt', async ({ page }) => {
  await give(page, 'drop', [fixture('comfyui.latent')]);
  await shown(page, 'comfyui.latent');
  await expect(page.locator('#facts')).toContainText('holds its ComfyUI prompt');
});

test('a zip, a TorchScript program and a pickle that would run code say what they are', async ({ page }) => {
  await give(page, 'drop', [fixture('refused-torch-script.pt'), fixture('refused-torch-module.pt')]);
  const cards = page.locator('.problem');
  await expect(cards.first()).toContainText('a TorchScript program');
  await expect(cards.last()).toContainText("the global 'torch.nn.modules.container.Sequential' is not on the list");
});

test('an opaque PNG is a reference picture', async ({ page }) => {
  await give(page, 'drop', [{ ...fixture('refused-png-opaque.png'), type: 'image/png' }]);
  await expect(page.locator('#files-tiles')).toContainText('waits for its latents');
});
