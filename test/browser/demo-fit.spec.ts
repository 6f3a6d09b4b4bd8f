// The Fit panel: pairs by name in any order, a fit in a worker, its figures beside the published tables', the map as a
// decoder at once and as files. Most pairs here are of pixel space, whose published map is (value + 1) / 2, with pictures
// that are a known map of the latents: what the fit must find is written in this file.

import { readFileSync } from 'node:fs';
import { expect, type Page, test } from '@playwright/test';
import { encode } from 'fast-png';
import { latentMap, readLatentMap } from '../../src/fit/index';
import { createPreviewer, latentsFromArray } from '../../src/index';
import { colours, fromByte, give, npy, openDemo, pixels, shown, type TestFile, violations } from './page';

const side = 24;
type Colour = readonly [number, number, number];

/** Colours of pixel `i` of picture `seed`, from 40 to 215: smooth, and the three independent of each other. */
const colourAt = (seed: number, i: number): Colour => {
  const [x, y] = [i % side, Math.floor(i / side)];
  const wave = (phase: number): number =>
    Math.round(127.5 + 87 * Math.sin(x * (0.3 + phase / 7) + y * (0.5 - phase / 9) + seed * phase));
  return [wave(1), wave(2.3), wave(3.1)];
};

/** The map that the pictures were made with: red from blue, green the other way round, blue half of red and brighter. */
const mapped = ([red, green, blue]: Colour): Colour => [blue, 255 - green, Math.round(red / 2 + 63.75)];

/** What no map of one pixel can tell: columns lighter and darker in blue by turns. */
const stripes = 3;
const striped = (seed: number, i: number): Colour => {
  const [red, green, blue] = mapped(colourAt(seed, i));
  return [red, green, blue + (i % 2 ? stripes : -stripes)];
};

/** Rows of constant, red, green, blue, for values from −1 to 1: what it is there. */
const truth = [[0, 0, 0, 1], [0, 0, -1, 0], [0, 0.5, 0, 0].map((value) => value)];

const places = [...Array(side * side).keys()];

const latents = (name: string, seed: number): TestFile => ({
  name,
  bytes: npy(
    [1, 3, side, side],
    [0, 1, 2].flatMap((channel) => places.map((i) => fromByte(colourAt(seed, i)[channel]!))),
  ),
});

const picture = (name: string, seed: number): TestFile => ({
  name,
  type: 'image/png',
  bytes: encode({
    width: side,
    height: side,
    channels: 3,
    data: Uint8Array.from(places.flatMap((i) => striped(seed, i))),
  }),
});

/** PSNR of the latents themselves, which is what the published map draws, against the picture. */
function publishedPsnr(seed: number): number {
  const errors = places.flatMap((i) =>
    striped(seed, i).map((value, channel) => (value - colourAt(seed, i)[channel]!) ** 2),
  );
  return 10 * Math.log10(255 ** 2 / (errors.reduce((sum, error) => sum + error, 0) / errors.length));
}

const pairs = (...seeds: readonly number[]): TestFile[] =>
  seeds.flatMap((seed) => [latents(`photo-${'abcdef'[seed]}.npy`, seed), picture(`photo-${'abcdef'[seed]}.png`, seed)]);

async function openPanel(page: Page, query?: string): Promise<void> {
  await openDemo(page, query === undefined ? {} : { query });
  await page.locator('#fit summary').click();
  await expect(page.locator('#fit-pairs-note')).not.toBeEmpty();
}

/** On the panel itself. */
async function drop(page: Page, files: readonly TestFile[]): Promise<void> {
  await page.evaluate(
    (files) => {
      const transfer = new DataTransfer();
      for (const { name, base64, type } of files) {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type }));
      }
      const zone = document.getElementById('fit-drop') as HTMLElement;
      for (const type of ['dragenter', 'dragover', 'drop'])
        zone.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    },
    files.map(({ name, bytes, type = '' }) => ({ name, type, base64: Buffer.from(bytes).toString('base64') })),
  );
  await page.locator('#main[aria-busy=false]').waitFor();
}

async function runFit(page: Page): Promise<void> {
  await page.locator('#fit-start').click();
  await expect(page.locator('#fit')).toHaveAttribute('data-state', 'idle');
  await expect(page.locator('#fit-result')).toBeVisible();
}

