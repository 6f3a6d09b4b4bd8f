// <latent-preview> for people: what a screen reader hears, keys, errors with a way out, slots, decoders on the way.

import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expect, loads, markup, on, reaches, serve, test, told } from './element';
import { colours, npy, violations } from './page';

interface Heard {
  readonly role: string;
  readonly name: string;
  readonly children?: Heard[];
}

const roles = ['image', 'img', 'Canvas', 'group', 'slider', 'alert', 'button', 'progressbar'];

/** What assistive technology is told, as a tree, without what it passes over. */
async function heard(page: Page): Promise<Heard[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  const below = (id: string): Heard[] => {
    const { ignored, role, name, childIds = [] } = nodes.find(({ nodeId }) => nodeId === id)!;
    const children = childIds.flatMap(below);
    if (ignored || !roles.includes(role?.value)) return children;
    return [{ role: role!.value, name: name?.value ?? '', ...(children.length > 0 ? { children } : {}) }];
  };
  return below(nodes[0]!.nodeId);
}

test('126 is one picture with a name, and a group where there is more in it', async ({ element: page }) => {
  await serve(page, '/red.npy', colours([[255, 0, 0]]));
  await markup(
    page,
    `<main><h1>Previews</h1>
    <latent-preview id="a" src="/sdxl.safetensors" format="sdxl" decoder="map"></latent-preview>
    <latent-preview id="b" src="/sdxl.safetensors" format="sdxl" decoder="map" aria-label="A cup of coffee"></latent-preview>
    <latent-preview id="c" src="/clip.npy" format="wan21" decoder="linear"></latent-preview>
    <latent-preview id="d" src="/none.npy" format="sdxl" decoder="map"></latent-preview></main>`,
  );
  await page.route('**/none.npy', (route) => route.fulfill({ body: '' }));
  for (const id of ['a', 'b', 'c']) await reaches(page, id, 'shown');
  await reaches(page, 'd', 'error');
  const picture = 'Stable Diffusion XL latent preview, 432 × 288';
  const video = 'Wan 2.1 (also Qwen-Image) latent preview, 32 × 32, frame 3 of 4';
  const said = (await told(page, 'error', 'd'))[0]!.detail.message;
  expect(await heard(page)).toEqual([
    { role: 'image', name: picture },
    { role: 'image', name: 'A cup of coffee' },
    {
      role: 'group',
      name: video,
      children: [
        { role: 'image', name: video },
        { role: 'slider', name: 'Frame' },
      ],
    },
    {
      role: 'group',
      name: 'Latent preview',
      children: [{ role: 'alert', name: '', children: [{ role: 'button', name: 'Try again' }] }],
    },
  ]);
  await expect(page.locator('#c').getByRole('slider')).toHaveAttribute('aria-valuetext', '3 of 4');
  await expect(page.locator('#d').getByRole('alert')).toContainText(said);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(() => {
      document.documentElement.lang = 'en';
      document.documentElement.style.colorScheme = 'light dark';
    });
    expect(await violations(page)).toEqual([]);
  }
});

test('126 frames are chosen by keys, and only where there are frames', async ({ element: page }) => {
  await serve(page, '/red.npy', colours([[255, 0, 0]]));
  await markup(
    page,
    `<latent-preview src="/red.npy" format="pixel" id="a"></latent-preview>
     <latent-preview id="b" src="/clip.npy" format="wan21" decoder="linear" frame="middle"></latent-preview>`,
  );
  await loads(page, 'a', 1);
  await loads(page, 'b', 1);
  await page.keyboard.press('Tab');
  const focused = () => on(page, 'b', (b) => b.shadowRoot!.activeElement?.getAttribute('part'));
  expect(await focused()).toBe('frames');
  expect(await on(page, 'b', (b) => getComputedStyle(b.shadowRoot!.activeElement!).outlineStyle)).toBe('solid');
  const shown = await told(page, 'load', 'b');
  expect(shown[0]!.detail).toMatchObject({ frame: 2, frames: 4 });
  let count = shown.length;
  for (const [key, frame] of [
    ['Home', 0],
    ['ArrowRight', 1],
    ['ArrowUp', 2],
    ['End', 3],
    ['ArrowLeft', 2],
  ] as const) {
    await page.keyboard.press(key);
    expect((await loads(page, 'b', ++count)).detail.frame).toBe(frame);
    expect(await on(page, 'b', (b) => b.frame)).toBe(String(frame));
  }
  // A picture that comes when a person has moved on does not take the slider back.
  const seen = await on(page, 'b', async (b) => {
    const input = b.shadowRoot!.querySelector('input')!;
    const seen: unknown[] = [];
    b.addEventListener('load', ({ detail }) => void seen.push([detail.frame, input.value]));
    const slide = (value: string): void => {
      input.value = value;
      input.dispatchEvent(new InputEvent('input', { bubbles: true, composed: true }));
    };
    slide('0');
    // The decode has begun.
    for (let turn = 0; turn < 8; turn++) await Promise.resolve();
    slide('3');
    while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    return seen;
  });
  expect(seen).toEqual([
    [0, '3'],
    [3, '3'],
  ]);
  await page.keyboard.press('Tab');
  expect(await focused()).toBeUndefined();
  // Another file has no frames; a frame that is not there is an error that says which there are.
  await on(page, 'b', (b) => {
    b.latents = { data: new Float32Array(16 * 4), shape: [16, 2, 2] };
  });
  await reaches(page, 'b', 'error');
  expect((await told(page, 'error', 'b'))[0]!.detail.message).toMatch(/frame 3 is out of range; there are 1/);
  await on(page, 'b', (b) => b.removeAttribute('frame'));
  await reaches(page, 'b', 'shown');
  await expect(page.locator('#b').getByRole('slider')).toHaveCount(0);
});

