// Everything in ../shared/fixtures/latents opens by drop alone: which guess is right for each file, and whether the picture
// that this guess gives is the one nearest to what PyTorch decoded. Prints the table.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { decode } from 'fast-png';
import { afterAll, describe, expect, it } from 'vitest';
import { createPreviewer, type FormatGuess, guessFormats, identifyLatents, loadLatents } from '../src/index';

const shared = new URL('../../shared/fixtures/', import.meta.url);
const present = existsSync(shared);
if (!present) console.log('skipped: first guesses on real files – ../shared is not there');

const families: Record<string, string> = {
  sd1: 'sd15',
  // The encoder of another project, VAElight, noisier than the others.
  'sd1-graphnull': 'sd15',
  sdxl: 'sdxl',
  sd3: 'sd3',
  flux1: 'flux',
  flux2: 'flux2',
  // Its own frames are what Wan's statistics were measured on: no other latents of it are at hand.
  'real-wan21-cheesecake': 'wan21',
};

/** What fixtures/manifest.json says of a file. ComfyUI's .latent files are raw, but for FLUX.2's. */
function truthOf(name: string): { format: string; domain: string } {
  const [first, second] = name.split('.') as [string, string];
  const format = families[first] ?? families[second] ?? '?';
  return { format, domain: name.endsWith('.latent') && format !== 'flux2' ? 'vae' : 'model' };
}

/** Where the right guess may come. Truly ambiguous ones may be among the first three; there are none today. */
const worstRank: Record<string, number> = {};

const table: string[] = [];
const rankOf = (guesses: readonly FormatGuess[], { format, domain }: { format: string; domain: string }): number =>
  1 + guesses.findIndex((guess) => guess.format.id === format && guess.domain === domain);

describe.skipIf(!present)('the first guess', () => {
  const names = present ? readdirSync(new URL('latents/', shared)).sort() : [];
  it('is asked of every file', () => expect(names.length).toBeGreaterThan(40));

  for (const name of names)
    it(name, async () => {
      const truth = truthOf(name);
      const latents = await loadLatents(readFileSync(new URL(`latents/${name}`, shared)));
      const guesses = await guessFormats(latents);
      const rank = rankOf(guesses, truth);
      const clear = await identifyLatents(latents).then(
        () => 'clear',
        () => '',
      );
      const [best, second] = guesses;
      table.push(
        [
          name.padEnd(40),
          `${truth.format} ${truth.domain}`.padEnd(12),
          `${rank}`.padStart(2),
          clear.padEnd(5),
          best!.distance.toFixed(2),
          `next ${second?.format.id} ${second?.domain} ${second?.distance.toFixed(2)}`,
        ].join('  '),
      );
      expect(
        rank,
        guesses
          .slice(0, 4)
          .map(({ reason }) => reason)
          .join('\n'),
      ).toBeGreaterThan(0);
      expect(rank).toBeLessThanOrEqual(worstRank[name] ?? 1);
    });

  afterAll(() => console.log(`file, what it is, rank of that guess, distance:\n${table.sort().join('\n')}`));
});

/** In dB, of pictures of one size. */
function psnr(a: ArrayLike<number>, b: ArrayLike<number>, channels: number): number {
  let [sum, count] = [0, 0];
  for (let i = 0; i * channels < b.length; i++)
    for (let c = 0; c < 3; c++, count++) sum += (a[i * 4 + c]! - b[i * channels + c]!) ** 2;
  return 10 * Math.log10(255 ** 2 / (sum / count));
}

describe.skipIf(!present)('of the pictures that the guesses give, the right one is nearest to PyTorch’s', () => {
  const references = present ? readdirSync(new URL('refs/', shared)).filter((name) => /\.(sd|flux)/.test(name)) : [];
  it('for every reference', () => expect(references.length).toBeGreaterThan(11));
  for (const name of references)
    it(name, async () => {
      const reference = decode(readFileSync(new URL(`refs/${name}`, shared)));
      const latents = await loadLatents(readFileSync(new URL(`latents/${name.replace('png', 'npy')}`, shared)));
      const guesses = await guessFormats(latents);
      const found: string[] = [];
      const scores: number[] = [];
      // One per format and domain, of those that can be shown.
      for (const { format, latents: described, domain } of guesses) {
        if (!format.latentRgbFactors || found.includes(`${format.id} ${domain}`) || found.length === 4) continue;
        const previewer = await createPreviewer({ format, decoder: 'map', backend: 'cpu' });
        const { width, height } = reference;
        const picture = await previewer.toImageData(described, { size: { width, height }, resample: 'bicubic' });
        found.push(`${format.id} ${domain}`);
        scores.push(psnr(picture.data, reference.data, reference.channels));
      }
      expect(found[0]).toBe(`${truthOf(name).format} model`);
      expect(found.length).toBeGreaterThan(1);
      const listed = found.map((one, k) => `${one} ${scores[k]!.toFixed(1)} dB`).join(', ');
      expect(Math.max(...scores), listed).toBe(scores[0]);
      // Nearest by far, and near: not the least bad of several wrong ones.
      expect(scores[0], listed).toBeGreaterThan(17);
      expect(scores[0]! - Math.max(...scores.slice(1)), listed).toBeGreaterThan(1);
    });

  it('real-wan21-cheesecake: four frames, in the right axis order', async () => {
    const reference = decode(readFileSync(new URL('refs/real-wan21-cheesecake.linear-t0-5-10-15.png', shared)));
    const latents = await loadLatents(readFileSync(new URL('latents/real-wan21-cheesecake.f16.npy', shared)));
    const guesses = (await guessFormats(latents)).filter(
      ({ format, domain }) => `${format.id} ${domain}` === 'wan21 model',
    );
    expect(guesses.map(({ layout }) => layout)).toEqual(['NCTHW', 'NTCHW']);
    const scores: number[] = [];
    for (const guess of guesses) {
      const previewer = await createPreviewer({ format: guess.format, decoder: 'map', backend: 'cpu' });
      const [columns, rows] = [reference.width / 2, reference.height / 2];
      const sheet = new Uint8Array(reference.width * reference.height * 4);
      for (const [k, frame] of [0, 5, 10, 15].entries()) {
        const { data } = await previewer.toImageData(guess.latents, {
          frame,
          size: { width: columns, height: rows },
          resample: 'nearest',
        });
        for (let i = 0; i < columns * rows; i++) {
          const [y, x] = [Math.floor(i / columns) + rows * (k >> 1), (i % columns) + columns * (k & 1)];
          sheet.set(data.subarray(i * 4, i * 4 + 4), (y * reference.width + x) * 4);
        }
      }
      scores.push(psnr(sheet, reference.data, reference.channels));
    }
    expect(scores[0]).toBeGreaterThan(30);
    expect(scores[1]).toBeLessThan(20);
  });
});
