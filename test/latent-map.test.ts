// Maps as decoders and as files: the same picture whichever way it is run, strict about what a map is. That their numbers
// are right is fit.test.ts and, for the kernel, the op suite.

import { describe, expect, it } from 'vitest';
import { type LatentMap, latentMap, readLatentMap, writeLatentMap } from '../src/fit/index';
import { createPreviewer, type LatentFormat, latentsFromArray, polynomial } from '../src/index';
import { noise } from '../src/ops/examples';
import { latentMap as latentMapOp } from '../src/ops/index';

const brief = (value: number): number => Number(Math.fround(value).toPrecision(9));

function mapOf(kind: LatentMap['kind'], neighbourhood: 1 | 3 | 5, upscale: 1 | 2 | 4 | 8, features: number): LatentMap {
  const coefficients = [...noise(3 * upscale ** 2 * features, features + upscale)].map((value) => brief(value / 8));
  return {
    ...{ version: 1, name: `test ${kind}`, kind, format: 'sd15', channels: 4, domain: 'model' },
    ...{ neighbourhood, upscale, edges: 'replicate', outputRange: [-1, 1], coefficients },
    provenance: { date: '2026-11-21', photos: 3, heldOut: { psnr: 24.5, ssim: 0.9, r2: 0.87 } },
  };
}

/** Sums written out anew, for an affine map: picture pixel (x, y) of plane `plane`. */
function affineAt(map: LatentMap, latents: Float32Array, [height, width]: [number, number], at: number[]): number {
  const { channels, neighbourhood: k, upscale: u, coefficients } = map;
  const [plane, y, x] = at as [number, number, number];
  const row = (plane * u + (y % u)) * u + (x % u);
  const features = 1 + channels * k * k;
  let sum = coefficients[row * features]!;
  for (let c = 0; c < channels; c++)
    for (let dy = 0; dy < k; dy++)
      for (let dx = 0; dx < k; dx++) {
        const latentY = Math.min(Math.max(Math.floor(y / u) + dy - (k - 1) / 2, 0), height - 1);
        const latentX = Math.min(Math.max(Math.floor(x / u) + dx - (k - 1) / 2, 0), width - 1);
        const weight = coefficients[row * features + 1 + (c * k + dy) * k + dx]!;
        sum += weight * latents[(c * height + latentY) * width + latentX]!;
      }
  return sum;
}

describe('decodes', () => {
  it.each([
    [3, 8, 5, 3],
    [5, 2, 70, 300],
    [5, 1, 1, 1],
    [3, 4, 1, 9],
  ] as const)('%i×%i neighbours, ×%i: every pixel of bands on the CPU', async (k, u, height, width) => {
    const map = mapOf('affine', k, u, 1 + 4 * k * k);
    const data = noise(4 * height * width, 7);
    const previewer = await createPreviewer({ format: 'sd15', decoder: latentMap(map), backend: 'cpu' });
    const picture = await previewer.toImageData(latentsFromArray(data, { shape: [4, height, width] }));
    expect([picture.width, picture.height]).toEqual([width * u, height * u]);
    let wrong = 0;
    for (let i = 0; i < picture.width * picture.height; i++)
      for (let plane = 0; plane < 3; plane++) {
        const place = [plane, Math.floor(i / picture.width), i % picture.width];
        const value = affineAt(map, data, [height, width], place) * 127.5 + 127.5;
        if (Math.abs(Math.min(Math.max(value, 0), 255) - picture.data[i * 4 + plane]!) > 0.501) wrong++;
      }
    expect(wrong).toBe(0);
  });

  it('what looks at one pixel and leaves one, as the polynomial that it is', () => {
    const map = mapOf('quadratic', 1, 1, 15);
    const same = polynomial({ channels: 4, degree: 2, coefficients: map.coefficients });
    const input = noise(4 * 6, 3);
    expect(latentMap(map).layers[0]!.reference(input, [4, 2, 3])).toEqual(same.layers[0]!.reference(input, [4, 2, 3]));
  });

  it('a linear map as an affine one without constants', () => {
    const linear = mapOf('linear', 3, 2, 36);
    const coefficients = linear.coefficients.flatMap((value, k) => (k % 36 ? [value] : [0, value]));
    const affine: LatentMap = { ...linear, kind: 'affine', coefficients };
    const input = noise(4 * 20, 3);
    const planes = latentMap(linear).layers[0]!.reference(input, [4, 4, 5]);
    expect(planes).toEqual(latentMap(affine).layers[0]!.reference(input, [4, 4, 5]));
    expect(planes.some((value) => value !== 0)).toBe(true);
  });

  it('says what it is, and is refused for another family', async () => {
    const decoder = latentMap(mapOf('affine', 3, 4, 37));
    expect(decoder).toMatchObject({ name: 'test affine', format: 'sd15', channels: 4, domain: 'model', upscale: 4 });
    await expect(createPreviewer({ format: 'sdxl', decoder, backend: 'cpu' })).rejects.toMatchObject({
      code: 'format',
      message: "previewer: decoder 'test affine' was made for 'sd15', the previewer is for 'sdxl'",
    });
    const mine: LatentFormat = {
      ...(await createPreviewer({ format: 'sd15', decoder: 'map', backend: 'cpu' })).format,
      id: 'mine',
    };
    await expect(createPreviewer({ format: mine, decoder, backend: 'cpu' })).resolves.toBeDefined();
  });

  it('fits every map of up to 128 channels into the default limits, and says where one does not', () => {
    const limits = { maxComputeWorkgroupStorageSize: 16384, maxComputeInvocationsPerWorkgroup: 256 };
    for (const channels of [1, 3, 4, 16, 31, 32, 48, 64, 127, 128])
      for (const neighbourhood of [1, 3, 5])
        for (const upscale of [1, 2, 4, 8]) {
          const params = { channels, neighbourhood, upscale, degree: 1, coefficients: new Float32Array(0) } as const;
          const { constants, workgroups } = latentMapOp.kernel([channels, 37, 53], params, limits, false);
          expect(constants.scratchSize! * 4).toBeLessThanOrEqual(16384);
          expect(constants.groupWidth! * constants.groupHeight!).toBeLessThanOrEqual(256);
          expect(workgroups[0] * constants.tileWidth!).toBeGreaterThanOrEqual(53);
          expect(workgroups[1] * constants.tileHeight!).toBeGreaterThanOrEqual(37);
        }
    const large = {
      channels: 512,
      neighbourhood: 5,
      upscale: 1,
      degree: 1,
      coefficients: new Float32Array(0),
    } as const;
    expect(() => latentMapOp.kernel([512, 8, 8], large, limits, false)).toThrow(
      /512 channels of 5×5 pixels need 51200 bytes of workgroup memory, the device has 16384; use backend 'cpu'/,
    );
  });

  it('64×64 latents to 512×512 well within 100 ms of processor time', async () => {
    const decoder = latentMap(mapOf('affine', 3, 8, 37));
    const previewer = await createPreviewer({ format: 'sd15', decoder, backend: 'cpu' });
    const latents = latentsFromArray(noise(4 * 64 * 64, 1), { shape: [4, 64, 64] });
    const times: number[] = [];
    for (let round = 0; round < 12; round++) {
      const before = process.cpuUsage();
      await previewer.toImageData(latents);
      const { user, system } = process.cpuUsage(before);
      times.push((user + system) / 1000);
    }
    const [median] = times.sort((a, b) => a - b).slice(6);
    console.log(`CPU, 64×64×4, 3×3, ×8: ${median!.toFixed(1)} ms of processor time`);
    expect(median).toBeLessThan(80);
  });
});

