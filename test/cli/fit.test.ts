// `latent-preview fit`: finds a map that is known, tells how well it does, and decode uses it.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { folderWith, npy, readPng, run, shared, stackTrace } from './run';

interface FitJson {
  map: string;
  name: string;
  report: {
    images: { name: string; heldOut: boolean; psnr: number }[];
    fitted: { psnr: number };
    heldOut?: { psnr: number };
    ridge: number;
  };
  published: { format: string; licence: string; psnr: number }[];
}

// The truth that fits must find: R, G, B in −1..1 = constant + factors · latent, nowhere clamped.
const truth = [
  { constant: 0.1, factors: [0.4, -0.2, 0.1] },
  { constant: -0.2, factors: [0.1, 0.5, 0] },
  { constant: 0, factors: [-0.3, 0.1, 0.3] },
];
const [width, height] = [16, 12];
const pixels = width * height;

/** Latents of 3 channels ('pixel' format) in −1..1, and the picture that the truth makes of them. */
function pair(seed: number): { latents: Uint8Array; picture: Uint8Array } {
  // Sines of unlike frequencies: smooth, and no channel is a combination of the others.
  const values = Array.from({ length: 3 * pixels }, (_, k) =>
    Math.sin((k % pixels) * (0.37 + 0.21 * Math.floor(k / pixels)) + seed * 1.7),
  );
  const data = new Uint8Array(3 * pixels);
  for (let pixel = 0; pixel < pixels; pixel++)
    truth.forEach(({ constant, factors }, plane) => {
      const value = factors.reduce((sum, factor, c) => sum + factor * values[c * pixels + pixel]!, constant);
      data[pixel * 3 + plane] = Math.round(((value + 1) / 2) * 255);
    });
  return { latents: npy([1, 3, height, width], values), picture: encode({ width, height, channels: 3, data }) };
}

const names = ['a', 'b', 'c', 'd', 'e'];
const pairFiles = Object.fromEntries(
  names.flatMap((name, k) => {
    const { latents, picture } = pair(k);
    return [
      [`latents/${name}.pixel.npy`, latents],
      [`photos/${name}.png`, picture],
    ];
  }),
);
const fit = ['fit', '-f', 'pixel', 'latents', 'photos'];