test('says what is wrong, and tries again', async ({ element: page }) => {
  let good = false;
  await page.route('**/late.npy', (route) =>
    good ? route.fulfill({ body: Buffer.from(colours([[255, 0, 0]])) }) : route.fulfill({ body: 'no tensor' }),
  );
  await markup(
    page,
    `<latent-preview id="a" src="/late.npy" format="pixel"></latent-preview>
     <latent-preview id="b" src="/late.npy" format="pixel"><p slot="error" id="own">Mine.</p></latent-preview>
     <latent-preview id="c" src="/sdxl.safetensors"></latent-preview>
     <latent-preview id="d" src="/sdxl.safetensors" format="sdxl" decoder="map" upscale="big"></latent-preview>
     <latent-preview id="e" src="/sdxl.safetensors" format="sdxl" decoder="taesdxxl"></latent-preview>
     <latent-preview id="f"></latent-preview>`,
  );
  for (const id of ['a', 'b', 'c', 'd', 'e']) await reaches(page, id, 'error');
  expect(await on(page, 'f', (f) => [f.state, f.matches(':state(empty)')])).toEqual(['empty', true]);
  const said = async (id: string) => (await told(page, 'error', id)).map(({ detail }) => detail);
  for (const [id, code, words] of [
    ['a', 'file', /^file: /],
    ['c', 'format', /no format is given; by their numbers the latents may be sdxl, .*: set format="sdxl"$/],
    ['d', 'shape', /upscale is 'big', needed 'auto', 'latent', 'image' or a whole number/],
    ['e', 'weights', /no decoder is known as 'taesdxxl'; known are taesd, /],
  ] as const) {
    const errors = await said(id);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code, message: expect.stringMatching(words) });
    await expect(page.locator(`#${id}`).getByRole('alert')).toContainText(errors[0].message);
  }
  await expect(page.locator('#own')).toBeVisible();
  await expect(page.locator('#b').getByRole('button')).toBeHidden();
  await expect(page.locator('#a:not([hidden])').getByRole('button', { name: 'Try again' })).toBeVisible();
  // Another size is no reason to try again.
  await on(page, 'a', (a) => a.setAttribute('style', 'width: 300px'));
  await page.waitForTimeout(200);
  expect(await said('a')).toHaveLength(1);
  good = true;
  await page.locator('#a').getByRole('button').press('Enter');
  await on(page, 'b', (b) => b.reload());
  for (const id of ['a', 'b']) await reaches(page, id, 'shown');
  await expect(page.locator('#own')).toBeHidden();
  expect(await on(page, 'a', (a) => a.matches(':state(shown)'))).toBe(true);
  // Each of these mends itself as soon as what was wrong is said otherwise.
  await on(page, 'c', (c) => {
    c.format = 'sdxl';
  });
  await on(page, 'd', (d) => d.removeAttribute('upscale'));
  await on(page, 'e', (e) => {
    e.decoder = 'linear';
  });
  for (const id of ['c', 'd', 'e']) await reaches(page, id, 'shown');
  expect((await told(page, 'load', 'e')).at(-1)!.detail.decoder).toBe('linear sdxl');
});

test('takes decoders by URL and as objects, telling the download', async ({ element: page }) => {
  const fixture = (name: string) => readFileSync(new URL(`../fixtures/conv/${name}`, import.meta.url));
  let answer: () => void = () => {};
  const begun = new Promise<void>((asked) =>
    page.route('**/net.safetensors', async (route) => {
      asked();
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      await route.fulfill({ body: fixture('taesd.safetensors') });
    }),
  );
  await serve(page, '/latents.npy', fixture('taesd.input.npy'));
  await serve(page, '/flat.npy', npy([1, 4, 1, 1], [0, 0, 0, 0]));
  await markup(
    page,
    `<latent-preview id="a" src="/latents.npy" format="sd15" decoder="/net.safetensors"></latent-preview>
     <latent-preview id="b" src="/latents.npy" format="sd15" decoder="/net.safetensors"
       ><em slot="loading">Wait.</em></latent-preview>`,
  );
  await begun;
  await reaches(page, 'a', 'loading');
  await expect(page.locator('em')).toBeVisible();
  await expect(page.locator('#a').getByRole('progressbar')).toBeVisible();
  answer();
  const { detail } = await loads(page, 'a', 1);
  await loads(page, 'b', 1);
  expect(detail.decoder).toMatch(/^taesd/);
  const phases = (await told(page, 'progress', 'a')).map((event) => event.detail);
  expect(phases).toContainEqual({ phase: 'weights', loaded: 32534, total: 32534 });
  const names = await on(page, 'a', async (a) => {
    const { linear, formats } = (await import('/browser-suite.js' as string)) as typeof import('../browser-suite');
    const shown = () =>
      new Promise<string>((resolve) =>
        a.addEventListener('load', ({ detail }) => resolve(detail.decoder), { once: true }),
      );
    const own = shown();
    a.decoder = { ...linear('sd15'), name: 'of my own' };
    const first = [await own, a.getAttribute('decoder')];
    const back = shown();
    a.setAttribute('decoder', 'linear');
    const second = [await back, a.decoder];
    const format = shown();
    a.format = { ...formats.sd15!, id: 'sd15/mine' };
    return [...first, ...second, await format];
  });
  expect(names).toEqual(['of my own', null, 'affine sd15', 'linear', 'affine sd15/mine']);
});
