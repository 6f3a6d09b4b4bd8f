// Clips and batches on the page: at their family's rate, side by side, and saved as films that a browser's own decoders read
// back.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, type Page, test } from '@playwright/test';
import { decode } from 'fast-png';
import { colour, colours, give, npy, openDemo, pixels, shown, violations } from './page';

/** Latents of Wan 2.1, (1, 16, frames, height, width), of one colour per frame. */
function clip(frames: number, height = 4, width = 5): Uint8Array {
  const plane = height * width;
  // Channels 0 and 2 carry most of red, green and blue; each frame has another mix of them.
  const values = Array.from({ length: 16 }, (_, channel) =>
    Array.from({ length: frames }, (_, frame) =>
      Array<number>(plane).fill(channel === 0 ? 2 - frame : channel === 2 ? (frame % 3) - 0.5 : 0),
    ),
  );
  return npy([1, 16, frames, height, width], values.flat(2));
}

const batch = [
  [250, 10, 20],
  [20, 240, 30],
  [30, 40, 230],
  [200, 200, 10],
  [120, 120, 120],
];

async function open(page: Page, name: string, bytes: Uint8Array, options = {}): Promise<void> {
  await openDemo(page, options);
  await give(page, 'drop', [{ name, bytes }]);
  await shown(page, name);
}

async function saved(page: Page, button: string): Promise<{ name: string; bytes: Buffer }> {
  const download = page.waitForEvent('download');
  await page.locator(button).click();
  const file = await download;
  return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
}

/** The colours of a clip's frames, decoded one by one. */
async function eachColour(page: Page, count: number): Promise<(readonly number[])[]> {
  const found: (readonly number[])[] = [];
  await page.keyboard.press('Home');
  for (let frame = 0; frame < count; frame++) {
    await shown(page);
    found.push(await colour(page));
    await page.keyboard.press('ArrowRight');
  }
  return found;
}

const cellColours = (page: Page) =>
  page
    .locator('#sheet-cells canvas')
    .evaluateAll((canvases: HTMLCanvasElement[]) =>
      canvases.map((canvas) => [...(canvas.getContext('2d')?.getImageData(0, 0, 1, 1).data ?? [])].slice(0, 3)),
    );

test('a clip opens on its middle frame, with its rate and its times', async ({ page }) => {
  await open(page, 'clip.npy', clip(5));
  await expect(page.locator('#format')).toHaveValue('wan21');
  // 1 + 4 × 4 frames of video at 16 a second; the third latent frame begins after 1 + 4 of them.
  await expect(page.locator('#step')).toHaveText('3 / 5 · 0.31 s of 1.06 s');
  await expect(page.locator('#rate')).toHaveText(
    '16 fps as published for Wan 2.1. 5 latent frames are 17 of video: 1 for the first, 4 for each other.',
  );
  await expect(page.locator('#fps')).toHaveValue('16');
  await expect(page.getByRole('button', { name: 'Play', exact: true })).toBeVisible();
  await page.locator('#fps').fill('8');
  await expect(page.locator('#step')).toHaveText('3 / 5 · 0.63 s of 2.13 s');
  await expect(page.locator('#rate')).toContainText('8 fps as you say; Wan 2.1 makes 16.');
  await page.locator('#fps').fill('');
  await expect(page.locator('#step')).toHaveText('3 / 5 · 0.31 s of 1.06 s');
});

test('a clip plays at its rate, in a loop or once, faster and slower', async ({ page }) => {
  await open(page, 'clip.npy', clip(5));
  await page.keyboard.press('Home');
  await shown(page);
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 1000);
  const at = async (milliseconds: number) => {
    await page.clock.runFor(milliseconds);
    return Number((await page.locator('#step').innerText()).split(' ')[0]);
  };
  await page.keyboard.press('Space');
  // The first is one frame of video, 62.5 ms; the others are four, 250 ms. A tick of the page is 16 ms.
  expect(await at(40)).toBe(1);
  expect(await at(60)).toBe(2);
  expect(await at(180)).toBe(2);
  expect(await at(60)).toBe(3);
  expect(await at(500)).toBe(5);
  // The end of 1062.5 ms.
  expect(await at(260)).toBe(1);
  await page.locator('#speed').selectOption('4');
  expect(await at(60)).toBe(2);
  await page.locator('#speed').selectOption('1');
  await page.keyboard.press('l');
  await expect(page.locator('#loop')).toHaveAttribute('aria-pressed', 'false');
  expect(await at(2000)).toBe(5);
  await expect(page.getByRole('button', { name: 'Play', exact: true })).toBeVisible();
  // Once over, from the start again.
  await page.keyboard.press('Space');
  expect(await at(40)).toBe(1);
});

