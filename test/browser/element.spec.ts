// <latent-preview> as pages use it: what it shows and at which size, what it says, how it lives. Its GPU objects are
// element-gpu.spec.ts's, the built files under a strict policy element-page.spec.ts's.

import { decode } from 'fast-png';
import { differingPictures } from '../tolerances';
import { expect, loads, markup, on, pixels, reaches, type Suite, serve, test, told } from './element';
import { colours } from './page';

for (const backend of ['cpu', 'webgpu'])
  test(`shows a file as the previewer decodes it: ${backend}`, async ({ element: page }) => {
    await markup(
      page,
      `<latent-preview id="a" src="/sdxl.safetensors" format="sdxl" decoder="map" upscale="latent" backend="${backend}"
        style="width: 108px"></latent-preview>`,
    );
    const { detail } = await loads(page, 'a', 1);
    expect(detail).toMatchObject({ width: 108, height: 72, frame: 0, frames: 1, format: 'sdxl', backend });
    expect(detail.decoder).toContain('sdxl cubic');
    const expected = await page.evaluate(async () => {
      const { createPreviewer, loadLatents } = (await import('/browser-suite.js' as string)) as Suite;
      const cpu = await createPreviewer({ format: 'sdxl', decoder: 'map', backend: 'cpu' });
      const { width, height, data } = await cpu.toImageData(await loadLatents('/sdxl.safetensors'));
      return { width, height, data: [...data] };
    });
    const shot = decode(await page.locator('#a').screenshot());
    const data = Array.from({ length: 108 * 72 * 4 }, (_, i) =>
      i % 4 === 3 ? 255 : shot.data[Math.floor(i / 4) * shot.channels + (i % 4)]!,
    );
    expect(differingPictures({ width: shot.width, height: shot.height, data }, expected)).toBeUndefined();
    // One decode, though the box took the picture's shape.
    expect(await told(page, 'load')).toHaveLength(1);
    expect((await told(page, 'progress')).some(({ detail }) => detail.phase === 'latents')).toBe(true);
  });

test('112 has as many pixels as its box shows, between the decoder’s and the image’s', async ({ element: page }) => {
  await markup(page, '<latent-preview id="a" src="/sdxl.safetensors" format="sdxl" decoder="map"></latent-preview>');
  const sized = async (width: number, height: number): Promise<void> => {
    await expect
      .poll(() =>
        on(page, 'a', (a) => {
          const canvas = a.shadowRoot!.querySelector('canvas')!;
          return [canvas.width, canvas.height].join();
        }),
      )
      .toBe([width, height].join());
  };
  // As large as the image, where the page says nothing.
  await loads(page, 'a', 1);
  await sized(432, 288);
  expect(await on(page, 'a', (a) => [a.offsetWidth, a.offsetHeight])).toEqual([432, 288]);
  expect(await told(page, 'load')).toHaveLength(1);
  const style = (text: string) => page.locator('#a').evaluate((a, text) => a.setAttribute('style', text), text);
  // A width alone: the height follows, as an image's does; and the other way round.
  await style('width: 216px');
  await sized(216, 144);
  await style('height: 72px');
  expect(await on(page, 'a', (a) => a.offsetWidth)).toBe(108);
  // No gap where a height is none of whole pixels; one where the shapes differ is the page's.
  const lies = () => on(page, 'a', (a) => getComputedStyle(a.shadowRoot!.querySelector('canvas')!).objectFit);
  await style('width: 301px');
  await sized(301, 201);
  expect(await lies()).toBe('fill');
  await style('width: 300px; height: 203px');
  await sized(300, 200);
  expect(await lies()).toBe('contain');
  // Never smaller than decoded, which the browser shrinks better, nor larger than the model's image.
  await style('width: 40px');
  await sized(108, 72);
  await style('width: 1000px; max-width: none');
  await sized(432, 288);
  // Within its box, or filling it.
  await style('width: 200px; height: 200px');
  await sized(200, 133);
  await style('width: 210px; height: 200px; --latent-preview-fit: cover');
  await sized(300, 200);
  await style('width: 120px');
  await sized(120, 80);
  // A window that went to another screen.
  const session = await page.context().newCDPSession(page);
  const metrics = { width: 1200, height: 900, deviceScaleFactor: 2, mobile: false };
  await session.send('Emulation.setDeviceMetricsOverride', metrics);
  await sized(240, 160);
  for (const [upscale, width] of [
    ['image', 432],
    ['latent', 108],
    ['3', 162],
  ] as const) {
    await page.locator('#a').evaluate((a, upscale) => a.setAttribute('upscale', upscale), upscale);
    await sized(width, (width * 2) / 3);
  }
});