describe('a fit', () => {
  it('finds the map that made the pictures, and decode uses it', async () => {
    const folder = folderWith(pairFiles);
    const { code, stdout, stderr } = await run([...fit, '--json', '-o', 'maps/mine.json', '--name', 'mine'], {
      folder,
    });
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/map written to maps\/mine\.json/);
    const map = JSON.parse(readFileSync(join(folder, 'maps/mine.json'), 'utf8')) as {
      coefficients: number[];
      name: string;
    };
    // Rows of R, G, B: the constant, then the channels. Bytes are rounded by up to 1/255 of the range of 2.
    const known = truth.flatMap(({ constant, factors }) => [constant, ...factors]);
    expect(map.name).toBe('mine');
    expect(map.coefficients).toHaveLength(12);
    for (const [k, value] of known.entries())
      expect(Math.abs(map.coefficients[k]! - value), `${k}`).toBeLessThan(0.002);

    const { report, published } = JSON.parse(stdout) as FitJson;
    expect(report.images.map(({ name }) => name)).toEqual(names.map((name) => `${name}.pixel.npy`));
    expect(report.images.filter(({ heldOut }) => heldOut)).toHaveLength(1);
    // Rounding alone: 1/12 of a step squared is 58.9 dB, and twice that where both round.
    expect(report.heldOut!.psnr).toBeGreaterThan(50);
    // The identity is no good map of these.
    expect(published.map(({ format }) => format)).toEqual(['pixel']);
    expect(published[0]!.psnr).toBeLessThan(15);

    const args = ['decode', '-d', 'maps/mine.json', '--backend', 'cpu', 'latents/c.pixel.npy', '-o', 'c.png'];
    const decoded = await run(args, { folder });
    // The map says its format: none needs to be given.
    expect(decoded).toMatchObject({ code: 0, stdout: expect.stringContaining('pixel, model domain, mine') });
    const [one, other] = [readPng(join(folder, 'c.png')), readPng(join(folder, 'photos/c.png'))];
    expect(Math.max(...one.data.map((value, k) => Math.abs(value - other.data[k]!)))).toBeLessThanOrEqual(1);
  });
  it('has the terms, the neighbourhood, the enlargement and the ridge that are asked for', async () => {
    const folder = folderWith(pairFiles);
    const args = [...fit, '--json', '--kind', 'quadratic', '-n', '3', '--ridge', '0.01', '--hold-out', '0'];
    const { code, stdout, stderr } = await run(args, { folder });
    expect(code, stderr).toBe(0);
    const { map, report } = JSON.parse(stdout) as FitJson;
    expect([map, report.ridge, report.heldOut]).toEqual(['pixel-quadratic-3x3.json', 0.01, undefined]);
    // 1 + 3·9 + 6 products for each of three outputs.
    const written = JSON.parse(readFileSync(join(folder, map), 'utf8')) as { coefficients: number[] };
    expect(written.coefficients).toHaveLength(3 * 34);
    const larger = await run([...fit, '--upscale', '2'], { folder });
    expect(larger).toMatchObject({ code: 1, stderr: expect.stringMatching(/16×12.*upscale 2 .*needs at least 32×24/) });
  });
  it('holds out the pictures that are named', async () => {
    const folder = folderWith(pairFiles);
    const { stdout } = await run([...fit, '--json', '--hold-out', 'b,e.pixel.npy', '-o', 'x.json'], { folder });
    const { report } = JSON.parse(stdout) as FitJson;
    expect(report.images.map(({ heldOut }) => heldOut)).toEqual([false, true, false, false, true]);
    const unknown = await run([...fit, '--hold-out', 'b,z', '-o', 'y.json'], { folder });
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringMatching(/--hold-out z: no pair .* a, b, c, d, e/) });
  });
  it('is told as a table', async () => {
    const folder = folderWith(pairFiles);
    const { stdout } = await run([...fit, '-o', 'x.json'], { folder });
    expect(stdout).toMatch(/^pixel affine: 12 coefficients, 4 for each output, from 768 latent pixels of 4 pictures/);
    expect(stdout).toMatch(/^picture +PSNR dB +SSIM +R2$/m);
    expect(stdout).toMatch(/^c\.pixel\.npy {2}\(held out\) +\d\d\.\d\d +[01]\.\d{4} +[01]\.\d{4}$/m);
    expect(stdout).toMatch(/^average, held out +\d/m);
    expect(stdout).toMatch(
      /^on the pictures that were held out [\s\S]*^pixel affine +\d[\s\S]*^pixel \(published\) +\d/m,
    );
  });
  it('writes safetensors where the name asks for it, and decode reads them', async () => {
    const folder = folderWith(pairFiles);
    for (const out of ['m.json', 'm.safetensors']) {
      expect(await run([...fit, '--quiet', '-o', out], { folder })).toMatchObject({ code: 0, stdout: '' });
      const args = ['decode', '-d', out, '--backend', 'cpu', 'latents/a.pixel.npy', '-o', `${out}.png`];
      expect(await run(args, { folder })).toMatchObject({ code: 0 });
    }
    expect(readPng(join(folder, 'm.safetensors.png'))).toEqual(readPng(join(folder, 'm.json.png')));
  });
  it('never overwrites a map unless it is told to', async () => {
    const folder = folderWith({ ...pairFiles, 'x.json': 'precious' });
    const { code, stderr } = await run([...fit, '-o', 'x.json'], { folder });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/x\.json exists; --force/)]);
    expect(readFileSync(join(folder, 'x.json'), 'utf8')).toBe('precious');
    expect(await run([...fit, '-o', 'x.json', '--force'], { folder })).toMatchObject({ code: 0 });
  });
});