test('clips play by themselves, but not where motion is unwanted or either axis may be time', async ({ page }) => {
  await open(page, 'clip.npy', clip(5), { motion: true });
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible();
  await give(page, 'drop', [{ name: 'square.npy', bytes: clip(16) }]);
  await shown(page, 'square.npy');
  await expect(page.getByRole('button', { name: 'Play', exact: true })).toBeVisible();
  await expect(page.locator('#rate')).toContainText('either axis may be time');
  await page.locator('#layout').selectOption('NTCHW');
  await expect(page.locator('#rate')).toContainText('16 fps as published');
});

test('a contact sheet shows what the frames show; one is enlarged, and Escape leads back', async ({ page }) => {
  await open(page, 'clip.npy', clip(5));
  const frames = await eachColour(page, 5);
  expect(new Set(frames.map(String)).size).toBe(5);
  await page.keyboard.press('g');
  const sheet = page.locator('#sheet');
  await expect(sheet).toHaveAttribute('data-state', 'shown');
  await expect(page.getByRole('list', { name: '5 frames' })).toBeVisible();
  expect(await cellColours(page)).toEqual(frames);
  // The last one has the focus.
  await expect(page.getByRole('button', { name: 'Frame 5 · 0.81 s' })).toBeFocused();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('button', { name: 'Frame 2 · 0.06 s' })).toBeFocused();
  await expect(page.locator('[aria-current] .tag')).toHaveText('2 · 0.06 s');
  await page.keyboard.press('Enter');
  await expect(sheet).toBeHidden();
  await shown(page);
  expect(await colour(page)).toEqual(frames[1]);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: 'Frame 2 · 0.06 s' })).toBeFocused();
  // Another way to read the numbers is another sheet.
  await page.locator('#decoder').selectOption('wan21/sdcpp');
  await expect.poll(() => cellColours(page)).not.toEqual(frames);
  await page.locator('#decoder').selectOption('wan21');
  await expect.poll(() => cellColours(page)).toEqual(frames);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    expect(await violations(page)).toEqual([]);
  }
  await page.locator('#backend').selectOption('webgpu');
  await expect(sheet).toHaveAttribute('data-state', 'decoding');
  await expect(sheet).toHaveAttribute('data-state', 'shown', { timeout: 30_000 });
  expect(farthest(await cellColours(page), frames)).toBeLessThanOrEqual(1);
  await page.locator('#sheet-toggle').click();
  await expect(sheet).toBeHidden();
});

test('a batch opens as a grid, and any item is enlarged', async ({ page }) => {
  await open(page, 'batch.npy', colours(batch, 9));
  await expect(page.locator('#sheet')).toHaveAttribute('data-state', 'shown');
  expect(await cellColours(page)).toEqual(batch);
  await page.getByRole('button', { name: 'Item 4' }).click();
  await expect(page.locator('#sheet')).toBeHidden();
  await shown(page);
  expect(await colour(page)).toEqual(batch[3]);
  await page.keyboard.press('Escape');
  await expect(page.locator('#sheet')).toBeVisible();
  // The grid is about the batch alone: a picture on its own has none.
  await give(page, 'drop', [{ name: 'one.npy', bytes: colours(batch.slice(0, 1), 9) }]);
  await shown(page, 'one.npy');
  await expect(page.locator('#sheet')).toBeHidden();
  await expect(page.locator('#sheet-toggle')).toBeHidden();
});