async function exported(page: Page, button: string): Promise<TestFile> {
  const download = page.waitForEvent('download');
  await page.locator(button).click();
  const file = await download;
  return { name: file.suggestedFilename(), bytes: new Uint8Array(readFileSync(await file.path())) };
}

const cells = async (page: Page, row: string): Promise<string[]> => page.locator(`${row} :is(th, td)`).allInnerTexts();

/** Within one step of what the map makes of picture `seed`. */
async function expectMapped(page: Page, seed: number): Promise<void> {
  const { width, height, data } = await pixels(page);
  expect([width, height]).toEqual([side, side]);
  const worst = places.flatMap((i) =>
    mapped(colourAt(seed, i)).map((value, channel) => Math.abs(value - data[4 * i + channel]!)),
  );
  expect(Math.max(...worst)).toBeLessThanOrEqual(1);
}

test('finds the map that the pictures were made with, and measures it beside the published one', async ({ page }) => {
  await openPanel(page);
  await drop(page, pairs(0, 1, 2));
  await expect(page.locator('#fit-pairs-note')).toContainText('3 pairs for Pixel space');
  await expect(page.locator('#fit-held')).toHaveText(/^1 of 3 held out/);
  await expect(page.locator('#fit-size')).toHaveText(/^12 coefficients \(4 for each of 3 outputs\) from 1,152 latent/);
  await runFit(page);
  await expect(page.locator('#fit-name')).toHaveText('pixel affine');

  // The middle one of three is a fifth's.
  const rows = await page.locator('#fit-images tbody th').allInnerTexts();
  expect(rows).toEqual(['Held out', 'photo-b', 'Fitted on', 'photo-a', 'photo-c', 'mean']);
  const [, psnr, ssim, published] = await cells(page, '#fit-images tbody:first-of-type tr:nth-child(2)');
  // The stripes are all that is left: an error in blue alone.
  expect(Math.abs(Number(psnr) - 10 * Math.log10(255 ** 2 / (stripes ** 2 / 3)))).toBeLessThan(0.3);
  expect(Number(ssim)).toBeGreaterThan(0.99);
  expect(Number(published)).toBeCloseTo(publishedPsnr(1), 2);
  for (const [row, seed] of [
    ['2', 0],
    ['3', 2],
  ] as const)
    expect(Number((await cells(page, `#fit-images tbody:last-of-type tr:nth-child(${row})`))[3])).toBeCloseTo(
      publishedPsnr(seed),
      2,
    );
  const [own, table] = [await cells(page, '#fit-means .fit-own'), await cells(page, '#fit-means tbody tr:last-child')];
  expect(own).toEqual(['pixel affine (this map)', psnr, ssim]);
  expect([table[0], table[1]]).toEqual(['pixel', published]);
  const verdict = await page.locator('.fit-verdict').innerText();
  const [, said, gain] =
    verdict.match(/^(\S+) dB on pictures that it has not seen; (\S+) dB above the best published/) ?? [];
  expect(said).toBe(psnr);
  expect(Math.abs(Number(gain) - (Number(psnr) - publishedPsnr(1)))).toBeLessThan(0.011);

  const { coefficients } = await readLatentMap((await exported(page, '#fit-json')).bytes);
  const wanted = truth.flat();
  for (const [i, value] of coefficients.entries()) expect(value, `coefficient ${i}`).toBeCloseTo(wanted[i]!, 2);
});

