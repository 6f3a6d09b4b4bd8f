// Every file of test/fixtures/files against the .json beside it (see scripts/make-file-fixtures.py): they were written by
// numpy, PyTorch and the safetensors library. Adding a case = dropping x.ext and x.json. And every real latent of ../shared.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { selectTensor } from '../../src/files';
import { type Tensor, toFloat32 } from '../../src/tensor';
import { expectRejection, readWhole } from './build';

interface ExpectedTensor {
  dtype: string;
  shape: number[];
  values: (number | string)[];
}
interface Expected extends Partial<ExpectedTensor> {
  tensors?: Record<string, ExpectedTensor>;
  metadata?: Record<string, string>;
  error?: string;
}

const folder = new URL('../fixtures/files/', import.meta.url);
const files = readdirSync(folder).filter((name) => !name.endsWith('.json'));

const numbers = (tensor: Tensor) =>
  Array.from(tensor.dtype === 'float16' || tensor.dtype === 'bfloat16' ? toFloat32(tensor) : tensor.data);

describe('fixtures written by the formats’ own libraries', () => {
  test('are there', () => expect(files.length).toBeGreaterThanOrEqual(44));

  test.each(files)('%s', async (name) => {
    const bytes = readFileSync(new URL(name, folder));
    const expected = JSON.parse(readFileSync(new URL(name.replace(/\.\w+$/, '.json'), folder), 'utf8')) as Expected;
    if (expected.error) {
      return expectRejection(readWhole(bytes), expected.error);
    }
    const wanted = new Map(Object.entries(expected.tensors ?? { '': expected as ExpectedTensor }));
    const { tensors, metadata } = await readWhole(bytes);
    expect([...tensors.keys()].sort()).toEqual([...wanted.keys()].sort());
    for (const [key, tensor] of tensors) {
      const { dtype, shape, values } = wanted.get(key) as ExpectedTensor;
      expect(tensor.dtype, key).toBe(dtype);
      expect(tensor.shape, key).toEqual(shape);
      // toEqual tells −0 from 0 and knows NaN.
      expect(numbers(tensor), key).toEqual(values.map(Number));
    }
    expect(Object.fromEntries(metadata)).toEqual(expected.metadata ?? {});
  });
});

const shared = new URL('../../../shared/fixtures/', import.meta.url);
const manifest = new URL('manifest.json', shared);
const present = existsSync(manifest);
if (!present) console.log('skipped: real latents, ../shared/fixtures is absent');

interface ManifestFile {
  path: string;
  kind: string;
  shape: number[];
  dtype: string;
}
const latents: ManifestFile[] = present
  ? (JSON.parse(readFileSync(manifest, 'utf8')).files as ManifestFile[]).filter(({ kind }) => kind === 'latents')
  : [];
const dtypeNames: Record<string, string> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

describe.skipIf(!present)('real latents of ../shared', () => {
  test('are there', () => expect(latents.length).toBeGreaterThan(40));

  test.each(latents)('$path', async ({ path, shape, dtype }) => {
    const { tensor } = selectTensor(await readWhole(readFileSync(new URL(path, shared))));
    expect(tensor.shape).toEqual(shape);
    expect(tensor.dtype).toBe(dtypeNames[dtype] ?? dtype);
    const values = toFloat32(tensor);
    // Latents are of order one: misread bytes would not be.
    const meanSquare = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(meanSquare).toBeGreaterThan(0.01);
    expect(meanSquare).toBeLessThan(200);
  });
});
