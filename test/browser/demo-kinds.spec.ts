// Files of every kind on the page: each shows what the same numbers show as .npy; what holds several tensors lets one
// choose; a ComfyUI latent says what it holds.

import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { give, npy, openDemo, pixels, safetensors, shown } from './page';

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
      await page.getByRole('radio', { name: 'model', exact: true }).check();
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
  await expect(page.locator('#made-with')).toContainText('prompt');
  const first = await pixels(page);
  await page.locator('#tensor').selectOption('steps.0');
  await expect.poll(async () => (await pixels(page)).data).not.toEqual(first.data);
});

/** As ComfyUI's API has it; nodes are linked by `[id, output]`. */
const graph = {
  3: {
    class_type: 'KSampler',
    inputs: {
      ...{ seed: 8566257, steps: 20, cfg: 6.5, sampler_name: 'euler', scheduler: 'normal', denoise: 1 },
      ...{ model: ['10', 0], positive: ['11', 0], negative: ['7', 0], latent_image: ['5', 0] },
    },
  },
  4: { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'sd_xl_base_1.0.safetensors' } },
  5: { class_type: 'EmptyLatentImage', inputs: { width: 1216, height: 832, batch_size: 1 } },
  6: { class_type: 'CLIPTextEncodeSDXL', inputs: { text_g: 'a lighthouse, dawn', text_l: ['12', 0], clip: ['4', 1] } },
  7: { class_type: 'CLIPTextEncode', inputs: { text: '<b>blurry</b>', clip: ['4', 1] } },
  10: { class_type: 'LoraLoader', inputs: { lora_name: 'film.safetensors', model: ['4', 0] } },
  11: { class_type: 'ConditioningSetArea', inputs: { conditioning: ['6', 0], width: 512 } },
  // A ring, as a forged file may have one.
  12: { class_type: 'Text', inputs: { text: ['12', 0] } },
};

test('a ComfyUI latent says what it was made with', async ({ page }) => {
  const tensors = {
    latent_format_version_0: { shape: [0], values: [] },
    latent_tensor: { shape: [1, 4, 8, 8], values: Array.from({ length: 256 }, (_, index) => Math.sin(index) * 7) },
  };
  const metadata = { prompt: JSON.stringify(graph), workflow: '{"nodes":[],"version":0.4}' };
  await give(page, 'drop', [{ name: 'made.latent', bytes: safetensors(tensors, metadata) }]);
  await shown(page, 'made.latent');
  const facts = await page
    .locator('#made-with-facts > div')
    .evaluateAll((rows) =>
      Object.fromEntries(
        rows.map((row) => [row.querySelector('dt')?.textContent, row.querySelector('dd')?.textContent]),
      ),
    );
  expect(facts).toMatchObject({
    Model: 'sd_xl_base_1.0.safetensors',
    LoRA: 'film.safetensors',
    Prompt: 'a lighthouse, dawn',
    Negative: '<b>blurry</b>',
    Sampler: 'euler · normal · steps 20 · cfg 6.5 · seed 8566257 · denoise 1',
    Size: '1216×832',
  });
  await page.locator('#made-with-strings summary', { hasText: 'workflow' }).click();
  await expect(page.locator('#made-with-strings pre').last()).toContainText('"version": 0.4');
  // What is no graph is shown as it stands; what says nothing about itself has no such part.
  await give(page, 'drop', [{ name: 'odd.latent', bytes: safetensors(tensors, { prompt: '[1', note: 'mine' }) }]);
  await shown(page, 'odd.latent');
  await expect(page.locator('#made-with-facts')).toHaveText('notemine');
  await give(page, 'drop', [{ name: 'bare.latent', bytes: safetensors(tensors) }]);
  await shown(page, 'bare.latent');
  await expect(page.locator('#made-with')).toBeHidden();
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
