// predictX0 against samples made here by the definitions of diffusion: x0 and noise are drawn, the sample and what a perfect
// model would say follow from them, and x0 must come back. Steps are taken as the schedulers write them. That the kernel
// does the same is step-suite.ts.

import { describe, expect, it } from 'vitest';
import { createPreviewer, formats, type Latents, latentsFromArray, latentsFromBuffer } from '../src/index';
import { type PredictOptions, predictX0, predictX0FromSteps } from '../src/steps/index';
import { numberToFloat16, type Tensor } from '../src/tensor';
import { describeGpu, withDevice } from './setup/gpu';

const shape = [1, 4, 6, 5];
const count = 120;

/** Numbers of about unit deviation, another for each seed: a sum of sines, as repeatable as it is irregular. */
const draw = (seed: number): number[] =>
  Array.from(
    { length: count },
    (_, k) => 1.2 * Math.sin((k + 1) * (seed * 12.9898 + 0.37)) + 0.6 * Math.cos(k * k * seed),
  );
const [x0, noise] = [draw(1), draw(2)] as const;

const latents = (values: readonly number[], options = {}): Latents =>
  latentsFromArray(Float64Array.from(values), { shape, ...options });
const data = ({ tensor }: Latents): number[] => [...(tensor as Tensor).data];
const mix = (a: number, first: readonly number[], b: number, second: readonly number[]): number[] =>
  first.map((value, k) => a * value + b * second[k]!);
/** @param digits after the point that must agree */
function expectNumbers(found: Latents, wanted: readonly number[], digits = 5): void {
  expect(found.tensor.dtype).toBe('float32');
  const values = data(found);
  expect(values).toHaveLength(wanted.length);
  values.forEach((value, k) => {
    expect(value).toBeCloseTo(wanted[k]!, digits);
  });
}

// The definitions. Of `sigma`: x = x0 + σ · noise. Of ᾱ: x = √ᾱ · x0 + √(1−ᾱ) · noise. Of flows: x = (1−σ) · x0 + σ · noise.
const byAlpha = (alpha: number): number[] => mix(Math.sqrt(alpha), x0, Math.sqrt(1 - alpha), noise);
const bySigma = (sigma: number): number[] => mix(1, x0, sigma, noise);
const byFlow = (sigma: number): number[] => mix(1 - sigma, x0, sigma, noise);
// v of Salimans & Ho (arXiv 2202.00512): √ᾱ · noise − √(1−ᾱ) · x0.
const velocity = (alpha: number): number[] => mix(Math.sqrt(alpha), noise, -Math.sqrt(1 - alpha), x0);

describe('a sample and what the model said give x0', () => {
  it.each([0.0292, 0.7, 14.6146, 0])('epsilon, sigma %d', (sigma) => {
    expectNumbers(predictX0(latents(bySigma(sigma)), latents(noise), { prediction: 'epsilon', sigma }), x0);
  });
  it.each([0.9991, 0.5, 0.0047, 1])('epsilon, alphaCumprod %d', (alphaCumprod) => {
    const found = predictX0(latents(byAlpha(alphaCumprod)), latents(noise), { prediction: 'epsilon', alphaCumprod });
    expectNumbers(found, x0);
  });
  it.each([0.9991, 0.5, 0.0047, 1, 0])('v, alphaCumprod %d, zero terminal SNR too', (alphaCumprod) => {
    const said = latents(velocity(alphaCumprod));
    expectNumbers(predictX0(latents(byAlpha(alphaCumprod)), said, { prediction: 'v', alphaCumprod }), x0);
  });
  it.each([0.0292, 0.7, 14.6146, 0])('v, sigma %d', (sigma) => {
    // The same noise level counted as ᾱ: the signal is 1/√(σ²+1) of the sample scaled to unit variance.
    const said = latents(velocity(1 / (sigma ** 2 + 1)));
    expectNumbers(predictX0(latents(bySigma(sigma)), said, { prediction: 'v', sigma }), x0);
  });
  it.each([0.03, 0.5, 1, 0])('flow, sigma %d', (sigma) => {
    const said = latents(mix(1, noise, -1, x0));
    expectNumbers(predictX0(latents(byFlow(sigma)), said, { prediction: 'flow', sigma }), x0);
  });
  it('sample: what the model said, with any level or none', () => {
    for (const level of [{}, { sigma: 3 }, { alphaCumprod: 0 }])
      expectNumbers(predictX0(latents(noise), latents(x0), { prediction: 'sample', ...level }), x0, 6);
  });
});

