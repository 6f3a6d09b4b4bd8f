// Guesses on real files: the right format first, or where two families are alike, among the first two.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createPreviewer, guessFormats, latentsFromArray, loadLatents } from '../src/index';

const samples = new URL('../demo/public/samples/', import.meta.url);
const { samples: list } = JSON.parse(readFileSync(new URL('manifest.json', samples), 'utf8')) as {
  samples: { id: string; file: string; format: string; kind: string }[];
};

describe('the built-in samples', () => {
  for (const { id, file, format } of list)
    it(`${id} is ${format}, in the model domain`, async () => {
      const guesses = await guessFormats(await loadLatents(readFileSync(new URL(file, samples))));
      expect(guesses[0]!.format.id).toBe(format);
      expect(guesses[0]!.domain).toBe('model');
      expect(guesses[0]!.reason).toMatch(/channels/);
    });
});

it('gives the latents as the guess reads them, ready for a previewer', async () => {
  const data = Float32Array.from({ length: 64 * 6 }, (_, i) => Math.sin(i * i) * 9);
  const guess = (await guessFormats(latentsFromArray(data, { shape: [1, 6, 64] }))).find(
    ({ format }) => format.id === 'flux',
  )!;
  expect([guess.layout, guess.size]).toEqual(['NLC', { height: 4, width: 6 }]);
  const { format, domain, domainFrom, layout, size, reason } = guess.latents;
  expect({ format, domain, layout, size, reason }).toEqual({
    ...{ format: guess.format, domain: 'vae', layout: 'NLC', size: guess.size, reason: guess.reason },
  });
  expect(domainFrom).toBe('guess');
  const previewer = await createPreviewer({ format: guess.format, backend: 'cpu' });
  const { width, height } = await previewer.toImageData(guess.latents);
  expect([width, height]).toEqual([12, 8]);
});

it('guesses raw latents by their size', async () => {
  const data = Float32Array.from({ length: 4 * 64 }, (_, i) => Math.sin(i * i) * 9);
  expect((await guessFormats(latentsFromArray(data, { shape: [1, 4, 8, 8] })))[0]!.domain).toBe('vae');
});
it('keeps to the domain that the caller gives', async () => {
  const data = new Float32Array(4 * 64).fill(9);
  const guesses = await guessFormats(latentsFromArray(data, { shape: [1, 4, 8, 8], domain: 'model' }));
  expect(new Set(guesses.map(({ domain }) => domain))).toEqual(new Set(['model']));
});
it('has no guess for channels that no format has', async () =>
  expect(await guessFormats(latentsFromArray(new Float32Array(7 * 4), { shape: [1, 7, 2, 2] }))).toEqual([]));

const shared = new URL('../../shared/fixtures/latents/', import.meta.url);
const present = existsSync(shared);
if (!present) console.log('skipped: guesses on real files – ../shared is not there');
const families: Record<string, string> = { sd1: 'sd15', sdxl: 'sdxl', sd3: 'sd3', flux1: 'flux', flux2: 'flux2' };
describe.skipIf(!present)('the shared latents', () => {
  for (const name of present ? readdirSync(shared) : []) {
    const format = name.startsWith('real-wan21') ? 'wan21' : families[name.split('.')[1]!.split('-')[0]!]!;
    // Photos whose four channels look like the sister family's; the statistics were
    // measured with them among others, so this table shows that guesses work, not how well on photos never seen.
    const place = ['hubble.sd1.npy', 'dogs.sdxl.npy'].includes(name) ? 2 : 1;
    it(`${name} is ${format} (${place === 1 ? 'first guess' : 'among the first two'})`, async () => {
      const guesses = await guessFormats(await loadLatents(readFileSync(new URL(name, shared))));
      const ids = guesses.map(({ format: { id } }) => id);
      expect(ids.slice(0, place), ids.slice(0, 4).join()).toContain(format);
    });
  }
});