describe('files', () => {
  const map = mapOf('cubic', 3, 2, 37 + 10 + 20);
  it.each(['json', 'safetensors'] as const)('%s holds the same map', async (type) => {
    expect(await readLatentMap(writeLatentMap(map, type))).toEqual(map);
  });
  it('keeps a third of the bytes as safetensors, numbers at a multiple of eight', () => {
    const bytes = writeLatentMap(map, 'safetensors');
    expect(bytes.length).toBeLessThan(writeLatentMap(map).length / 2);
    expect((8 + new DataView(bytes.buffer).getUint32(0, true)) % 8).toBe(0);
  });
  it.each([
    ['neither', new TextEncoder().encode('hello, this is text'), 'file', /neither JSON nor a safetensors/],
    ['JSON of something else', new TextEncoder().encode('{"a": [1, 2, 3]}'), 'weights', /version is undefined/],
    ['cut short', writeLatentMap(map, 'safetensors').subarray(0, 900), 'file', /safetensors/],
    ['nothing', new Uint8Array(0), 'file', /neither JSON nor/],
  ])('refuses %s', async (_, bytes, code, message) => {
    await expect(readLatentMap(bytes)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
  it('refuses safetensors without a map', async () => {
    const header = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  ';
    const bytes = new Uint8Array(8 + header.length + 4);
    bytes[0] = header.length;
    bytes.set(new TextEncoder().encode(header), 8);
    await expect(readLatentMap(bytes)).rejects.toMatchObject({ code: 'weights' });
  });
});

describe('refuses, by name', () => {
  const good = mapOf('affine', 3, 2, 37);
  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /version is undefined/],
    ['a newer map', { ...good, version: 2 }, /version is 2, this release reads maps of version 1/],
    ['a kind', { ...good, kind: 'quartic' }, /kind is quartic, it can be linear, affine, quadratic, cubic/],
    ['a kind of every object', { ...good, kind: 'constructor' }, /kind is constructor/],
    ['the other domain', { ...good, domain: 'vae' }, /domain is vae, it can be model/],
    ['a neighbourhood', { ...good, neighbourhood: 2 }, /neighbourhood is 2, it can be 1, 3, 5/],
    ['an upscale', { ...good, upscale: '2' }, /upscale is 2, it can be 1, 2, 4, 8/],
    ['edges', { ...good, edges: 'zeros' }, /edges is zeros, it can be replicate/],
    ['no name', { ...good, name: undefined }, /name is undefined/],
    ['no format', { ...good, format: null }, /format is null/],
    ['channels', { ...good, channels: 4.5 }, /channels is 4.5/],
    ['a range', { ...good, outputRange: [1, 1] }, /outputRange is 1,1/],
    ['an endless range', { ...good, outputRange: [0, Number.POSITIVE_INFINITY] }, /outputRange is 0,Infinity/],
    ['too few', { ...good, coefficients: good.coefficients.slice(1) }, /443 coefficients, 12 rows of 37 are 444/],
    ['other channels', { ...good, channels: 5 }, /444 coefficients, 12 rows of 46 are 552/],
    ['no list', { ...good, coefficients: { length: 444 } }, /coefficients/],
    [
      'null',
      { ...good, coefficients: good.coefficients.map((value, k) => (k === 7 ? null : value)) },
      /coefficient 7 is null/,
    ],
    [
      'infinity',
      { ...good, coefficients: good.coefficients.map((value, k) => (k === 9 ? Number.POSITIVE_INFINITY : value)) },
      /coefficient 9 is Infinity/,
    ],
  ])('%s', (_, map, message) => {
    let thrown: unknown;
    try {
      latentMap(map as LatentMap);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({
      name: 'LatentPreviewError',
      code: 'weights',
      message: expect.stringMatching(message),
    });
  });
});