for (const backend of ['cpu', 'webgpu'])
  test(`the map is a decoder at once, and from either exported file: ${backend}`, async ({ page }) => {
    const query = `?backend=${backend}`;
    await openPanel(page, query);
    await drop(page, pairs(0, 1, 2));
    await runFit(page);
    await page.locator('#ladder summary').click();
    await page.locator('#fit-use').click();
    await shown(page, 'photo-a.npy');
    await expect(page.locator('#decoder optgroup[label=Yours] option')).toHaveText('pixel-affine.json · pixel affine');
    await expectMapped(page, 0);
    const rung = page.locator('#ladder-rungs li', { hasText: 'pixel-affine.json' });
    await expect(rung).toHaveAttribute('data-state', 'shown');
    await expect(rung.getByRole('button')).toHaveAttribute('aria-pressed', 'true');
    await expect(page.locator('#snippet')).toContainText("latentMap(await (await fetch('pixel-affine.json')).json())");
    // Used twice, it is there once.
    await page.locator('#fit-use').click();
    await expect(page.locator('#decoder optgroup[label=Yours] option')).toHaveCount(1);

    const json = await exported(page, '#fit-json');
    const packed = await exported(page, '#fit-safetensors');
    expect([json.name, packed.name]).toEqual(['pixel-affine.json', 'pixel-affine.safetensors']);
    const map = JSON.parse(Buffer.from(json.bytes).toString());
    expect(await readLatentMap(packed.bytes)).toEqual(map);
    const previewer = await createPreviewer({ format: 'pixel', decoder: latentMap(map), backend: 'cpu' });
    const values = [0, 1, 2].flatMap((channel) => places.map((i) => fromByte(colourAt(4, i)[channel]!)));
    const inNode = await previewer.toImageData(
      latentsFromArray(Float32Array.from(values), { shape: [1, 3, side, side] }),
    );

    for (const file of [json, packed]) {
      await openDemo(page, { query });
      await give(page, 'drop', [file, latents('other.npy', 4)]);
      await shown(page, 'other.npy');
      await expect(page.locator('#decoder option:checked')).toHaveText(`${file.name} · pixel affine`);
      await expect(page.getByRole('alert')).toHaveCount(0);
      await expectMapped(page, 4);
      const { data } = await pixels(page);
      const worst = data.reduce((most, value, i) => Math.max(most, Math.abs(value - inNode.data[i]!)), 0);
      expect(worst).toBeLessThanOrEqual(backend === 'cpu' ? 0 : 1);
    }
  });

test('pairs come in any order: by their names, and what is alone waits', async ({ page }) => {
  await openPanel(page);
  await drop(page, [picture('photo-c.png', 2), picture('photo-a.png', 0)]);
  await expect(page.locator('#fit-pairs-note')).toContainText('Without latents: photo-c.png, photo-a.png.');
  await drop(page, [latents('photo-a.npy', 0), latents('photo-b.npy', 1)]);
  await shown(page);
  const note = page.locator('#fit-pairs-note');
  await expect(note).toContainText('1 pair for Pixel space');
  await expect(note).toContainText('Without a picture: photo-b.npy.');
  await expect(note).toContainText('Without latents: photo-c.png.');
  await expect(page.locator('#fit-held')).toHaveText(/^With one pair, nothing is held out.*Add a pair/);
  await expect(page.locator('#fit-ridge-note')).toHaveText('auto: 0.0001, as nothing is held out.');
  // On the panel no picture goes to what happens to be on show.
  await drop(page, [picture('stranger.png', 3)]);
  await expect(note).toContainText('Without latents: photo-c.png, stranger.png.');
  await expect(note).toContainText('Without a picture: photo-b.npy.');
  await page.getByRole('button', { name: 'Close stranger.png' }).click();
  await drop(page, [latents('photo-c.npy', 2), picture('photo-b.png', 1)]);
  const rows = page.locator('#fit-pairs-rows tr');
  await expect(rows).toHaveCount(3);
  for (const letter of 'abc')
    await expect(page.locator(`[data-pair=photo-${letter}] .fit-detail`)).toHaveText(
      `photo-${letter}.png · ${side}×${side} from ${side}×${side}`,
    );
  await expect(note).not.toContainText('Without');
});

