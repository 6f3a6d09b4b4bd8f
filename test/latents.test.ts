// Layouts, packing and domains against plain loops and numbers worked out here, not through the library's own views.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { copyleftFormats } from '../src/formats/copyleft/index';
import { createPreviewer, formats, type LatentFormat, type Latents, latentsFromArray, loadLatents } from '../src/index';
import { domainMap } from '../src/view';
import { differingPictures } from './tolerances';

/** Shows latent channel values as they are: R = channel 0, G = channel 1, B = last channel, 0..255. */
function showing(format: Partial<LatentFormat> & { channels: number }): LatentFormat {
  const latentRgbFactors = Array.from({ length: format.channels }, () => [0, 0, 0] as [number, number, number]);
  latentRgbFactors[0]![0] = 1;
  latentRgbFactors[1]![1] = 1;
  latentRgbFactors.at(-1)![2] = 1;
  const source = { repo: 'test', licence: 'MIT' };
  return {
    id: 'shown',
    name: 'Shown',
    base: 'shown',
    dims: 2,
    spatialDownscale: 8,
    outputRange: [0, 255],
    latentRgbFactors,
    source,
    ...format,
  };
}

/** R, G, B of every pixel. */
async function shown(latents: Latents, format: LatentFormat, options = {}): Promise<number[][]> {
  const { data } = await (await createPreviewer({ format, decoder: 'map', backend: 'cpu' })).toImageData(
    latents,
    options,
  );
  return Array.from({ length: data.length / 4 }, (_, i) => [...data.subarray(i * 4, i * 4 + 3)]);
}

const counting = (...shape: number[]): Latents =>
  latentsFromArray(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
    { shape },
  );

describe('layouts: the number at a place of the file is the number at its pixel', () => {
  const format = showing({ channels: 3 });
  it('NCHW, second item', async () => {
    const pixels = await shown(counting(2, 3, 2, 4), format, { item: 1 });
    expect(pixels[0]).toEqual([24, 32, 40]);
    expect(pixels[7]).toEqual([31, 39, 47]);
  });
  it('NHWC', async () => {
    const pixels = await shown({ ...counting(1, 2, 4, 3), layout: 'NHWC' }, format);
    expect(pixels[5]).toEqual([15, 16, 17]);
  });
  const video = showing({ channels: 3, dims: 3 });
  it('NCTHW', async () => {
    const pixels = await shown(counting(1, 3, 4, 2, 2), video, { frame: 2 });
    expect(pixels[3]).toEqual([11, 27, 43]);
  });
  it('NTCHW, found by its channels', async () => {
    const pixels = await shown(counting(1, 4, 3, 2, 2), video, { frame: 2 });
    expect(pixels[3]).toEqual([27, 31, 35]);
  });
  it('CTHW, found by its channels', async () => {
    const pixels = await shown(counting(3, 4, 2, 2), video, { frame: 1 });
    expect(pixels[0]).toEqual([4, 20, 36]);
  });
  it('the middle frame is the still', async () => {
    expect((await shown(counting(1, 3, 5, 1, 1), video))[0]).toEqual([2, 7, 12]);
  });
});

describe('packing: 2×2 pixels folded into channels', () => {
  // Unpacked value: 100·channel + 10·row + column, 2 channels of 4×6.
  const value = (c: number, y: number, x: number): number => 100 * c + 10 * y + x;
  const expected = Array.from({ length: 24 }, (_, i) => {
    const [y, x] = [Math.floor(i / 6), i % 6];
    return [value(0, y, x), value(1, y, x), value(1, y, x)];
  });
  const packed = (channelOf: (c: number, dy: number, dx: number) => number, tokens: boolean): Latents => {
    const data = new Float32Array(48);
    for (let c = 0; c < 2; c++)
      for (let y = 0; y < 4; y++)
        for (let x = 0; x < 6; x++) {
          const k = channelOf(c, y % 2, x % 2);
          const token = Math.floor(y / 2) * 3 + Math.floor(x / 2);
          data[tokens ? token * 8 + k : k * 6 + token] = value(c, y, x);
        }
    return latentsFromArray(data, { shape: tokens ? [1, 6, 8] : [1, 8, 2, 3] });
  };
  const format = (order?: 'channel' | 'patch'): LatentFormat =>
    showing({
      channels: 2,
      packing: { patch: 2, packedChannels: 8, layouts: ['channels', 'tokens'], ...(order ? { order } : {}) },
    });
  const byChannel = (c: number, dy: number, dx: number): number => c * 4 + dy * 2 + dx;
  const byPatch = (c: number, dy: number, dx: number): number => (dy * 2 + dx) * 2 + c;
  it('channels', async () => expect(await shown(packed(byChannel, false), format())).toEqual(expected));
  it('tokens, size guessed', async () => expect(await shown(packed(byChannel, true), format())).toEqual(expected));
  it('tokens, portrait', async () => {
    const latents = { ...packed(byChannel, true), size: { height: 6, width: 4 } };
    expect((await shown(latents, format()))[4]).toEqual([value(0, 1, 0), value(1, 1, 0), value(1, 1, 0)]);
  });
  it('patch first, channels', async () =>
    expect(await shown(packed(byPatch, false), format('patch'))).toEqual(expected));
  it('patch first, tokens', async () => expect(await shown(packed(byPatch, true), format('patch'))).toEqual(expected));
  it('unpacked latents of a packed family', async () => {
    const data = Float32Array.from({ length: 48 }, (_, i) =>
      value(Math.floor(i / 24), Math.floor((i % 24) / 6), i % 6),
    );
    expect(await shown(latentsFromArray(data, { shape: [1, 2, 4, 6] }), format())).toEqual(expected);
  });
});