test('a batch of clips plays as a grid', async ({ page }) => {
  const one = new Float32Array(Uint8Array.from(clip(3).subarray(-16 * 3 * 20 * 4)).buffer);
  await open(page, 'clips.npy', npy([2, 16, 3, 4, 5], [...one, ...one.map((value) => -value)]));
  await expect(page.locator('#sheet')).toHaveAttribute('data-state', 'shown');
  await expect(page.locator('#sheet-cells li')).toHaveCount(2);
  const middle = await cellColours(page);
  expect(middle[0]).not.toEqual(middle[1]);
  await page.locator('#scrub').focus();
  await page.keyboard.press('End');
  await expect.poll(() => cellColours(page)).not.toEqual(middle);
  await page.locator('#sheet-axis').selectOption('frame');
  await expect(page.locator('#sheet-cells li')).toHaveCount(3);
});

/** A GIF by the browser's own decoder: the size, and each frame's hundredths of a second and first pixel. */
const readGif = (page: Page, bytes: Buffer) =>
  page.evaluate(async (base64) => {
    const data = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const decoder = new ImageDecoder({ data, type: 'image/gif' });
    await Promise.all([decoder.completed, decoder.tracks.ready]);
    const { frameCount, repetitionCount } = decoder.tracks.selectedTrack!;
    const frames: { size: number[]; hundredths: number; colour: number[] }[] = [];
    for (let frameIndex = 0; frameIndex < frameCount; frameIndex++) {
      const { image } = await decoder.decode({ frameIndex });
      const canvas = new OffscreenCanvas(image.displayWidth, image.displayHeight);
      const context = canvas.getContext('2d')!;
      context.drawImage(image, 0, 0);
      frames.push({
        size: [canvas.width, canvas.height],
        hundredths: (image.duration ?? 0) / 10_000,
        colour: [...context.getImageData(0, 0, 1, 1).data].slice(0, 3),
      });
    }
    return { repetitionCount, frames };
  }, bytes.toString('base64'));