test('boxes say what is held out and what is left out', async ({ page }) => {
  await openPanel(page);
  await drop(page, pairs(0, 1, 2, 3));
  const held = (letter: string) => page.getByRole('checkbox', { name: `Hold out photo-${letter}` });
  await page.locator('#fit-share').selectOption('half');
  await expect(page.locator('#fit-held')).toHaveText(/^2 of 4/);
  await page.locator('#fit-share').selectOption('none');
  await expect(page.locator('#fit-held')).toHaveText(/^Nothing is held out/);
  await held('a').check();
  await held('d').check();
  await expect(page.locator('#fit-share')).toHaveValue('ticked');
  await page.getByRole('checkbox', { name: /^photo-b/ }).uncheck();
  await expect(held('b')).toBeDisabled();
  await expect(page.locator('#fit-held')).toHaveText(/^2 of 3/);
  await runFit(page);
  const rows = await page.locator('#fit-images tbody th').allInnerTexts();
  expect(rows).toEqual(['Held out', 'photo-a', 'photo-d', 'mean', 'Fitted on', 'photo-c']);
  await page.locator('#fit-share').selectOption('none');
  await runFit(page);
  await expect(page.locator('.fit-verdict')).toContainText('on the pictures that it was fitted on, which flatters it');
});

test('what is wrong is said where the fit was asked for, with the way out', async ({ page }) => {
  await openPanel(page);
  await drop(page, [latents('photo-a.npy', 0)]);
  const error = page.locator('#fit-error');
  await page.locator('#fit-start').click();
  await expect(error).toHaveText(/^There are no pairs to fit: drop latents and their pictures/);
  await drop(page, [picture('photo-a.png', 0)]);
  await page.locator('#fit-ridge').fill('strong');
  await expect(page.locator('#fit-ridge')).toHaveAttribute('aria-invalid', 'true');
  await page.locator('#fit-start').click();
  await expect(error).toHaveText("Ridge: 'strong' is neither auto nor a number from 0 up, such as 0.001.");
  await expect(page.locator('#fit-ridge')).toBeFocused();
  await page.locator('#fit-ridge').fill('0.01');
  await page.getByRole('checkbox', { name: 'Hold out photo-a' }).check();
  await page.locator('#fit-start').click();
  await expect(error).toHaveText('fit: every pair is held out, there is nothing left to fit');
  await page.getByRole('checkbox', { name: 'Hold out photo-a' }).uncheck();
  await runFit(page);
  await expect(error).toBeHidden();
  await expect(page.locator('#fit-result')).toContainText('ridge 0.01.');
  // What the library finds, in its own words.
  const grey = encode({ width: 9, height: 9, channels: 3, data: new Uint8Array(243).fill(90) });
  await drop(page, [
    { name: 'plain.npy', bytes: colours([[90, 90, 90]]) },
    { name: 'plain.png', bytes: grey, type: 'image/png' },
  ]);
  await page.getByRole('checkbox', { name: /^photo-a/ }).uncheck();
  await page.locator('#fit-start').click();
  await expect(error).toHaveText(/^fit: channel 0, channel 1, channel 2 are the same in every pixel; .*add pairs$/);
  await expect(page.locator('#fit-start')).toBeFocused();
  await drop(page, [{ name: 'broken.npy', bytes: new Uint8Array([1, 2, 3]) }]);
  await page.getByRole('button', { name: 'Show 1 problem' }).click();
  await expect(page.getByRole('button', { name: 'Dismiss broken.npy' })).toBeFocused();
});

test('a fit shows how far it is and can be cancelled, by keyboard too', async ({ page }) => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(/\/assets\/fit\.worker-[^/]*\.js$/, async (route) => {
    await held;
    await route.continue();
  });
  await openPanel(page);
  await drop(page, pairs(0, 1, 2));
  await page.evaluate(() => {
    const seen: number[] = [];
    const bar = document.getElementById('fit-progress') as HTMLProgressElement;
    new MutationObserver(() => seen.push(bar.value)).observe(bar, { attributeFilter: ['value'] });
    Object.assign(window, { seen });
  });
  await page.locator('#fit-start').focus();
  await page.keyboard.press('Enter');
  await expect(page.locator('#fit-progress')).toBeVisible();
  await expect(page.locator('#fit-cancel')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.locator('#fit-work')).toBeHidden();
  await expect(page.locator('#status')).toHaveText('fitting was cancelled');
  await expect(page.locator('#fit-start')).toBeFocused();
  await expect(page.locator('#fit-result')).toBeHidden();
  await expect(page.locator('#fit-error')).toBeHidden();
  release();
  await page.keyboard.press('Enter');
  await expect(page.locator('#fit-result')).toBeVisible();
  await expect(page.locator('#fit-start')).toBeFocused();
  const seen: number[] = await page.evaluate(() => Reflect.get(window, 'seen'));
  const parts = seen.slice(seen.lastIndexOf(0));
  expect(parts.length).toBeGreaterThan(3);
  expect(parts).toEqual([...parts].sort((a, b) => a - b));
});