describe('pairs', () => {
  it('are matched by the longest base name; what is left over is told', async () => {
    const { latents, picture } = pair(0);
    const other = pair(1);
    const folder = folderWith({
      'x/cat.npy': latents,
      'x/cat.png': picture,
      'x/cat.two.npy': other.latents,
      'x/cat.two.png': other.picture,
      // No picture: 'cat' is not the beginning of this name up to a separator.
      'x/category.npy': latents,
      'x/readme.txt': 'text',
    });
    const { code, stdout, stderr } = await run(['fit', '-f', 'pixel', '--json', 'x', '-o', 'm.json'], { folder });
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/1 without a PNG or JPEG of the same base name, left out: category\.npy/);
    const { report } = JSON.parse(stdout) as FitJson;
    expect(report.images.map(({ name }) => name)).toEqual(['cat.npy', 'cat.two.npy']);
    // Each with its own picture, or the fit would be poor.
    expect(report.fitted.psnr).toBeGreaterThan(50);
  });
  it('that could be two are an error, and so are none', async () => {
    const { latents, picture } = pair(0);
    const folder = folderWith({
      'x/cat.npy': latents,
      'x/cat.png': picture,
      'y/cat.png': picture,
      'z/dog.png': picture,
    });
    const two = await run(['fit', '-f', 'pixel', 'x', 'y'], { folder });
    expect(two).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/x\/cat\.npy could go with x\/cat\.png or y\/cat\.png/),
    });
    const none = await run(['fit', '-f', 'pixel', 'z'], { folder });
    expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/fit: no pairs in z/) });
    for (const { stderr } of [two, none]) expect(stderr).not.toMatch(stackTrace);
  });
  it('of unknown format are an error', async () => {
    const values = Array.from({ length: 4 * pixels }, (_, k) => Math.sin(k * k));
    const folder = folderWith({ 'a.npy': npy([1, 4, height, width], values), 'a.png': pair(0).picture });
    const { code, stderr } = await run(['fit', 'a.npy', 'a.png'], { folder });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/numbers do not say clearly which; pass --format/)]);
  });
});

it.each<[string[], RegExp]>([
  [['fit'], /name a folder/],
  [['fit', '--kind', 'cubical', 'x'], /--kind cubical: it must be linear, affine, quadratic or cubic/],
  [['fit', '-n', '2', 'x'], /--neighbourhood 2: it must be 1, 3 or 5/],
  [['fit', '-u', '3', 'x'], /--upscale 3: it must be 1, 2, 4 or 8/],
  [['fit', '--ridge', 'much', 'x'], /--ridge much: it must be a number/],
  [['fit', '--hold-out', '1.5', 'latents', 'photos', '-f', 'pixel'], /--hold-out 1\.5: a share/],
])('%j is told and has exit code 2', async (args, message) => {
  const { code, stdout, stderr } = await run(args, { folder: folderWith(pairFiles) });
  expect(stderr).toMatch(message);
  expect([code, stdout]).toEqual([2, '']);
});

const present = existsSync(join(shared, 'photos'));
if (!present) console.log('skipped: a fit of real photos – ../shared is not there');
it.skipIf(!present)('of photos beats the published tables on one that it has not seen', async () => {
  const photos = ['astronaut', 'brushes', 'chelsea', 'dogs', 'hubble', 'tulips'];
  const latents = photos.map((name) => join(shared, 'latents', `${name}.sdxl.npy`));
  const folder = folderWith();
  const args = ['fit', '-f', 'sdxl', '-n', '3', '--hold-out', 'chelsea', '--json', '-o', 'm.json'];
  const { code, stdout, stderr } = await run([...args, ...latents, join(shared, 'photos')], { folder });
  expect(code, stderr).toBe(0);
  const { report, published } = JSON.parse(stdout) as FitJson;
  expect(published.length).toBeGreaterThan(4);
  expect(report.heldOut!.psnr).toBeGreaterThan(published[0]!.psnr + 1);
  const sorted = published.map(({ psnr }) => psnr);
  expect(sorted).toEqual([...sorted].sort((a, b) => b - a));
});
