// Tiny nets of each conv architecture and what PyTorch makes of an input (scripts/make-conv-fixtures.py and
// make-mini-fixtures.py, this with the weights that are shipped), inlined by the bundler so that they are at hand in Node, in Deno and in a page alike. And a decoder's layers run one by one on the CPU.

import type { Decoder } from '../src/decoders/decoder';
import { mini, taesd, vaeApprox } from '../src/decoders/index';
import type { Weights } from '../src/decoders/mlp';
import { readTensorFile } from '../src/files/index';
import type { Domain, LatentFormat } from '../src/formats/format';
import { type Tensor, toFloat32 } from '../src/tensor';
import { entries } from './fixtures/conv/conv.json';
import { entries as miniEntries } from './fixtures/mini/mini.json';

export interface ConvFixture {
  readonly name: string;
  readonly kind: 'taesd' | 'vaeApprox' | 'mini';
  readonly about: string;
  readonly format: LatentFormat;
  /** What `latents` are. */
  readonly domain: Domain;
  readonly latents: Float32Array;
  /** (1, C, H, W). */
  readonly inputShape: readonly number[];
  /** (1, planes, H, W). */
  readonly outputShape: readonly number[];
  weights(): Weights;
  decoder(): Decoder;
  /** Unclamped, in the decoder's output range. */
  expected(): Float32Array;
}

const inlined: Record<string, string> = import.meta.glob(
  ['./fixtures/{conv,mini}/*.{safetensors,npy}', '../weights/mini-*.safetensors'],
  { query: '?url&inline', import: 'default', eager: true },
);

/** The tensors of a file in test/fixtures/conv, or elsewhere in test/fixtures. */
export function readFixture(file: string, folder = 'conv'): ReadonlyMap<string, Tensor> {
  const path = file.startsWith('../../../') ? file.replace('../../', '') : `./fixtures/${folder}/${file}`;
  const [, base64] = (inlined[path] ?? '').split('base64,');
  if (!base64) throw new Error(`${path} is not there, or not inlined`);
  return readTensorFile(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))).tensors;
}

interface Entry {
  readonly name: string;
  readonly kind: string;
  readonly about: string;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly scalingFactor?: number;
  readonly shiftFactor?: number;
  /** Default: named after the entry. */
  readonly weights?: string;
}

const minis = miniEntries.map((entry): Entry => {
  const about = entry.weights.startsWith('..') ? 'as it is shipped' : 'of widths and depths of its own; float16';
  return { ...entry, kind: 'mini', about };
});

const decoders = { taesd, vaeApprox, mini };

export const convFixtures: readonly ConvFixture[] = [...(entries as readonly Entry[]), ...minis].map(
  ({ kind: given, about, inputShape, outputShape, scalingFactor, shiftFactor, ...entry }) => {
    const kind = given as ConvFixture['kind'];
    const folder = kind === 'mini' ? 'mini' : 'conv';
    const name = kind === 'mini' ? `mini-${entry.name}` : entry.name;
    const weights = (): Weights => readFixture(entry.weights ?? `${name}.safetensors`, folder);
    const only = (part: string): Float32Array =>
      toFloat32([...readFixture(`${entry.name}.${part}.npy`, folder).values()][0]!);
    return {
      name,
      kind,
      about,
      format: {
        id: `fixture-${name}`,
        name,
        base: `fixture-${name}`,
        channels: inputShape[1]!,
        dims: 2,
        spatialDownscale: outputShape[2]! / inputShape[2]!,
        ...(scalingFactor === undefined ? {} : { scalingFactor, shiftFactor: shiftFactor! }),
        source: { repo: 'here', licence: 'MIT' },
      },
      domain: scalingFactor === undefined ? 'model' : 'vae',
      latents: only('input'),
      inputShape,
      outputShape,
      weights,
      decoder: () => decoders[kind](weights()),
      expected: () => only('output'),
    };
  },
);

/** Each layer's reference in order, on (C, H, W) in the decoder's domain. */
export function runReferences(
  { layers }: Decoder,
  input: Float32Array,
  shape: readonly number[],
): { planes: Float32Array; shape: readonly number[] } {
  const done = [{ planes: input, shape }];
  layers.forEach((layer, index) => {
    // Layer `index` leaves done[index + 1].
    const source = done[index + 1 - (layer.from ?? 1)]!;
    const added = layer.add === undefined ? undefined : done[index + 1 - layer.add]!;
    const outputShape = layer.outputShape(source.shape);
    if (added && `${added.shape}` !== `${outputShape}`)
      throw new Error(`layer ${index} gives (${outputShape}), what is added is (${added.shape})`);
    done.push({ planes: layer.reference(source.planes, source.shape, undefined, added?.planes), shape: outputShape });
  });
  return done.at(-1)!;
}