test('the samples make pairs: a spatial map beats the published tables on one that it has not seen', async ({
  page,
}) => {
  await openPanel(page, '?backend=cpu&sample=sdxl-coffee');
  await expect(page.locator('#fit-pairs-note')).toContainText('1 pair for Stable Diffusion XL');
  await page.getByRole('button', { name: 'Add 2 samples' }).click();
  await expect(page.locator('#fit-pairs-rows tr')).toHaveCount(3);
  await expect(page.locator('#entry-title')).toHaveText('Coffee, SDXL');
  await page.getByRole('radio', { name: '3×3' }).check();
  await page.getByRole('radio', { name: '×2' }).check();
  await runFit(page);
  await expect(page.locator('#fit-name')).toHaveText('sdxl affine 3×3 ×2');
  const psnrs = (await page.locator('#fit-means tbody td:nth-of-type(1)').allInnerTexts()).map(Number);
  expect(psnrs.length).toBeGreaterThan(4);
  expect(psnrs[0]).toBeGreaterThan(psnrs[1]! + 2);
  await page.locator('#fit-use').click();
  await shown(page);
  await page.locator('input[name=size][value=latent]').check({ force: true });
  await shown(page);
  const { width, height } = await pixels(page);
  expect([width, height]).toEqual([108, 72]);
  // The map is of one family: others of as many channels are not offered it.
  await page.locator('#format').selectOption('sd15');
  await shown(page);
  await expect(page.locator('#decoder optgroup[label=Yours]')).toHaveCount(0);
  const map = await exported(page, '#fit-safetensors');
  await give(page, 'drop', [map]);
  await expect(page.getByRole('alert')).toContainText("is a map for 'sdxl'; this latent is read as 'sd15'");
});

test('latents that were guessed to be of another family can be read as the one on show', async ({ page }) => {
  await openPanel(page, '?backend=cpu&sample=sdxl-coffee');
  const wave = (i: number): number => Math.sin(i * 0.37) * 2 + Math.cos(i * 0.011);
  const values = [...Array(4 * 12 * 12).keys()].map(wave);
  const image = encode({
    width: 12,
    height: 12,
    channels: 3,
    data: Uint8Array.from({ length: 432 }, (_, i) => (i * 7) % 256),
  });
  await drop(page, [
    { name: 'mine.npy', bytes: npy([1, 4, 12, 12], values) },
    { name: 'mine.png', bytes: image, type: 'image/png' },
  ]);
  await shown(page, 'mine.npy');
  await page.locator('#format').selectOption('sd15');
  await page.locator('[data-sample=sdxl-coffee]').click();
  await expect(page.locator('#entry-title')).toHaveText('Coffee, SDXL');
  await page.getByRole('button', { name: 'Read 1 of another format as Stable Diffusion XL' }).click();
  // Samples make way for the user's own, unless they are asked for.
  await expect(page.getByRole('checkbox', { name: /^mine/ })).toBeChecked();
  await expect(page.getByRole('checkbox', { name: /^sdxl-coffee/ })).not.toBeChecked();
  await page.getByRole('button', { name: 'Add 2 samples' }).click();
  await expect(page.getByRole('checkbox', { name: /^sdxl-chelsea/ })).toBeChecked();
  await expect(page.locator('#fit-pairs-rows tr')).toHaveCount(4);
});

for (const scheme of ['light', 'dark'] as const)
  test(`axe finds nothing in the ${scheme} scheme, and nothing scrolls sideways at 390`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: scheme });
    await openPanel(page);
    await drop(page, [...pairs(0, 1, 2), latents('alone.npy', 3)]);
    await runFit(page);
    await page.locator('#fit-ridge').fill('strong');
    await page.locator('#fit-start').click();
    await expect(page.locator('#fit-error')).toBeVisible();
    expect(await violations(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 800 });
    const [scroll, client] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ]);
    expect(scroll).toBe(client);
    expect(await violations(page)).toEqual([]);
  });