describe('domains: the published formulas, worked by hand', () => {
  const at = (map: Float32Array, k: number, z: number): number => z * map[k * 2]! + map[k * 2 + 1]!;
  const statistics = <T>(id: string): [T[], T[]] =>
    [formats[id]!.latentsMean, formats[id]!.latentsStd] as unknown as [T[], T[]];
  it('SD1: z × 0.18215', () => {
    expect(at(domainMap(formats.sd15!, 'vae', 'model', 1, 0), 2, 4)).toBeCloseTo(0.7286, 6);
    expect(at(domainMap(formats.sd15!, 'model', 'vae', 1, 0), 2, 0.7286)).toBeCloseTo(4, 5);
  });
  it('SD3: (z − 0.0609) × 1.5305', () => {
    expect(at(domainMap(formats.sd3!, 'vae', 'model', 1, 0), 15, 1)).toBeCloseTo(0.9391 * 1.5305, 6);
    expect(at(domainMap(formats.sd3!, 'model', 'vae', 1, 0), 15, 1)).toBeCloseTo(1 / 1.5305 + 0.0609, 6);
  });
  it('FLUX.1: (z − 0.1159) × 0.3611', () =>
    expect(at(domainMap(formats.flux!, 'vae', 'model', 1, 0), 0, 2)).toBeCloseTo(1.8841 * 0.3611, 6));
  it('Wan 2.1: (z − mean) / std, per channel', () => {
    const [mean, std] = statistics<number>('wan21');
    const map = domainMap(formats.wan21!, 'vae', 'model', 1, 0);
    for (let c = 0; c < 16; c++) expect(at(map, c, 1.5)).toBeCloseTo((1.5 - mean[c]!) / std[c]!, 5);
  });
  it('Playground 2.5: (z − mean) × 0.5 / std', () => {
    const map = domainMap(formats.playground25!, 'vae', 'model', 1, 0);
    expect(at(map, 0, 1)).toBeCloseTo(((1 + 1.6574) * 0.5) / 8.4927, 6);
  });
  it('FLUX.2: BatchNorm statistics per packed channel c·4 + row·2 + column', () => {
    const [mean, std] = statistics<number>('flux2');
    const map = domainMap(formats.flux2!, 'vae', 'model', 2, 0);
    for (const k of [0, 1, 2, 3, 4, 77, 127]) expect(at(map, k, 0.7)).toBeCloseTo((0.7 - mean[k]!) / std[k]!, 5);
  });
  it('Cosmos 1: statistics per channel and frame, sigma 0.5', () => {
    const [mean, std] = statistics<number[]>('cosmos1');
    const map = domainMap(formats.cosmos1!, 'vae', 'model', 1, 7);
    expect(at(map, 3, 1)).toBeCloseTo(((1 - mean[3]![7]!) / std[3]![7]!) * 0.5, 5);
  });
  it('nothing where the domains are the same', () =>
    expect([...domainMap(formats.sd15!, 'model', 'model', 1, 0)]).toEqual([1, 0, 1, 0, 1, 0, 1, 0]));
});

const shared = new URL('../../shared/fixtures/', import.meta.url);
const present = existsSync(shared);
if (!present) console.log('skipped: latents of real models – ../shared is not there');
describe.skipIf(!present)('the shared latents', () => {
  const load = (name: string, options = {}): Promise<Latents> =>
    loadLatents(readFileSync(new URL(`latents/${name}`, shared)), options);
  const decode = async (name: string, format: string): Promise<ImageData> =>
    (await createPreviewer({ format, decoder: 'map', backend: 'cpu' })).toImageData(await load(name));

  it('a ComfyUI .latent is raw, and decodes as the model latents it was made from', async () => {
    const latents = await load('astronaut.sd1.latent');
    expect([latents.domain, latents.domainFrom]).toEqual(['vae', 'file']);
    expect(
      differingPictures(await decode('astronaut.sd1.latent', 'sd15'), await decode('astronaut.sd1.npy', 'sd15')),
    ).toBeUndefined();
  });
  it('a FLUX.2 .latent stays normalised', async () => {
    expect((await load('chelsea.flux2.latent')).domain).toBe('model');
    // Pixel by pixel, so that what lies below the last row has no say in it.
    const picture = await decode('chelsea.flux2.latent', 'flux2/invokeai');
    const whole = await decode('chelsea.flux2.npy', 'flux2/invokeai');
    // The unpacked file has one row more: 37 rows are 18 patches and a half.
    const cropped = { width: 56, height: 36, data: whole.data.subarray(0, 56 * 36 * 4) };
    expect(differingPictures(picture, cropped)).toBeUndefined();
  });
  it('packed and unpacked FLUX.2 are one picture', async () =>
    expect(
      differingPictures(
        await decode('astronaut.flux2.packed128.f16.npy', 'flux2'),
        await decode('astronaut.flux2.f16.safetensors', 'flux2'),
      ),
    ).toBeUndefined());
  it('raw SD1 latents of a real sampler, told so, are the scaled ones', async () => {
    const format = copyleftFormats['sd15/comfyui']!;
    const previewer = await createPreviewer({ format, decoder: 'map', backend: 'cpu' });
    const raw = await load('../internal-only/latents/real-sd14-horse.sd1.vae-scale.npy', { domain: 'vae' });
    const scaled = await load('../internal-only/latents/real-sd14-horse.sd1.npy');
    expect(differingPictures(await previewer.toImageData(raw), await previewer.toImageData(scaled))).toBeUndefined();
  });
});