describe('two samples give x0', () => {
  // A step as EulerDiscreteScheduler takes it: along (x − x0) / σ.
  const euler = (x: readonly number[], from: number, to: number): number[] =>
    mix(1, x, (to - from) / from, mix(1, x, -1, x0));
  it.each([
    [14.6146, 9.7],
    [1, 0.99],
    [0.7, 0],
  ])('Euler, sigma %d to %d', (from, to) => {
    const [x, next] = [bySigma(from), euler(bySigma(from), from, to)];
    expectNumbers(predictX0FromSteps(latents(x), latents(next), { sigmas: [from, to] }), x0, 4);
  });
  it.each([
    [1, 0.93],
    [0.4, 0.2],
    [0.1, 0],
  ])('flow, sigma %d to %d', (from, to) => {
    // A step as FlowMatchEulerDiscreteScheduler takes it: along v = noise − x0.
    const next = mix(1, byFlow(from), to - from, mix(1, noise, -1, x0));
    expectNumbers(predictX0FromSteps(latents(byFlow(from)), latents(next), { sigmas: [from, to] }), x0, 4);
  });
  it.each([
    [0.0047, 0.0145],
    [0.5, 0.6],
    [0.98, 1],
    [0, 0.0047],
  ])('DDIM, alphaCumprod %d to %d, zero terminal SNR too', (from, to) => {
    // A step as DDIMScheduler takes it with eta 0: x0 at the next level, with the same noise.
    const found = predictX0FromSteps(latents(byAlpha(from)), latents(byAlpha(to)), { alphasCumprod: [from, to] });
    expectNumbers(found, x0, 4);
  });
  it('a previewer shows nearly what it shows of x0 itself, from half floats', async () => {
    const halves = (values: readonly number[]): Latents =>
      latentsFromArray(Uint16Array.from(values, numberToFloat16), { shape, dtype: 'float16' });
    const found = predictX0FromSteps(halves(byFlow(0.6)), halves(byFlow(0.5)), { sigmas: [0.6, 0.5] });
    const previewer = await createPreviewer({ format: 'sdxl', decoder: 'map', backend: 'cpu' });
    const [shown, wanted] = [await previewer.toImageData(found), await previewer.toImageData(latents(x0))];
    const worst = shown.data.reduce((most, value, k) => Math.max(most, Math.abs(value - wanted.data[k]!)), 0);
    expect(worst).toBeLessThanOrEqual(3);
    expect(new Set(wanted.data).size).toBeGreaterThan(50);
  });
});

describe('the result', () => {
  it('has the format, domain, layout, size and metadata of the sample, and its own memory', () => {
    const metadata = new Map([['prompt', 'a cat']]);
    const options = { shape: [1, 12, 10], format: 'flux2', layout: 'NLC', size: { height: 6, width: 8 } } as const;
    const sample = { ...latentsFromArray(new Float32Array(120).fill(2), options), metadata };
    const output = latentsFromArray(new Float32Array(120).fill(0.5), { shape: [1, 12, 10] });
    const found = predictX0(sample, output, { prediction: 'epsilon', sigma: 2 });
    expect(found).toMatchObject({
      format: { id: 'flux2' },
      domain: 'model',
      layout: 'NLC',
      size: options.size,
      metadata,
    });
    expect(found.tensor.shape).toEqual([1, 12, 10]);
    expect(new Set(data(found))).toEqual(new Set([1]));
    expect((sample.tensor as Tensor).data[0]).toBe(2);
  });
  it('takes meaning from the other where the sample has none', () => {
    const output = latents(noise, { format: 'sdxl', layout: 'NCHW' });
    const found = predictX0(latents(x0), output, { prediction: 'epsilon', sigma: 1 });
    expect(found).toMatchObject({ format: { id: 'sdxl' }, layout: 'NCHW' });
  });
  it('is NaN where either is not finite, unless that one does not count', () => {
    const [a, b] = [
      [1, Number.NaN, 3, 4],
      [1, 2, Number.POSITIVE_INFINITY, 0],
    ].map((values) => latentsFromArray(Float32Array.from(values), { shape: [4, 1, 1] })) as [Latents, Latents];
    expect(data(predictX0(a, b, { prediction: 'epsilon', sigma: 2 }))).toEqual([-1, Number.NaN, Number.NaN, 4]);
    expect(data(predictX0(a, b, { prediction: 'sample' }))).toEqual([1, 2, Number.NaN, 0]);
    expect(data(predictX0FromSteps(a, b, { sigmas: [1, 0] }))).toEqual([1, 2, Number.NaN, 0]);
  });
  it('from two steps in the vae domain is x0 in the vae domain', () => {
    // Raw SD3 latents: model / 1.5305 + 0.0609.
    const { scalingFactor, shiftFactor } = formats.sd3!;
    const raw = (values: readonly number[]): Latents =>
      latents(
        values.map((value) => value / scalingFactor! + shiftFactor!),
        { domain: 'vae' },
      );
    const found = predictX0FromSteps(raw(byFlow(0.8)), raw(byFlow(0.6)), { sigmas: [0.8, 0.6] });
    expect(found.domain).toBe('vae');
    expectNumbers(found, data(raw(x0)));
  });
});

