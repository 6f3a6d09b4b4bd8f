// PyTorch goldens are the truth for every op's reference(), and through it for the kernels. The pairs and how they were
// made: scripts/make-goldens.py. Where ../shared is there, its originals are read too.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { linear } from '../src/decoders/linear';
import { readTensorFile } from '../src/files/index';
import { copyleftFormats } from '../src/formats/copyleft/index';
import type { LatentFormat } from '../src/formats/format';
import { formats, mlp, polynomial } from '../src/index';
import { resize, smooth } from '../src/ops/index';
import { oklabToSrgb, writePixels } from '../src/output';
import { type Tensor, toFloat32 } from '../src/tensor';
import { differingPlanes, tolerances } from './tolerances';

interface Entry {
  name: string;
  op: string;
  input: string;
  output: string;
  inputShape: number[];
  outputShape: number[];
  weights?: string;
  format?: string;
  outputScale?: number;
  outputOffset?: number;
  params?: {
    latentRgbFactors?: [number, number, number][];
    latentRgbBias?: [number, number, number];
    degree?: 2 | 3;
    coefficients?: number[];
    activation?: 'silu' | 'relu';
    matrix?: number[];
    kind?: 'sigmoid' | 'oklab';
    mode?: 'nearest' | 'bilinear' | 'bicubic';
  };
}

const folder = new URL('./fixtures/golden/', import.meta.url);
const bytes = (url: URL): Uint8Array => new Uint8Array(readFileSync(url));
const { entries } = JSON.parse(readFileSync(new URL('golden.json', folder), 'utf8')) as { entries: Entry[] };
const only = (url: URL): Tensor => [...readTensorFile(bytes(url)).tensors.values()][0]!;

const base = {
  name: 'Golden',
  base: 'golden',
  dims: 2 as const,
  spatialDownscale: 8,
  source: { repo: 'here', licence: 'MIT' },
};

/** What this project computes for an entry, unclamped. */
function compute(
  { op, params = {}, weights, format, inputShape, outputShape }: Entry,
  input: Float32Array,
): Float32Array {
  const shape = inputShape.slice(1);
  const [channels, height, width] = shape as [number, number, number];
  switch (op) {
    case 'linear':
    case 'affine': {
      const table: LatentFormat = format
        ? (formats[format] ?? copyleftFormats[format])!
        : {
            ...base,
            id: 'golden',
            channels,
            latentRgbFactors: params.latentRgbFactors!,
            ...(params.latentRgbBias ? { latentRgbBias: params.latentRgbBias } : {}),
          };
      return linear(table).layers[0]!.reference(input, shape);
    }
    case 'polynomial': {
      const decoder = polynomial({ channels, degree: params.degree!, coefficients: params.coefficients! });
      return decoder.layers[0]!.reference(input, shape);
    }
    case 'mlp': {
      const decoder = mlp(readTensorFile(bytes(new URL(weights!, folder))).tensors, { activation: params.activation! });
      return decoder.layers[0]!.reference(input, shape);
    }
    case 'smooth':
      return smooth.reference(input, shape, { matrix: Float32Array.from(params.matrix!) });
    case 'resize': {
      const [rows, columns] = outputShape.slice(-2) as [number, number];
      return resize.reference(input, shape, { width: columns, height: rows, filter: params.mode! });
    }
    case 'activation': {
      const count = height * width;
      const out = new Float32Array(3 * count);
      for (let i = 0; i < count; i++) {
        const rgb = [0, 1, 2].map((c) => input[c * count + i]!) as [number, number, number];
        const active = params.kind === 'oklab' ? oklabToSrgb(...rgb) : rgb.map((value) => 1 / (1 + Math.exp(-value)));
        for (let c = 0; c < 3; c++) out[c * count + i] = active[c]!;
      }
      return out;
    }
    default:
      throw new Error(`no such op in the goldens: ${op}`);
  }
}

describe('reference() equals PyTorch', () => {
  it('has every kind of op', () => {
    expect(new Set(entries.map(({ op }) => op))).toEqual(
      new Set(['affine', 'polynomial', 'mlp', 'smooth', 'activation', 'resize']),
    );
  });
  for (const entry of entries)
    it(entry.name, () => {
      const input = toFloat32(only(new URL(entry.input, folder)));
      const expected = toFloat32(only(new URL(entry.output, folder)));
      const { outputScale = 1, outputOffset = 0 } = entry;
      const actual = compute(entry, input).map((value) => value * outputScale + outputOffset);
      expect(differingPlanes(actual, expected, entry.outputShape.slice(1), tolerances.golden)).toBeUndefined();
    });

  for (const entry of entries.filter(({ op }) => op === 'activation'))
    it(`${entry.name}, as 8-bit pixels`, () => {
      const input = toFloat32(only(new URL(entry.input, folder)));
      const expected = toFloat32(only(new URL(entry.output, folder)));
      const count = input.length / 3;
      const rgba = new Uint32Array(count);
      writePixels(input, count, { activation: entry.params!.kind!, range: [0, 1] }, rgba, 0);
      const pixels = new Uint8Array(rgba.buffer);
      for (let i = 0; i < count; i++) {
        for (let c = 0; c < 3; c++)
          expect(Math.abs(pixels[i * 4 + c]! - expected[c * count + i]! * 255)).toBeLessThanOrEqual(0.5 + 1e-3);
        expect(pixels[i * 4 + 3]).toBe(255);
      }
    });
});

const shared = new URL('../../shared/fixtures/golden/', import.meta.url);
const present = existsSync(shared);
if (!present) console.log('skipped: the originals of two goldens – ../shared is not there');
describe.skipIf(!present)('the shared goldens', () => {
  it('sd1.linear14 by the keturn table', () => {
    const input = toFloat32(only(new URL('sd1.z.npy', shared)));
    const expected = only(new URL('sd1.linear14.y.npy', shared));
    const layer = linear(copyleftFormats['sd15/keturn-seed']!).layers[0]!;
    const actual = layer.reference(input, [4, 12, 10]).map((value) => value * 0.5 + 0.5);
    expect(differingPlanes(actual, toFloat32(expected), expected.shape.slice(1), tolerances.golden)).toBeUndefined();
  });
  it('sd1.birch15 by the Birch-san JSON', () => {
    const json = JSON.parse(readFileSync(new URL('../../shared/reference/birch-mlp.json', import.meta.url), 'utf8'));
    const input = toFloat32(only(new URL('sd1.z.npy', shared)));
    const expected = only(new URL('sd1.birch15.y.npy', shared));
    const layer = mlp(json.decoders['sd1.5']).layers[0]!;
    const actual = layer.reference(input, [4, 12, 10]).map((value) => value * 0.5 + 0.5);
    expect(differingPlanes(actual, toFloat32(expected), expected.shape.slice(1), tolerances.golden)).toBeUndefined();
    expect(Object.keys(json.decoders)).toHaveLength(5);
    for (const weights of Object.values(json.decoders)) expect(mlp(weights as never).channels).toBe(4);
  });
});