test('125 honours what was set before it was defined, and is copied with its attributes', async ({ suite: page }) => {
  await serve(page, '/red.npy', colours([[255, 0, 0]]));
  await page.evaluate(() => {
    document.body.innerHTML =
      '<latent-preview format="pixel" src="/red.npy"></latent-preview><latent-preview></latent-preview>';
    const latents = { data: new Float32Array(3).fill(-1), shape: [3, 1, 1] };
    Object.assign(document.body.lastChild!, { latents, format: 'pixel' });
  });
  expect(await page.evaluate(() => customElements.get('latent-preview'))).toBeUndefined();
  const seen = await page.evaluate(async () => {
    const loaded = (element: Element) => new Promise((resolve) => element.addEventListener('load', resolve));
    const colour = (element: Element) => {
      const context = element.shadowRoot!.querySelector('canvas')!.getContext('2d')!;
      return [...context.getImageData(0, 0, 1, 1).data].join();
    };
    const [first, second] = [...document.querySelectorAll<Element>('latent-preview')] as [Element, Element];
    const both = Promise.all([loaded(first), loaded(second)]);
    // One of its recipes defines it; again, that is nothing.
    const { defineLatentPreview } = (await import('/browser-suite.js' as string)) as Suite;
    defineLatentPreview();
    await both;
    const early = [colour(first), colour(second), Object.keys(second).length, second.getAttribute('format')];

    const made = document.createElement('latent-preview');
    Object.assign(made, { src: '/red.npy', format: 'pixel' });
    const copy = made.cloneNode(true) as typeof made;
    const template = document.createElement('template');
    template.innerHTML = made.outerHTML;
    const fromTemplate = template.content.cloneNode(true).firstChild as typeof made;
    const all = Promise.all([made, copy, fromTemplate].map(loaded));
    document.body.append(made, copy, fromTemplate);
    await all;
    // A copy of what has a picture starts anew, and its attributes are its owner's alone.
    const late = made.cloneNode() as typeof made;
    const again = loaded(late);
    document.body.append(late);
    await again;
    return { early, late: [made, copy, fromTemplate, late].map(colour), markup: late.outerHTML };
  });
  const [red, black] = ['255,0,0,255', '0,0,0,255'];
  expect(seen.early).toEqual([red, black, 0, 'pixel']);
  expect(seen.late).toEqual([red, red, red, red]);
  expect(seen.markup).toBe('<latent-preview src="/red.npy" format="pixel"></latent-preview>');
});

test('125 keeps its picture where it is moved, and finds itself in another document', async ({ element: page }) => {
  await serve(page, '/red.npy', colours([[255, 0, 0]]));
  await markup(
    page,
    '<div></div><latent-preview id="a" src="/red.npy" format="pixel"></latent-preview><iframe></iframe>',
  );
  await loads(page, 'a', 1);
  await on(page, 'a', (a) => document.querySelector('div')!.append(a));
  await page.waitForTimeout(150);
  expect(await told(page, 'load', 'a')).toHaveLength(1);
  expect((await pixels(page, 'a')).data.slice(0, 4)).toEqual([255, 0, 0, 255]);
  // Gone for a while, it comes back with what was asked for last.
  await on(page, 'a', async (a) => {
    a.remove();
    await new Promise((resolve) => setTimeout(resolve, 50));
    a.latents = { data: new Float32Array(3).fill(1), shape: [3, 1, 1] };
    await new Promise((resolve) => setTimeout(resolve, 50));
    document.body.append(a);
  });
  await loads(page, 'a', 2);
  expect((await pixels(page, 'a')).data.slice(0, 4)).toEqual([255, 255, 255, 255]);
  // Style sheets do not follow into another document by themselves.
  const inFrame = await on(page, 'a', async (a) => {
    const { contentDocument } = document.querySelector('iframe')!;
    const shown = new Promise((resolve) => a.addEventListener('load', resolve));
    contentDocument!.body.append(a);
    a.src = '/red.npy';
    a.latents = null;
    await shown;
    return getComputedStyle(a.shadowRoot!.querySelector('canvas')!).position;
  });
  expect(inFrame).toBe('absolute');
});

