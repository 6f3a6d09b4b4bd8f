// What the specs of <latent-preview> share: a page that has it, a log of its events, its state and its picture.

import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import type { LatentPreviewElement } from '../../src/element/index';
import { npy } from './page';
import { expect, type Suite, test as suiteTest } from './suite';

export interface Told {
  readonly type: string;
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: of four kinds of events
  readonly detail: any;
}

declare global {
  interface Window {
    /** Events of all elements in the page, since the start. */
    told: Told[];
  }
}

export const samples = new URL('../../demo/public/samples/', import.meta.url);

export const serve = (page: Page, path: string, body: Buffer | Uint8Array | URL): Promise<unknown> =>
  page.route(`**${path}`, (route) =>
    route.fulfill({ body: body instanceof URL ? readFileSync(body) : Buffer.from(body) }),
  );

/** Four latent frames of FLUX-like width: Wan's 16 channels, 4 × 4, of the noise that `seed` gives. */
export const clip = (frames = 4): Uint8Array => {
  let state = 7;
  const values = Array.from({ length: 16 * frames * 16 }, () => {
    state = (state * 48271) % 2147483647;
    return state / 1073741824 - 1;
  });
  return npy([1, 16, frames, 4, 4], values);
};

/** Hears of all events. */
export const listen = (page: Page): Promise<void> =>
  page.evaluate(() => {
    window.told = [];
    for (const type of ['load', 'progress', 'error', 'devicelost'])
      document.addEventListener(
        type,
        ({ target, detail }: Event & { detail?: unknown }) => {
          const { id } = target as Element;
          const { code, message } = (detail ?? {}) as Error & { code?: string };
          window.told.push({ type, id, detail: code ? { code, message } : detail });
        },
        // They do not bubble.
        true,
      );
  });

/** `test` whose page has the element defined and its events logged; `markup` of the body comes from the test. */
export const test = suiteTest.extend<{ element: Page }>({
  element: async ({ suite: page }, use) => {
    await serve(page, '/sdxl.safetensors', new URL('sdxl-coffee.safetensors', samples));
    await serve(page, '/clip.npy', clip());
    await listen(page);
    await page.evaluate(async () => {
      const { defineLatentPreview } = (await import('/browser-suite.js' as string)) as Suite;
      defineLatentPreview();
    });
    await use(page);
  },
});

export const markup = (page: Page, html: string): Promise<void> =>
  page.evaluate((html) => {
    document.body.innerHTML = html;
  }, html);

/** Runs with the element in the page. */
export const on = <T>(page: Page, id: string, run: (element: LatentPreviewElement) => T): Promise<T> =>
  page.locator(`#${id}`).evaluate(run as (element: Element) => T) as Promise<T>;

export const told = (page: Page, type: string, id?: string): Promise<Told[]> =>
  page.evaluate(([type, id]) => window.told.filter((event) => event.type === type && (!id || event.id === id)), [
    type,
    id,
  ] as const);

/** Waits until an element's state is this. */
export async function reaches(page: Page, id: string, state: string): Promise<void> {
  await expect.poll(() => on(page, id, (element) => element.state), { timeout: 20_000, intervals: [30] }).toBe(state);
}

/** Waits for so many pictures of an element. */
export async function loads(page: Page, id: string, count: number): Promise<Told> {
  await expect
    .poll(async () => (await told(page, 'load', id)).length, { timeout: 20_000, intervals: [30] })
    .toBeGreaterThanOrEqual(count);
  return (await told(page, 'load', id)).at(-1)!;
}

/** The bytes of a picture that was drawn on the CPU. */
export const pixels = (page: Page, id: string): Promise<{ width: number; height: number; data: number[] }> =>
  on(page, id, (element) => {
    const { width, height } = element.shadowRoot!.querySelector('canvas')!;
    const context = element.shadowRoot!.querySelector('canvas')!.getContext('2d')!;
    return { width, height, data: [...context.getImageData(0, 0, width, height).data] };
  });

export { expect, type Suite };