test('saves a batch as GIF: every colour, at the rate that is set', async ({ page }) => {
  await open(page, 'batch.npy', colours(batch, 9));
  await page.locator('#fps').fill('12');
  await expect(page.locator('#saving-note')).toContainText('5 pictures of 9×9; a film of them lasts 0.42 s, at 12 fps');
  const { name, bytes } = await saved(page, '#save-gif');
  expect(name).toBe('batch.pixel.gif');
  const { repetitionCount, frames } = await readGif(page, bytes);
  expect(repetitionCount).toBe(Number.POSITIVE_INFINITY);
  expect(frames.map(({ colour }) => colour)).toEqual(batch);
  expect(frames.map(({ size }) => size)).toEqual(batch.map(() => [9, 9]));
  // 8⅓ hundredths each, 41⅔ in all.
  expect(frames.map(({ hundredths }) => hundredths)).toEqual([8, 9, 8, 8, 9]);
  await page.locator('#fps').fill('120');
  await expect(page.locator('#saving-note')).toContainText('A GIF is slower: it shows each for 0.02 s at least.');
  // What encodes it is in a worker; its notice is with the others.
  expect(await (await page.request.get('/licences.md')).text()).toMatch(/^## gifenc - .*MIT.*\n\n[^#]{500}/m);
  const fast = await readGif(page, (await saved(page, '#save-gif')).bytes);
  expect(fast.frames.map(({ hundredths }) => hundredths)).toEqual([2, 2, 2, 2, 2]);
});

test('saves a clip as GIF in the time of its video, and as a contact sheet', async ({ page }) => {
  await open(page, 'clip.npy', clip(5));
  const colours = await eachColour(page, 5);
  const gif = await readGif(page, (await saved(page, '#save-gif')).bytes);
  expect(gif.frames.map(({ hundredths }) => hundredths)).toEqual([6, 25, 25, 25, 25]);
  expect(gif.frames.map(({ size }) => size)).toEqual(colours.map(() => [40, 32]));
  expect(gif.frames.map(({ colour }) => colour)).toEqual(colours);

  await page.locator('input[name=size][value=latent]').check({ force: true });
  const { name, bytes } = await saved(page, '#save-sheet');
  expect(name).toBe('clip.wan21.sheet.png');
  const { width, height, data } = decode(bytes);
  // Pictures of 5×4 in three columns and two rows, one pixel apart.
  expect([width, height]).toEqual([17, 9]);
  const at = (x: number, y: number) => [...data.slice((y * width + x) * 4, (y * width + x) * 4 + 3)];
  expect([at(0, 0), at(6, 0), at(16, 3), at(0, 5), at(10, 8)]).toEqual(colours);
});

interface Video {
  readonly size: readonly number[];
  readonly duration: number;
  readonly colours: readonly (readonly number[])[];
}
/**
 * A video in a <video> of a page of its own: its size, its length, and what is on show at some times. On a busy machine the
 * picture may come a moment after `seeked`: it is looked at again until it is the expected one, for a second at most.
 */
async function readVideo(
  page: Page,
  type: string,
  bytes: Buffer,
  expected: readonly { readonly time: number; readonly colour: readonly number[] }[],
): Promise<Video> {
  const other = await page.context().newPage();
  await other.route('**/video.html', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
  await other.goto('/video.html');
  const read = await other.evaluate(
    async ([type, base64, expected, tolerance]) => {
      const data = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const video = document.createElement('video');
      const heard = (name: string) =>
        new Promise((resolve, reject) => {
          video.addEventListener(name, resolve, { once: true });
          video.addEventListener('error', () => reject(new Error(video.error?.message)), { once: true });
        });
      const ready = heard('loadeddata');
      video.muted = true;
      video.src = URL.createObjectURL(new Blob([data], { type }));
      await ready;
      const canvas = document.createElement('canvas');
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      const context = canvas.getContext('2d', { willReadFrequently: true })!;
      const colours: number[][] = [];
      for (const { time, colour } of expected) {
        const sought = heard('seeked');
        video.currentTime = time;
        await sought;
        for (let look = 0; ; look++) {
          context.drawImage(video, 0, 0);
          const { data } = context.getImageData(canvas.width >> 1, canvas.height >> 1, 1, 1);
          const found = [...data].slice(0, 3);
          if (look < 20 && found.some((value, c) => Math.abs(value - colour[c]!) > tolerance))
            await new Promise((resolve) => setTimeout(resolve, 50));
          else {
            colours.push(found);
            break;
          }
        }
      }
      return { size: [video.videoWidth, video.videoHeight], duration: video.duration, colours };
    },
    [type, bytes.toString('base64'), expected, tolerance] as const,
  );
  await other.close();
  return read;
}

/** Of what video coding does to a colour, in steps of 255. */
const tolerance = 12;

const farthest = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number =>
  Math.max(...a.flatMap((one, k) => one.map((value, c) => Math.abs(value - (b[k]?.[c] ?? 999)))));

for (const [kind, type] of [
  ['webm', 'video/webm'],
  ['mp4', 'video/mp4'],
] as const)
  test(`saves a clip as ${kind} in the time of its video`, async ({ page }) => {
    await open(page, 'clip.npy', clip(5));
    const colours = await eachColour(page, 5);
    const button = page.locator(`#save-${kind}`);
    // A browser without the encoder says so; which ones have it is theirs.
    const can = await page.evaluate(async (kind) => {
      const codec = kind === 'mp4' ? 'avc1.640028' : 'vp09.00.40.08';
      return (await VideoEncoder.isConfigSupported({ codec, width: 640, height: 480 })).supported;
    }, kind);
    if (!can) {
      await expect(button).toBeDisabled();
      await expect(page.locator('#saving-note')).toContainText('has no encoder of');
      return;
    }
    // Latents of 5×4 at their own size are odd and too small for encoders: four times as large, then even.
    await page.locator('input[name=size][value=latent]').check({ force: true });
    await shown(page);
    const { name, bytes } = await saved(page, `#save-${kind}`);
    expect(name).toBe(`clip.wan21.${kind}`);
    // 1 frame of video for the first, 4 for each other, each looked at in its middle.
    const expected = Array.from({ length: 17 }, (_, frame) => ({
      time: (frame + 0.5) / 16,
      colour: colours[Math.ceil(frame / 4)] ?? [],
    }));
    const video = await readVideo(page, type, bytes, expected);
    expect(video.size).toEqual([20, 16]);
    expect(video.duration).toBeCloseTo(17 / 16, 2);
    expect(
      farthest(
        video.colours,
        expected.map(({ colour }) => colour),
      ),
    ).toBeLessThanOrEqual(tolerance);
  });

test('odd sizes become even by their last row and column once more', async ({ page }) => {
  await open(page, 'batch.npy', colours(batch, 17));
  const { bytes } = await saved(page, '#save-webm');
  const expected = batch.map((colour, k) => ({ time: (k + 0.5) / 8, colour }));
  const video = await readVideo(page, 'video/webm', bytes, expected);
  expect(video.size).toEqual([18, 18]);
  expect(farthest(video.colours, batch)).toBeLessThanOrEqual(tolerance);
});

test('a browser without encoders of video says so, and saves GIFs', async ({ page }) => {
  await page.addInitScript('delete globalThis.VideoEncoder');
  await open(page, 'batch.npy', colours(batch, 9));
  await expect(page.locator('#save-mp4')).toBeDisabled();
  await expect(page.locator('#save-webm')).toBeDisabled();
  await expect(page.locator('#saving-note')).toContainText('This browser has no encoder of H.264');
  expect((await readGif(page, (await saved(page, '#save-gif')).bytes)).frames).toHaveLength(5);
});

test('a net of convolutions draws the grid one after the other, and a film of it leaves its pictures', async ({
  page,
}) => {
  await openDemo(page);
  const weights = readFileSync(new URL('../fixtures/conv/taesd.safetensors', import.meta.url));
  const values = Array.from({ length: 3 * 4 * 5 * 6 }, (_, k) => 2 * Math.sin(k * 0.7 + Math.floor(k / 120)));
  await give(page, 'drop', [
    { name: 'taesd.safetensors', bytes: weights },
    { name: 'three.npy', bytes: npy([3, 4, 5, 6], values) },
  ]);
  await shown(page, 'three.npy');
  const sheet = page.locator('#sheet');
  await expect(sheet).toHaveAttribute('data-state', 'shown');
  const drawn = await cellColours(page);
  expect(new Set(drawn.map(String)).size).toBe(3);
  for (const round of [1, 2]) {
    const { frames } = await readGif(page, (await saved(page, '#save-gif')).bytes);
    expect(
      frames.map(({ size }) => size),
      `round ${round}`,
    ).toEqual(drawn.map(() => [48, 40]));
  }
  await page.keyboard.press('g');
  await page.keyboard.press('g');
  await expect(sheet).toHaveAttribute('data-state', 'shown');
  expect(await cellColours(page)).toEqual(drawn);
});

test('saving a film can be cancelled', async ({ page }) => {
  await open(page, 'long.npy', colours(Array<number[]>(300).fill([9, 9, 9]), 9));
  for (const kind of ['gif', 'webm']) {
    await page.evaluate((kind) => {
      document.getElementById(`save-${kind}`)?.click();
      setTimeout(() => document.getElementById('saving-cancel')?.click(), 30);
    }, kind);
    await expect(page.locator('#status')).toHaveText('saving was cancelled');
    await expect(page.locator('#saving')).toBeHidden();
    await expect(page.locator(`#save-${kind}`)).toBeEnabled();
    await page.locator('#status').evaluate((status) => status.replaceChildren());
  }
});

const real = new URL('../../../shared/fixtures/latents/real-wan21-cheesecake.f16.npy', import.meta.url);
if (!existsSync(real)) console.log('skipped: the real clip on the page, ../shared/fixtures is absent');

test('a real clip: its first frame is flatter than the middle one, which is shown', async ({ page }) => {
  test.skip(!existsSync(real), '../shared/fixtures is absent');
  await openDemo(page);
  await page.setInputFiles('#pick', fileURLToPath(real));
  await shown(page, 'real-wan21-cheesecake.f16.npy');
  await expect(page.locator('#step')).toContainText('9 / 16');
  const deviation = async () => {
    const { data } = await pixels(page);
    const greens = data.filter((_, k) => k % 4 === 1);
    const mean = greens.reduce((sum, value) => sum + value, 0) / greens.length;
    return Math.sqrt(greens.reduce((sum, value) => sum + (value - mean) ** 2, 0) / greens.length);
  };
  const middle = await deviation();
  await page.keyboard.press('Home');
  await shown(page);
  expect(await deviation()).toBeLessThan(middle * 0.8);
});
