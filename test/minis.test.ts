// The mini decoders that are shipped: where their weights are found, what happens where they are not, and the limits that
// were set for them. What they make of latents is in the conv tests, through test/fixtures/mini.

import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LatentPreviewError, loadWeights } from '../src/index';
import { minis } from '../src/minis/index';
import { elementCount } from '../src/tensor';
import { workOf } from './mini-net';

const fileOf = (id: string): URL => new URL(`../weights/mini-${id}.safetensors`, import.meta.url);
const channels: Record<string, number> = { sd15: 4, sdxl: 4, sd3: 16, flux: 16, flux2: 32 };

afterEach(() => void vi.restoreAllMocks());

it('are those of five families', () => expect(Object.keys(minis)).toEqual(Object.keys(channels)));

describe.each(Object.keys(channels))('%s', (id) => {
  it('is loaded from the file beside the sources', async () => {
    const decoder = await minis[id]!();
    expect(decoder).toMatchObject({ name: `mini ${id}`, format: id, channels: channels[id], upscale: 8 });
  });
  it('keeps to 100 000 parameters and 2 % of the work of TAESD', async () => {
    const weights = await loadWeights(readFileSync(fileOf(id)));
    expect([...weights.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBeLessThanOrEqual(100_000);
    expect(workOf(weights)).toBeLessThanOrEqual(346_000);
    expect([...weights.values()].every(({ dtype }) => dtype === 'float16')).toBe(true);
  });
});

it('an aborted load rejects with the reason', async () => {
  const reason = new Error('no longer wanted');
  await expect(minis.sdxl!({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

it('tells its progress', async () => {
  const seen: (number | undefined)[] = [];
  await minis.sdxl!({ onProgress: ({ loaded, total }) => seen.push(loaded, total) });
  const { length } = readFileSync(fileOf('sdxl'));
  expect(seen.slice(-2)).toEqual([length, length]);
});

it('weights that are not there are an error that says where they were looked for', async () => {
  const { process } = globalThis;
  const gone = { readFile: () => Promise.reject(new Error('ENOENT')) };
  vi.spyOn(process, 'getBuiltinModule').mockReturnValue(gone as never);
  const error = await minis.sdxl!().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LatentPreviewError);
  expect(error).toMatchObject({
    code: 'file',
    message: expect.stringMatching(
      /^mini: the weights of 'sdxl' could not be loaded from file:.*weights\/mini-sdxl\.safetensors; .*dist\/weights.*'map'$/,
    ),
    cause: { code: 'file', message: expect.stringMatching(/^load: file:.*could not be read: ENOENT$/) },
  });
});

it('has all of its files in the repository', () =>
  expect(Object.keys(channels).filter((id) => !existsSync(fileOf(id)))).toEqual([]));
