// `latent-preview info`: numbers checked by hand, kinds of files, JSON.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formats } from '../../src/index';
import { fixtures, folderWith, npy, run, samples, stackTrace } from './run';

interface Statistics {
  count: number;
  nan: number;
  plusInfinity: number;
  minusInfinity: number;
  min: number | null;
  max: number | null;
  mean: number | null;
  std: number | null;
}
interface Report {
  file: string;
  bytes: number;
  kind: string;
  tensors: { name: string; dtype: string; shape: number[] }[];
  metadata: Record<string, string>;
  latents?: {
    shape: number[];
    domain?: string;
    statistics: Statistics;
    channels?: { format: string; statistics: Statistics[] };
    guesses: { format: string; domain: string; distance: number; reason: string }[];
    clear: boolean;
  };
  weights?: string;
  error?: string;
}

async function reports(args: readonly string[], folder?: string): Promise<{ code: number | null; found: Report[] }> {
  const { code, stdout } = await run(['info', '--json', ...args], folder === undefined ? {} : { folder });
  return { code, found: JSON.parse(stdout) as Report[] };
}

describe('statistics', () => {
  it('are those of each channel, of what is finite', async () => {
    // Two items of three channels: a channel's numbers do not lie together.
    const values = [1, 2, -5, -5, 0, Number.NaN, 3, 6, -5, -5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const folder = folderWith({ 'x.npy': npy([2, 3, 1, 2], values) });
    const { code, found } = await reports(['x.npy'], folder);
    expect(code).toBe(0);
    const { latents } = found[0]!;
    expect(latents!.channels!.format).toBe('pixel');
    const finite = { count: 4, nan: 0, plusInfinity: 0, minusInfinity: 0 };
    expect(latents!.channels!.statistics).toEqual([
      // Of 1, 2, 3, 6: squares of −2, −1, 0, 3 are 14, a quarter of which is 3.5.
      { ...finite, min: 1, max: 6, mean: 3, std: Math.sqrt(3.5) },
      { ...finite, min: -5, max: -5, mean: -5, std: 0 },
      { count: 4, nan: 1, plusInfinity: 1, minusInfinity: 1, min: 0, max: 0, mean: 0, std: 0 },
    ]);
    expect(latents!.statistics).toMatchObject({
      count: 12,
      nan: 1,
      plusInfinity: 1,
      minusInfinity: 1,
      min: -5,
      max: 6,
    });
    expect(latents!.statistics.mean).toBeCloseTo(-8 / 9, 12);
  });
  it('have no numbers where none is finite', async () => {
    const folder = folderWith({ 'x.npy': npy([3, 1, 1], [Number.NaN, Number.NaN, Number.NaN]) });
    const { found } = await reports(['x.npy'], folder);
    expect(found[0]!.latents!.statistics).toEqual({
      ...{ count: 3, nan: 3, plusInfinity: 0, minusInfinity: 0 },
      ...{ min: null, max: null, mean: null, std: null },
    });
  });
  it('of packed latents are those of the unpacked channels', async () => {
    // FLUX.1's 64 channels hold 16 of 2×2: packed channel 4c + k is pixel k of channel c.
    const values = Array.from({ length: 64 }, (_, k) => Math.floor(k / 4));
    const folder = folderWith({ 'x.npy': npy([1, 1, 64], values) });
    const { found } = await reports(['-f', 'flux', 'x.npy'], folder);
    const { statistics } = found[0]!.latents!.channels!;
    expect(statistics.map(({ mean, std, count }) => [mean, std, count])).toEqual(
      Array.from({ length: 16 }, (_, c) => [c, 0, 4]),
    );
  });
  it('are told in a table', async () => {
    const folder = folderWith({ 'x.npy': npy([1, 3, 1, 2], [1, 2, -5, -5, 0, Number.NaN]) });
    const { code, stdout } = await run(['info', 'x.npy'], { folder });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^x\.npy: npy, 152 bytes\n {2}float32 \(1, 3, 1, 2\)\n/);
    expect(stdout).toMatch(/of 6 numbers 1 are NaN and 0 infinite/);
    expect(stdout).toMatch(/^ {2}channel \(pixel\) +min +max +mean +std +not finite$/m);
    expect(stdout).toMatch(/^ {2}0 +1\.000 +2\.000 +1\.500 +0\.500 +0$/m);
    expect(stdout).toMatch(/^ {2}2 +0\.000 +0\.000 +0\.000 +0\.000 +1$/m);
  });
});

