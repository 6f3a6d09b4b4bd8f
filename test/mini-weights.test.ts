// The weights of weights/mini-*: that they are what train/ says, that they saw nothing that measures, that they show small
// photos better than the maps, and flat colours flat. What PyTorch makes of them is in conv-fixtures.ts.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { readTensorFile } from '../src/files/index';
import { compareImages, createPreviewer, type ImageDataLike, latentsFromArray, loadLatents } from '../src/index';
import { minis } from '../src/minis/index';
import flat from './fixtures/mini/flat.json';

const bytes = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(`../${path}`, import.meta.url)));
const json = (path: string): unknown => JSON.parse(new TextDecoder().decode(bytes(path)));

interface Photo {
  readonly name: string;
  readonly author: string;
  readonly licence: string;
  readonly use?: string;
  readonly package?: string;
  readonly version?: string;
  readonly path?: string;
  readonly sha256: string;
}
const lists = ['scripts/fit-maps/photos.json', 'train/photos.json'];
const [maps, more] = lists.map((path) => json(path)) as [{ photos: Photo[]; reserved: Photo[] }, { photos: Photo[] }];

// Full-size PSNR in dB over both photos, half a dB below what was measured when the weights were made.
const floors: Readonly<Record<string, number>> = { sd15: 0, sdxl: 0, sd3: 0, flux: 0, flux2: 0 };
const families = Object.keys(floors);

function photo(name: string): ImageDataLike {
  const { width, height, data, channels } = decode(bytes(`test/fixtures/maps/${name}.png`));
  const rgba = Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) =>
    i % 4 === 3 ? 255 : (data[Math.floor(i / 4) * channels + (i % 4)] as number),
  );
  return { width, height, data: rgba };
}

async function meanPsnr(format: string, decoder: 'mini' | 'map'): Promise<number> {
  const previewer = await createPreviewer({ format, decoder, backend: 'cpu' });
  let sum = 0;
  for (const name of ['chelsea', 'coffee']) {
    const expected = photo(name);
    const latents = await loadLatents(bytes(`test/fixtures/maps/${name}.${format}.npy`));
    const { width, height } = expected;
    const picture = await previewer.toImageData(latents, { size: { width, height }, resample: 'bicubic' });
    sum += compareImages(picture, expected).psnr / 2;
  }
  return sum;
}

it('has weights and a report for every entry, and an entry for all of them', () => {
  const files = readdirSync(new URL('../weights/', import.meta.url)).filter((name) => name.startsWith('mini-'));
  const expected = Object.keys(minis).flatMap((id) => [`mini-${id}.report.json`, `mini-${id}.safetensors`]);
  expect(files.sort()).toEqual(expected.sort());
  expect(Object.keys(minis).sort()).toEqual([...families].sort());
});

describe.each(families)('%s', (id) => {
  it('is small, and made of the lists as they are', () => {
    const file = bytes(`weights/mini-${id}.safetensors`);
    const { tensors, metadata } = readTensorFile(file);
    const data = createHash('sha256');
    for (const path of lists) data.update(bytes(path));
    const report = json(`weights/mini-${id}.report.json`) as Record<string, unknown>;
    expect(report.data).toBe(data.digest('hex'));
    expect(Object.fromEntries(metadata)).toMatchObject({
      architecture: 'latent-preview mini 1',
      format: id,
      licence: 'MIT',
      data: report.data,
    });
    const parameters = [...tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect(report.parameters).toBe(parameters);
    expect(parameters).toBeLessThanOrEqual(100_000);
    expect(file.length).toBeLessThanOrEqual(200_000);
    expect(report.multiplications).toBeLessThanOrEqual(346_000);
  });

  it('shows photos that it has not seen, better than the map', async () => {
    const psnr = await meanPsnr(id, 'mini');
    console.log(`${id}: ${psnr.toFixed(2)} dB, floor ${floors[id]} dB`);
    expect(psnr).toBeGreaterThan(floors[id]!);
    expect(psnr).toBeGreaterThan(0.5 + (await meanPsnr(id, 'map')));
  });

  it('shows flat colours flat: no cast, no grid', async () => {
    const previewer = await createPreviewer({ format: id, decoder: 'mini', backend: 'cpu' });
    const side = 16;
    for (const [colour, values] of Object.entries(flat[id as keyof typeof flat])) {
      const data = Float32Array.from(
        { length: values.length * side ** 2 },
        (_, i) => values[Math.floor(i / side ** 2)]!,
      );
      const latents = latentsFromArray(data, { shape: [1, values.length, side, side], format: id });
      const picture = await previewer.toImageData(latents, { size: { width: 8 * side, height: 8 * side } });
      for (let k = 0; k < 3; k++) {
        // One latent pixel in the middle; the rest is alike, up to the edges.
        const middle = Array.from({ length: 64 }, (_, i) => {
          const [x, y] = [4 * side + (i % 8), 4 * side + Math.floor(i / 8)];
          return picture.data[(y * 8 * side + x) * 4 + k]!;
        });
        const mean = middle.reduce((sum, value) => sum + value, 0) / 64;
        const wanted = Number.parseInt(colour.slice(2 * k, 2 * k + 2), 16);
        expect.soft(Math.abs(mean - wanted), `${colour}, ${'rgb'[k]}: ${mean}`).toBeLessThan(casts[id]!);
        expect.soft(Math.max(...middle) - Math.min(...middle), `${colour}, ${'rgb'[k]}: grid`).toBeLessThan(grids[id]!);
      }
    }
  });
});

it('was trained on pictures whose licence is named, and on none that measures or is reserved', () => {
  const plain = (value: string): string => value.toLowerCase().replace(/[^a-z0-9]/g, '');
  const kept = ['rocket', 'china', 'pictureom', 'seeding'];
  const measured = [...maps.reserved, ...maps.photos.filter(({ use }) => use !== 'fit')].map(({ sha256 }) => sha256);
  expect(more.photos.length).toBeGreaterThan(150);
  for (const { name, author, licence, version, path, sha256 } of more.photos) {
    expect(author && licence && version, name).toBeTruthy();
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(measured).not.toContain(sha256);
    for (const word of kept) expect(plain(path!.split('/').at(-1)!)).not.toContain(word);
  }
});