describe('refuses, saying why', () => {
  const one = latents(x0);
  const options = (given: object) => given as PredictOptions;
  it.each<[string, object, RegExp]>([
    [
      'ᾱ of 0 with epsilon',
      { prediction: 'epsilon', alphaCumprod: 0 },
      /alphaCumprod is 0 \(zero terminal SNR\): .* use predictX0FromSteps/,
    ],
    ['no level', { prediction: 'v' }, /prediction 'v' needs the noise level: `sigma` or `alphaCumprod`, got neither/],
    ['two levels', { prediction: 'v', sigma: 1, alphaCumprod: 0.5 }, /not both/],
    ['a timestep as sigma of a flow', { prediction: 'flow', sigma: 981 }, /sigma is 981; needed is a number of 0 to 1/],
    ['ᾱ with a flow', { prediction: 'flow', alphaCumprod: 0.5 }, /'flow' goes with `sigma`/],
    ['a negative sigma', { prediction: 'epsilon', sigma: -1 }, /sigma is -1; needed is a number of at least 0/],
    ['NaN', { prediction: 'v', sigma: Number.NaN }, /sigma is NaN/],
    ['an endless sigma', { prediction: 'v', sigma: Number.POSITIVE_INFINITY }, /sigma is Infinity/],
    ['ᾱ beyond 1', { prediction: 'v', alphaCumprod: 1.5 }, /alphaCumprod is 1.5; needed is a number of 0 to 1/],
    [
      'another prediction',
      { prediction: 'noise', sigma: 1 },
      /prediction is 'noise', it can be 'epsilon', 'v', 'flow' or 'sample'/,
    ],
    ['a buffer without a device', { prediction: 'v', sigma: 1, buffer: {} }, /need the `device`/],
  ])('%s', (_, given, message) => {
    expect(() => predictX0(one, one, options(given))).toThrow(
      expect.objectContaining({ name: 'LatentPreviewError', code: 'shape', message: expect.stringMatching(message) }),
    );
  });
  it.each<[string, object, RegExp]>([
    ['one sigma twice', { sigmas: [2, 2] }, /both samples have the noise level 2/],
    ['one ᾱ twice', { alphasCumprod: [0.5, 0.5] }, /both samples have the noise level 0.5/],
    ['no levels', {}, /`sigmas` or `alphasCumprod`, got neither/],
    ['both', { sigmas: [2, 1], alphasCumprod: [0.1, 0.2] }, /not both/],
    ['one level', { sigmas: [2] }, /two noise levels, \[from, to\]/],
    ['a number', { sigmas: 2 }, /two noise levels, \[from, to\]/],
    ['a negative one', { sigmas: [2, -1] }, /sigma is -1/],
  ])('two samples: %s', (_, given, message) => {
    expect(() => predictX0FromSteps(one, one, given as { sigmas: [number, number] })).toThrow(message);
  });
  it('two that do not belong together', () => {
    const other = (options: object, size = shape): Latents =>
      latentsFromArray(new Float32Array(count), { shape: size, ...options });
    const predict = (first: Latents, second: Latents) => () => predictX0(first, second, { prediction: 'v', sigma: 1 });
    expect(predict(one, other({}, [1, 8, 3, 5]))).toThrow(
      /the sample has shape \(1, 4, 6, 5\), the model output \(1, 8, 3, 5\)/,
    );
    expect(predict(one, other({}, [4, 6, 5]))).toThrow(/needed are two of one shape/);
    expect(predict(other({ layout: 'NCHW' }), other({ layout: 'NHWC' }))).toThrow(/layout NCHW, the model output NHWC/);
    expect(predict(other({ format: 'sdxl' }), other({ format: 'sd15' }))).toThrow(
      expect.objectContaining({ code: 'format', message: expect.stringMatching(/'sdxl', the model output 'sd15'/) }),
    );
    expect(predict(other({ domain: 'vae' }), one)).toThrow(
      expect.objectContaining({ code: 'format', message: expect.stringMatching(/the sample is in the 'vae' domain/) }),
    );
    expect(predict(one, other({ domain: 'vae' }))).toThrow(/the model output is in the 'vae' domain/);
    const empty = latentsFromArray(new Float32Array(0), { shape: [1, 4, 0, 5] });
    expect(predict(empty, empty)).toThrow(/which has no elements/);
    const sized = { height: 6, width: 5 };
    expect(predict(other({ size: sized }), other({ size: { height: 5, width: 6 } }))).toThrow(/needed is one size/);
  });
});

