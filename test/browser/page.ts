// What the browser tests of the page share: opening it, giving it files, waiting for the picture, and making files
// whose picture is known without the library.

import { readFileSync } from 'node:fs';
import { expect, type Page } from '@playwright/test';

export interface TestFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly type?: string;
}

/**
 * The page with its first sample on show, on the CPU and by the fitted map unless asked otherwise: how fast the machine is
 * must not decide. Without `motion` nothing plays by itself.
 */
export async function openDemo(page: Page, { query = '?backend=cpu', motion = false } = {}): Promise<void> {
  await page.emulateMedia({ reducedMotion: motion ? 'no-preference' : 'reduce' });
  await page.goto(`/${/[?&]decoder=/.test(query) ? query : `${query || '?'}&decoder=map`}`);
  await page.locator('html[data-ready=true]').waitFor({ state: 'attached' });
  await shown(page);
}

/** Waits for the picture that the last action asked for; with `entry`, for that one. */
export async function shown(page: Page, entry?: string): Promise<void> {
  const name = entry === undefined ? '' : `[data-entry=${JSON.stringify(entry)}]`;
  await page.locator(`#main[aria-busy=false] #stage[data-state=shown]${name}`).waitFor();
}

/** Drops or pastes files, as a person's browser would hand them over. */
export async function give(page: Page, way: 'drop' | 'paste', files: readonly TestFile[]): Promise<void> {
  await page.evaluate(
    ([way, files]) => {
      const transfer = new DataTransfer();
      for (const { name, base64, type } of files) {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type }));
      }
      const stage = document.getElementById('stage') as HTMLElement;
      if (way === 'paste')
        document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true }));
      else
        for (const type of ['dragenter', 'dragover', 'drop'])
          stage.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    },
    [
      way,
      files.map(({ name, bytes, type = '' }) => ({ name, type, base64: Buffer.from(bytes).toString('base64') })),
    ] as const,
  );
  await page.locator('#main[aria-busy=false]').waitFor();
}

export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: readonly number[];
}

/** The decoded picture, as the page would save it. */
export const pixels = (page: Page): Promise<Pixels> =>
  page.evaluate(async () => {
    const { width, height, data } = await window.latentPreviewDemo.readPixels();
    return { width, height, data: [...data] };
  });

/** The colour of the picture's first pixel. */
export async function colour(page: Page): Promise<readonly number[]> {
  return (await pixels(page)).data.slice(0, 3);
}

/** A float32 .npy file, C order. */
export function npy(shape: readonly number[], values: readonly number[]): Uint8Array {
  expect(values).toHaveLength(shape.reduce((product, size) => product * size, 1));
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const header = `${dictionary.padEnd(64 * Math.ceil((dictionary.length + 11) / 64) - 11)}\n`;
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length & 255, header.length >> 8]);
  return Buffer.concat([start, Buffer.from(header), float32(values)]);
}

export const float32 = (values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

/** A .safetensors file of float32 tensors. */
export function safetensors(
  tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  let offset = 0;
  const entries = Object.entries(tensors).map(([name, { shape, values }]) => {
    const begin = offset;
    offset += values.length * 4;
    return [name, { dtype: 'F32', shape, data_offsets: [begin, offset] }] as const;
  });
  const said = metadata ? { __metadata__: metadata } : {};
  const header = Buffer.from(JSON.stringify({ ...said, ...Object.fromEntries(entries) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, ...Object.values(tensors).map(({ values }) => float32(values))]);
}

/** How a byte is written in the latents of pixel space, whose map to RGB is (value + 1) / 2. */
export const fromByte = (byte: number): number => (byte / 255) * 2 - 1;

/**
 * Pictures of one colour each, as latents of pixel space: (items, 3, side, side). No family has 9 channels, whichever axis
 * they are taken to be.
 */
export function colours(list: readonly (readonly number[])[], side = 9): Uint8Array {
  const values = list.flatMap((one) => one.flatMap((byte) => Array<number>(side * side).fill(fromByte(byte))));
  return npy([list.length, 3, side, side], values);
}

const axe = new URL('../../node_modules/axe-core/axe.min.js', import.meta.url).pathname;

/** What axe finds on the page as it is. */
export async function violations(page: Page): Promise<readonly string[]> {
  if (!(await page.evaluate(() => 'axe' in window))) {
    // The page's policy allows no foreign scripts; the debugger's own evaluation is not bound by it.
    await page.evaluate(readFileSync(axe, 'utf8'));
  }
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
  });
}