describe('files', () => {
  it('of latents have guesses, likeliest first, each with its reason', async () => {
    const { code, found } = await reports([
      join(samples, 'flux-chelsea.npy'),
      join(samples, 'sdxl-coffee.safetensors'),
    ]);
    expect(code).toBe(0);
    expect(found.map(({ kind }) => kind)).toEqual(['npy', 'safetensors']);
    const [flux, sdxl] = found.map(({ latents }) => latents!);
    expect([flux!.clear, sdxl!.clear]).toEqual([true, false]);
    for (const { guesses } of [flux!, sdxl!]) {
      const distances = guesses.map(({ distance }) => distance);
      expect(distances).toEqual([...distances].sort((a, b) => a - b));
      expect(guesses.every(({ reason }) => /channels of 54×36/.test(reason))).toBe(true);
    }
    const { stdout } = await run(['info', join(samples, 'sdxl-coffee.safetensors')]);
    expect(stdout).toMatch(/none is clear, so decode needs --format:\n {2}sdxl, model domain \(distance 0\.30\)/);
  });
  it('of ComfyUI tell the domain and their metadata', async () => {
    const path = join(fixtures, 'files', 'comfyui.latent');
    const { found } = await reports([path]);
    expect(found[0]).toMatchObject({ kind: 'safetensors', latents: { domain: 'vae' } });
    expect(Object.keys(found[0]!.metadata).length).toBeGreaterThan(0);
    const { stdout } = await run(['info', path]);
    for (const key of Object.keys(found[0]!.metadata)) expect(stdout).toContain(`metadata ${key}: `);
  });
  it.each([
    ['taesd.safetensors', /a decoder of the TAESD family/],
    ['vae-approx.safetensors', /VAEApprox/],
    ['encoder.safetensors', /an encoder/],
  ])('of weights are told as such: %s', async (name, what) => {
    const { code, found } = await reports([join(fixtures, 'conv', name)]);
    expect(code).toBe(0);
    expect(found[0]!.weights).toMatch(what);
    expect(found[0]!.tensors.length).toBeGreaterThan(5);
  });
  it('that no format fits have their numbers told', async () => {
    const folder = folderWith({ 'x.npy': npy([7, 2], Array(14).fill(2)) });
    const { code, stdout } = await run(['info', 'x.npy'], { folder });
    expect([code, stdout]).toEqual([0, expect.stringMatching(/all +2\.000 +2\.000[\s\S]*No known format fits/)]);
  });
  it('without a header are read by --shape', async () => {
    const folder = folderWith({ 'x.bin': new Uint8Array(Float32Array.from([1, 2, 3]).buffer) });
    const { found } = await reports(['--shape', '3,1,1', 'x.bin'], folder);
    expect(found[0]).toMatchObject({ kind: 'raw', bytes: 12, tensors: [], latents: { shape: [3, 1, 1] } });
  });
  it('that cannot be read are told, and do not stop the others', async () => {
    const folder = folderWith({ 'a.npy': 'text', 'b.npy': npy([3, 1, 1], [0, 0, 0]) });
    const { code, stdout, stderr } = await run(['info', '--json', 'a.npy', 'missing', 'b.npy'], { folder });
    expect(code).toBe(1);
    const found = JSON.parse(stdout) as Report[];
    expect(found.map(({ file, error }) => [file, error !== undefined]).sort()).toEqual([
      ['a.npy', true],
      ['b.npy', false],
      ['missing', true],
    ]);
    expect(stderr).toMatch(/latent-preview: missing: there is no such file or folder\n/);
    expect(stderr).not.toMatch(stackTrace);
  });
});

it('lists the formats', async () => {
  const { code, stdout } = await run(['info', '--formats']);
  expect(code).toBe(0);
  const lines = stdout.trim().split('\n');
  for (const id of Object.keys(formats))
    expect(
      lines.some((line) => line.startsWith(`${id} `)),
      id,
    ).toBe(true);
  expect(stdout).toMatch(/^sd15\/comfyui .*GPL-3\.0/m);
  const list = JSON.parse((await run(['info', '--formats', '--json'])).stdout) as { id: string }[];
  expect(list).toHaveLength(lines.length - 1);
});

it('reads the samples of the manifest as they are', async () => {
  const { samples: list } = JSON.parse(readFileSync(join(samples, 'manifest.json'), 'utf8')) as {
    samples: { file: string; shape: number[]; dtype: string }[];
  };
  const { found } = await reports([samples]);
  expect(found).toHaveLength(list.length);
  for (const { file, shape, dtype } of list)
    expect(found.find((one) => one.file.endsWith(`/${file}`) || one.file.endsWith(`\\${file}`))).toMatchObject({
      tensors: [{ shape, dtype }],
      latents: { shape, dtype, statistics: { nan: 0, plusInfinity: 0, minusInfinity: 0 } },
    });
});