describeGpu('on a device', () => {
  const picture = async (device: GPUDevice, found: Latents): Promise<Uint8ClampedArray> => {
    const previewer = await createPreviewer({ format: 'sdxl', decoder: 'map', device });
    const { data } = await previewer.toImageData(found);
    previewer.destroy();
    return data;
  };

  it('x0 is decoded where it lies, submitted at once or recorded with the decode', () =>
    withDevice(async (device) => {
      const options = { prediction: 'epsilon', sigma: 3, device } as const;
      const cpu = await createPreviewer({ format: 'sdxl', decoder: 'map', backend: 'cpu' });
      const wanted = (await cpu.toImageData(latents(x0))).data;
      const found = predictX0(latents(bySigma(3)), latents(noise), options);
      expect('buffer' in found.tensor).toBe(true);
      const shown = await picture(device, found);
      const far = shown.filter((value, k) => Math.abs(value - wanted[k]!) > 1);
      expect([...far]).toEqual([]);
      if ('buffer' in found.tensor) found.tensor.buffer.destroy();

      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
      const [sample, output] = [bySigma(3), noise].map((values) => {
        const buffer = device.createBuffer({ size: 480, usage });
        device.queue.writeBuffer(buffer, 0, Float32Array.from(values));
        return latentsFromBuffer(buffer, { shape });
      }) as [Latents, Latents];
      const previewer = await createPreviewer({ format: 'sdxl', decoder: 'map', device });
      const encoder = device.createCommandEncoder();
      const buffer = device.createBuffer({ size: 480, usage: GPUBufferUsage.STORAGE });
      const recorded = predictX0(sample, output, { ...options, encoder, buffer });
      expect(recorded.tensor).toMatchObject({ offset: 0, dtype: 'float32', shape });
      expect('buffer' in recorded.tensor && recorded.tensor.buffer).toBe(buffer);
      const texture = previewer.record(encoder, recorded);
      const copy = device.createBuffer({
        size: 256 * texture.height,
        usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
      });
      encoder.copyTextureToBuffer({ texture }, { buffer: copy, bytesPerRow: 256 }, [texture.width, texture.height]);
      device.queue.submit([encoder.finish()]);
      await copy.mapAsync(GPUMapMode.READ);
      const row = texture.width * 4;
      const rows = new Uint8Array(copy.getMappedRange());
      expect([...rows.subarray(256, 256 + row)]).toEqual([...shown.subarray(row, 2 * row)]);
      previewer.destroy();
    }));

  it('refuses what it cannot do', () =>
    withDevice((device) => {
      const usage = GPUBufferUsage.STORAGE;
      const buffer = device.createBuffer({ size: 480, usage, label: 'mine' });
      const there = latentsFromBuffer(buffer, { shape });
      const here = latents(x0);
      const predict = (first: Latents, second: Latents, where: object) => () =>
        predictX0(first, second, { prediction: 'v', sigma: 1, ...where });
      expect(predict(there, here, {})).toThrow(/lie in a GPU buffer; pass the `device`/);
      expect(predict(there, here, { device, encoder: device.createCommandEncoder() })).toThrow(
        /with `encoder` both must lie/,
      );
      expect(predict(there, here, { device, buffer })).toThrow(/'mine' holds what x0 is made from/);
      const small = device.createBuffer({ size: 476, usage });
      expect(predict(there, here, { device, buffer: small })).toThrow(/has 476 bytes .* needed are 480 bytes/);
      const odd = device.createBuffer({ size: 480, usage: GPUBufferUsage.COPY_DST });
      expect(predict(there, here, { device, buffer: odd })).toThrow(/and GPUBufferUsage.STORAGE/);
      // 15 half floats end in the middle of a word.
      const halves = device.createBuffer({ size: 31 - 1 + 2, usage });
      const cut = latentsFromBuffer(halves, { shape: [15], dtype: 'float16', offset: 2 });
      expect(predict(cut, cut, { device })).not.toThrow();
    }));
});