test('122 shows the newest: of a stream, and of files that come in another order', async ({ element: page }) => {
  await serve(page, '/red.npy', colours([[255, 0, 0]]));
  await serve(page, '/blue.npy', colours([[0, 0, 255]]));
  let slow: () => void = () => {};
  const asked = new Promise<void>((begun) =>
    page.route('**/slow.npy', async (route) => {
      begun();
      await new Promise<void>((resolve) => {
        slow = resolve;
      });
      await route.fulfill({ body: Buffer.from(colours([[0, 255, 0]])) }).catch(() => {});
    }),
  );
  const aborted = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/slow.npy'));
  await markup(page, '<latent-preview id="a" format="pixel" src="/slow.npy"></latent-preview>');
  await asked;
  await on(page, 'a', (a) => a.setAttribute('src', '/blue.npy'));
  await aborted;
  await loads(page, 'a', 1);
  slow();
  // Fifty steps, faster than they can be shown: some are, in order, and the last one is.
  const shades = await on(page, 'a', async (a) => {
    const seen: number[] = [];
    const canvas = () => a.shadowRoot!.querySelector('canvas')!;
    a.addEventListener('load', () => void seen.push(canvas().getContext('2d')!.getImageData(0, 0, 1, 1).data[0]!));
    for (let step = 1; step <= 50; step++) {
      a.latents = { data: new Float32Array(3 * 64 * 64).fill((step * 5) / 127.5 - 1), shape: [3, 64, 64] };
      if (step % 5 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    while (seen.at(-1) !== 250) await new Promise((resolve) => setTimeout(resolve, 10));
    return seen;
  });
  expect(shades.length).toBeGreaterThan(2);
  expect(shades.length).toBeLessThan(15);
  expect(shades).toEqual([...shades].sort((a, b) => a - b));
  // The same object again is decoded again: its numbers may be others.
  const [before, after] = await on(page, 'a', async (a) => {
    const latents = { data: new Float32Array(3).fill(1), shape: [3, 1, 1] };
    const shown = async () => {
      const loaded = new Promise((resolve) => a.addEventListener('load', resolve, { once: true }));
      a.latents = latents;
      await loaded;
      return a.shadowRoot!.querySelector('canvas')!.getContext('2d')!.getImageData(0, 0, 1, 1).data[0];
    };
    const first = await shown();
    latents.data.fill(-1);
    return [first, await shown()];
  });
  expect([before, after]).toEqual([255, 0]);
  // A large one takes longer than the small one after it, and does not cover that.
  const order = await on(page, 'a', async (a) => {
    const seen: number[] = [];
    a.addEventListener('load', ({ detail }) => void seen.push(detail.width));
    // A box of its own: another shape of it would be measured first.
    a.style.cssText = 'width: 50px; height: 50px';
    Object.assign(a, { format: 'sdxl', decoder: 'map', upscale: 'latent' });
    const give = (side: number): void => {
      a.latents = { data: new Float32Array(4 * side * side), shape: [4, side, side] };
    };
    const arrived = async (width: number): Promise<void> => {
      while (seen.at(-1) !== width) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    give(8);
    await arrived(16);
    give(400);
    await new Promise((resolve) => setTimeout(resolve));
    give(4);
    await arrived(8);
    await new Promise((resolve) => setTimeout(resolve, 700));
    return seen;
  });
  expect(order).toEqual([16, 800, 8]);
});

test('111 waits while nobody can see it, and then shows the newest alone', async ({ element: page }) => {
  const requests: string[] = [];
  page.on('request', (request) => requests.push(new URL(request.url()).pathname));
  await serve(page, '/red.npy', colours([[255, 0, 0]]));
  await serve(page, '/blue.npy', colours([[0, 0, 255]]));
  await markup(
    page,
    `<latent-preview id="a" format="pixel" src="/red.npy" hidden></latent-preview>
     <div style="height: 3000px"></div><latent-preview id="b" format="pixel" src="/red.npy"></latent-preview>`,
  );
  await page.waitForTimeout(200);
  expect(requests.filter((path) => path.endsWith('.npy'))).toEqual([]);
  for (const id of ['a', 'b']) await on(page, id, (element) => element.setAttribute('src', '/blue.npy'));
  await on(page, 'a', (a) => {
    a.hidden = false;
  });
  await loads(page, 'a', 1);
  await on(page, 'b', (b) => b.scrollIntoView());
  await loads(page, 'b', 1);
  expect(requests.filter((path) => path.endsWith('.npy'))).toEqual(['/blue.npy', '/blue.npy']);
  // A tab in the background.
  const visibility = (state: string) =>
    page.evaluate((state) => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, value: state });
      document.dispatchEvent(new Event('visibilitychange'));
    }, state);
  await visibility('hidden');
  for (const value of [-1, 0, 1])
    await page.locator('#b').evaluate(async (b, value) => {
      Object.assign(b, { latents: { data: new Float32Array(3).fill(value), shape: [3, 1, 1] } });
      await new Promise((resolve) => setTimeout(resolve, 30));
    }, value);
  expect(await told(page, 'load', 'b')).toHaveLength(1);
  await visibility('visible');
  await loads(page, 'b', 2);
  expect((await pixels(page, 'b')).data.slice(0, 3)).toEqual([255, 255, 255]);
  expect(await told(page, 'load', 'b')).toHaveLength(2);
  await reaches(page, 'b', 'shown');
});
