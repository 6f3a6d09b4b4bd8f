// Conv decoders through the previewer on the CPU: the repo's own nets against PyTorch, real weights against the PyTorch
// decodes of real photos' latents, with WebAssembly and where a page forbids it.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { decode } from 'fast-png';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createPreviewer, decoderFromWeights, latentsFromArray, loadLatents, loadWeights } from '../src/index';
import { convFixtures } from './conv-fixtures';
import { pictureOf } from './op-suite';
import { differingPictures } from './tolerances';

describe('the repo’s own nets', () => {
  afterEach(() => void vi.unstubAllGlobals());
  for (const { name, format, domain, decoder, latents, inputShape, outputShape, expected } of convFixtures)
    for (const wasm of [true, false])
      it(`${name}${wasm ? '' : ', without WebAssembly'}`, async () => {
        const made = decoder();
        if (!wasm) vi.stubGlobal('WebAssembly', undefined);
        const previewer = await createPreviewer({ format, decoder: made, backend: 'cpu' });
        const seen: number[] = [];
        const options = { onProgress: (fraction: number) => seen.push(fraction) };
        const picture = await previewer.toImageData(latentsFromArray(latents, { shape: inputShape, domain }), options);
        expect(differingPictures(picture, pictureOf(expected(), outputShape.slice(1), made))).toBeUndefined();
        expect(seen.at(-1)).toBe(1);
      });

  it('104 an aborted decode rejects with the reason, and the next is right', async () => {
    const { format, decoder, latents, inputShape, outputShape, expected } = convFixtures[0]!;
    const previewer = await createPreviewer({ format, decoder: decoder(), backend: 'cpu' });
    const reason = new Error('superseded');
    const given = latentsFromArray(latents, { shape: inputShape });
    await expect(previewer.toImageData(given, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const picture = await previewer.toImageData(given);
    expect(differingPictures(picture, pictureOf(expected(), outputShape.slice(1), decoder()))).toBeUndefined();
  });

  it('latents that are not finite decode as if they were 0 there', async () => {
    const { format, decoder, latents, inputShape } = convFixtures[0]!;
    const previewer = await createPreviewer({ format, decoder: decoder(), backend: 'cpu' });
    const [holes, zeros] = [latents.slice(), latents.slice()];
    holes[3] = Number.NaN;
    holes[9] = Number.NEGATIVE_INFINITY;
    zeros[3] = 0;
    zeros[9] = 0;
    const decodeThis = (data: Float32Array) => previewer.toImageData(latentsFromArray(data, { shape: inputShape }));
    expect((await decodeThis(holes)).data).toEqual((await decodeThis(zeros)).data);
  });
});

const shared = new URL('../../shared/fixtures/', import.meta.url);
const present = existsSync(shared);
if (!present) console.log('skipped: PyTorch decodes of photos – ../shared is not there');
const families: Record<string, readonly [weights: string, format: string]> = {
  sd1: ['taesd', 'sd15'],
  sdxl: ['taesdxl', 'sdxl'],
  sd3: ['taesd3', 'sd3'],
  flux1: ['taef1', 'flux'],
  flux2: ['taef2', 'flux2'],
};
const references = present
  ? readdirSync(new URL('refs/', shared)).filter((name) => (name.split('.')[1] ?? '') in families)
  : [];

describe.skipIf(!present)('real weights: PyTorch’s decode, to the pixel', () => {
  for (const name of references)
    it(name, async () => {
      const [photo, family] = name.split('.') as [string, string];
      const [weights, format] = families[family]!;
      const file = readFileSync(new URL(`weights/${weights}_decoder.safetensors`, shared));
      const previewer = await createPreviewer({
        format,
        decoder: decoderFromWeights(await loadWeights(file)),
        backend: 'cpu',
      });
      const latents = await loadLatents(readFileSync(new URL(`latents/${photo}.${family}.npy`, shared)));
      const { width, height, data, channels } = decode(readFileSync(new URL(`refs/${name}`, shared)));
      const rgba = Array.from({ length: width * height * 4 }, (_, k) =>
        k % 4 === 3 ? 255 : data[Math.floor(k / 4) * channels + (k % 4)]!,
      );
      expect(differingPictures(await previewer.toImageData(latents), { width, height, data: rgba })).toBeUndefined();
    });
});
