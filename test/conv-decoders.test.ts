// Conv decoders from weight files against PyTorch, layer by layer on the CPU: the repository's own tiny nets of each
// architecture, and where ../shared is there the real ones. And the files that must be refused.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Decoder } from '../src/decoders/decoder';
import type { Weights } from '../src/decoders/mlp';
import { readTensorFile } from '../src/files/index';
import { decoderFromWeights, LatentPreviewError, mini, mlp, taesd, vaeApprox } from '../src/index';
import { type Tensor, tensorFromArray, toFloat32 } from '../src/tensor';
import { domainMap } from '../src/view';
import { type ConvFixture, convFixtures, readFixture, runReferences } from './conv-fixtures';
import { differingPlanes } from './tolerances';

const tolerance = { maxAbs: 1e-4 };
/** Not of weights that are shipped, which change. */
const isOwn = ({ about }: ConvFixture): boolean => !about.includes('shipped');
const fixture = (name: string): ConvFixture => convFixtures.find((entry) => entry.name === name)!;

/** Latents as the decoder takes them. */
function decoderInput({ format, domain, latents, inputShape }: ConvFixture, decoder: Decoder): Float32Array {
  const map = domainMap(format, domain, decoder.domain, 1, 0);
  const plane = inputShape[2]! * inputShape[3]!;
  return latents.map((value, k) => {
    const c = Math.floor(k / plane);
    return value * map[2 * c]! + map[2 * c + 1]!;
  });
}

describe('references equal PyTorch', () => {
  it('has every architecture', () => {
    expect(convFixtures.filter(isOwn).map(({ name }) => name)).toEqual([
      'taesd',
      'taesd-16',
      'taesd-diffusers',
      'taesd-combined',
      'taef2',
      'taesana',
      'taesd-skip',
      'taesd-rgba',
      'vae-approx',
      'mini-tiny',
      'mini-tiny-wide-rise',
    ]);
  });
  for (const entry of convFixtures)
    it(`${entry.name}: ${entry.about}`, () => {
      const { inputShape, outputShape } = entry;
      const decoder = entry.decoder();
      const { planes, shape } = runReferences(decoder, decoderInput(entry, decoder), inputShape.slice(1));
      expect(shape).toEqual(outputShape.slice(1));
      expect(differingPlanes(planes, entry.expected(), shape, tolerance)).toBeUndefined();
      expect(decoder.channels).toBe(inputShape[1]);
      expect(decoder.upscale).toBe(outputShape[3]! / inputShape[3]!);
    });
});

describe('descriptions', () => {
  it('are those of the files', () => {
    expect(convFixtures.filter(isOwn).map((entry) => entry.decoder().name)).toEqual([
      'taesd 4→3 ×8',
      'taesd 16→3 ×8',
      'taesd 16→3 ×8',
      'taesd 4→3 ×8',
      'taesd 32→3 ×8',
      'taesd 32→3 ×32',
      'taesd 4→3 ×2',
      'taesd 64→4 ×16',
      'vae approx 4→3 ×2',
      'mini 4→3 ×8',
      'mini 16→3 ×8',
    ]);
    for (const entry of convFixtures) {
      const { domain, output } = entry.decoder();
      expect(domain).toBe('model');
      expect(output).toEqual({ activation: 'clamp', range: entry.kind === 'vaeApprox' ? [-1, 1] : [0, 1] });
    }
    expect(taesd(fixture('taesd').weights(), { outputRange: [-1, 1] }).output.range).toEqual([-1, 1]);
  });
  it('list the layers of TAESD in its own order', () => {
    const block = ['conv2d', 'conv2d', 'conv2d +3'];
    const up = ['conv2d'];
    const blocks = [...block, ...block, ...block];
    const told = fixture('taesd')
      .decoder()
      .layers.map(({ name, from, add }) => `${name}${from ? ` from ${from}` : ''}${add ? ` +${add}` : ''}`);
    expect(told).toEqual([
      'unpack',
      'conv2d',
      ...blocks,
      ...up,
      ...blocks,
      ...up,
      ...blocks,
      ...up,
      ...block,
      'conv2d',
    ]);
  });
  it('list the layers of a mini decoder', () => {
    const layers = fixture('mini-tiny-wide-rise').decoder().layers;
    expect(
      layers.map(({ name, from, add }) => `${name}${from ? ` from ${from}` : ''}${add ? ` +${add}` : ''}`),
    ).toEqual(
      [
        'unpack',
        'conv2d',
        ...['conv2d', 'conv2d +2', 'conv2d', 'conv2d +2'],
        'conv2d',
        'pixel-shuffle',
        'conv2d',
      ].concat('pixel-shuffle'),
    );
  });
  it('know whether a picture can be decoded in tiles', () => {
    expect(
      fixture('taef2')
        .decoder()
        .layers.some(({ reach }) => reach === Number.POSITIVE_INFINITY),
    ).toBe(true);
    expect(
      fixture('taesd')
        .decoder()
        .layers.every(({ reach }) => reach <= 1),
    ).toBe(true);
  });
});

describe('names', () => {
  const plain = fixture('taesd');
  const shape = plain.inputShape.slice(1);
  const expected = runReferences(plain.decoder(), plain.latents, shape).planes;
  const cases: [string, (name: string) => string][] = [
    ['AutoencoderTiny’s, without prefix', (name) => name.replace(/^\d+/, (place) => `${Number(place) - 1}`)],
    [
      'AutoencoderTiny’s, in a pipeline',
      (name) => name.replace(/^\d+/, (place) => `vae.decoder.layers.${Number(place) - 1}`),
    ],
    ['behind decoder.', (name) => `decoder.${name}`],
    ['behind taesd_decoder.', (name) => `taesd_decoder.${name}`],
    ['behind a prefix with numbers', (name) => `nets.2.module.${name}`],
  ];
  for (const [name, rename] of cases)
    it(name, () => {
      const decoder = taesd(renamed(plain.weights(), rename));
      expect(runReferences(decoder, plain.latents, shape).planes).toEqual(expected);
    });
  it('of vaeApprox behind a prefix', () => {
    const { weights } = fixture('vae-approx');
    expect(vaeApprox(renamed(weights(), (name) => `model.${name}`)).layers).toHaveLength(9);
  });
});

describe('decoderFromWeights', () => {
  for (const entry of convFixtures)
    it(entry.name, () => expect(decoderFromWeights(entry.weights()).name).toBe(entry.decoder().name));
  it('mlp', () => {
    const values = new Float32Array(12);
    const flat = new Map([['0.weight', tensor(values, [3, 4])]]);
    expect(decoderFromWeights(flat).name).toBe(mlp(flat).name);
    const named = new Map([
      ['in_proj.weight', tensor(values, [3, 4])],
      ['out_proj.weight', tensor(new Float32Array(9), [3, 3])],
    ]);
    expect(decoderFromWeights(named).name).toBe('mlp 4-3-3 silu');
  });
});

describe('refusals', () => {
  const taesdWeights = fixture('taesd').weights();
  const approx = fixture('vae-approx').weights();
  const miniWeights = fixture('mini-tiny').weights();
  const small = tensor(new Float32Array(1), [1]);
  const diffusers = (name: string): Map<string, Tensor> =>
    without(fixture('taesd-diffusers').weights(), (key) => key === name);
  const cases: [string, () => unknown, RegExp][] = [
    ['nothing', () => taesd(new Map()), /^taesd: this is no decoder known here.*taesd.*vaeApprox.*mlp.*no tensors/],
    ['nothing, to decoderFromWeights', () => decoderFromWeights(new Map()), /^weights: this is no decoder.*no tensors/],
    ['unknown names', () => taesd(new Map([['a.b', small]])), /no decoder known here.*tensors, 1: 'a\.b'\)$/],
    ['an encoder', () => taesd(readFixture('encoder.safetensors')), /^taesd: this is an encoder/],
    ['an encoder, to decoderFromWeights', () => decoderFromWeights(readFixture('encoder.safetensors')), /an encoder/],
    [
      'an encoder by its prefix',
      () => taesd(renamed(taesdWeights, (name) => `taesd_encoder.${name}`)),
      /^taesd: this is an encoder/,
    ],
    [
      'TAEHV',
      () => taesd(new Map([...renamed(taesdWeights, (name) => `decoder.${name}`), ['decoder.7.conv.weight', small]])),
      /^taesd: TAEHV: video decoders are not supported yet/,
    ],
    ['TAEHV, the wide variant', () => taesd(new Map([...taesdWeights, ['3.conv.6.weight', small]])), /TAEHV: video/],
    [
      'TAEHV by its blocks',
      () => decoderFromWeights(replaced(taesdWeights, '3.conv.0.weight', [8, 16, 3, 3])),
      /TAEHV: video decoders are not supported yet/,
    ],
    ['a full VAE', () => taesd(new Map([['decoder.conv_in.weight', small]])), /a full VAE/],
    [
      'a mini decoder given to taesd',
      () => taesd(miniWeights),
      /^taesd: this is a mini decoder: read it with mini\(\)/,
    ],
    ['TAESD given to mini', () => mini(taesdWeights), /^mini: .*taesd\(\)/],
    [
      'nothing, to mini',
      () => mini(new Map()),
      /^mini: this is no decoder known here.*mini decoders \(mini\).*no tensors/,
    ],
    [
      'a mini decoder without its head',
      () => mini(without(miniWeights, (name) => name === 'head.weight')),
      /^mini: no tensor 'head\.weight'; the file's names start with/,
    ],
    [
      'a mini decoder with half a block',
      () => decoderFromWeights(without(miniWeights, (name) => name === 'high.0.conv2.bias')),
      /^mini: no tensor 'high\.0\.conv2\.bias'/,
    ],
    [
      'a mini decoder that lacks its first block',
      () => mini(renamed(miniWeights, (name) => name.replace('low.0.', 'low.1.'))),
      /^mini: 'low\.1\.conv1\.weight' and 3 more is no tensor of the architecture/,
    ],
    [
      'a mini decoder whose rise does not make whole pixels',
      () => mini(replaced(miniWeights, 'rise.weight', [15, 8, 1, 1])),
      /^mini: 'rise\.weight' has shape \(15, 8, 1, 1\), needed is \(16, 8, 1, 1\)/,
    ],
    [
      'a mini decoder of another enlargement',
      () => mini(replaced(miniWeights, 'head.weight', [12, 4, 3, 3])),
      /^mini: 'head\.weight' has shape \(12, 4, 3, 3\), needed is \(48, inputs, 3, 3\)/,
    ],
    ['VAEApprox given to taesd', () => taesd(approx), /vaeApprox\(\)/],
    ['TAESD given to vaeApprox', () => vaeApprox(taesdWeights), /^vaeApprox: .*taesd\(\)/],
    [
      'two decoders',
      () =>
        taesd(
          new Map([...renamed(taesdWeights, (name) => `a.${name}`), ...renamed(taesdWeights, (name) => `b.${name}`)]),
        ),
      /2 decoders, behind 'a\.', 'b\.'/,
    ],
    [
      'a missing tensor',
      () => taesd(without(taesdWeights, (name) => name === '4.conv.2.bias')),
      /^taesd: no tensor '4\.conv\.2\.bias'/,
    ],
    [
      'a missing tensor of diffusers',
      () => taesd(diffusers('decoder.layers.2.conv.0.weight')),
      /^taesd: no tensor 'decoder\.layers\.2\.conv\.0\.weight'; the file's names start with 'encoder\.layers\.', 'decoder\.layers\.'/,
    ],
    ['a missing first bias', () => taesd(without(taesdWeights, (name) => name === '1.bias')), /no tensor '1\.bias'/],
    [
      'a missing block',
      () => taesd(without(taesdWeights, (name) => name.startsWith('9.'))),
      /no tensor '9\.conv\.0\.weight'/,
    ],
    ['a missing conv', () => taesd(without(taesdWeights, (name) => name.startsWith('12.'))), /no tensor '12\.weight'/],
    [
      'a missing last block',
      () => taesd(without(taesdWeights, (name) => name.startsWith('18.'))),
      /no tensor '18\.conv/,
    ],
    [
      'a missing last conv',
      () => taesd(without(taesdWeights, (name) => name.startsWith('19.'))),
      /no tensor '19\.weight'/,
    ],
    [
      'a missing first conv',
      () => taesd(without(taesdWeights, (name) => name.startsWith('1.'))),
      /no tensor '1\.weight'/,
    ],
    [
      'a file cut short after an enlarging',
      () => taesd(without(fixture('taesd-16').weights(), (name) => Number.parseInt(name, 10) > 11)),
      /'11\.weight' is the last layer and gives 8 planes/,
    ],
    [
      'a shape that does not fit the one before',
      () => taesd(replaced(taesdWeights, '7.weight', [8, 6, 3, 3])),
      /^taesd: '7\.weight' has shape \(8, 6, 3, 3\), needed is \(outputs, 8, 3, 3\)/,
    ],
    [
      'a 3D conv',
      () => taesd(replaced(taesdWeights, '1.weight', [8, 4, 3, 3, 3])),
      /'1\.weight' has shape \(8, 4, 3, 3, 3\)/,
    ],
    [
      'a bias that does not fit',
      () => taesd(replaced(taesdWeights, '1.bias', [7])),
      /'1\.bias' has shape \(7,\), needed is \(8\)/,
    ],
    [
      'a changed width without its skip',
      () => taesd(without(fixture('taesd-skip').weights(), (name) => name === 'decoder.4.skip.weight')),
      /no tensor 'decoder\.4\.skip\.weight'/,
    ],
    [
      'a conv in the place of a block',
      () => taesd(new Map([...without(taesdWeights, (name) => name.startsWith('8.')), ['8.weight', small]])),
      /'8\.weight' is a conv where a TAESD decoder has a block/,
    ],
    ['neither RGB nor RGBA', () => taesd(lastPlanes(5)), /'19\.weight' is the last layer and gives 5 planes/],
    [
      'a layer nobody knows',
      () => taesd(new Map([...taesdWeights, ['5.norm.weight', small]])),
      /^taesd: '5\.norm\.weight' is no tensor of the architecture/,
    ],
    [
      'quantised weights',
      () => taesd(new Map([...taesdWeights, ['1.weight', tensor(new Int8Array(288), [8, 4, 3, 3])]])),
      /'1\.weight' is int8/,
    ],
    [
      'pool channels that make no groups',
      () => taesd(poolOf(30)),
      /'3\.pool\.1\.weight' has 30 channels, which do not make 4 groups/,
    ],
    [
      'vaeApprox: a missing conv',
      () => vaeApprox(without(approx, (name) => name === 'conv5.weight')),
      /no tensor 'conv5\.weight'/,
    ],
    [
      'vaeApprox: another kernel',
      () => vaeApprox(replaced(approx, 'conv1.weight', [8, 4, 3, 3])),
      /\(outputs, channels, 7, 7\)/,
    ],
    ['vaeApprox: not RGB', () => vaeApprox(replaced(approx, 'conv8.weight', [4, 8, 3, 3])), /needed is \(3, 8, 3, 3\)/],
    [
      'vaeApprox: a ninth conv',
      () => vaeApprox(new Map([...approx, ['conv9.weight', small]])),
      /'conv9\.weight' is no tensor/,
    ],
  ];
  for (const [name, run, message] of cases)
    it(name, () => {
      let thrown: unknown;
      try {
        run();
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(LatentPreviewError);
      expect((thrown as LatentPreviewError).code).toBe('weights');
      expect((thrown as LatentPreviewError).message).toMatch(message);
    });

  function lastPlanes(planes: number): Weights {
    return replaced(replaced(taesdWeights, '19.weight', [planes, 4, 3, 3]), '19.bias', [planes]);
  }
  function poolOf(channels: number): Weights {
    let weights: Weights = replaced(fixture('taef2').weights(), '3.pool.0.weight', [channels, 8, 1, 1]);
    weights = replaced(weights, '3.pool.3.weight', [8, channels, 1, 1]);
    for (const part of ['weight', 'bias']) weights = replaced(weights, `3.pool.1.${part}`, [channels]);
    return weights;
  }
});

const shared = new URL('../../shared/fixtures/', import.meta.url);
const present = existsSync(shared);
if (!present) console.log('skipped: the real conv decoders – ../shared is not there');
describe.skipIf(!present)('the real decoders, references against PyTorch', () => {
  const read = (path: string): ReadonlyMap<string, Tensor> =>
    readTensorFile(new Uint8Array(readFileSync(new URL(path, shared)))).tensors;
  const array = (path: string): Tensor => [...read(path).values()][0]!;
  /** weights, input, output, which lies in 0..1 */
  const goldens: [string, string, string, string][] = [
    ['taesd 4→3 ×8', 'weights/taesd_decoder', 'sd1.z', 'golden/sd1.y'],
    ['taesd 4→3 ×8', 'weights/taesdxl_decoder', 'sdxl.z', 'golden/sdxl.y'],
    ['taesd 16→3 ×8', 'weights/taesd3_decoder', 'sd3.z', 'golden/sd3.y'],
    ['taesd 16→3 ×8', 'weights/taef1_decoder', 'flux1.z', 'golden/flux1.y'],
    ['taesd 32→3 ×8', 'weights/taef2_decoder', 'flux2.z', 'golden/flux2.y'],
    ['vae approx 4→3 ×2', 'internal-only/weights/a1111_vaeapprox_sd1', 'sd1.z', 'internal-only/golden/sd1.a1111.y'],
    ['vae approx 4→3 ×2', 'internal-only/weights/a1111_vaeapprox_sdxl', 'sdxl.z', 'internal-only/golden/sdxl.a1111.y'],
    ['vae approx 16→3 ×2', 'internal-only/weights/a1111_vaeapprox_sd3', 'sd3.z', 'internal-only/golden/sd3.a1111.y'],
  ];
  for (const [name, weights, input, output] of goldens)
    it(weights, () => {
      const decoder = decoderFromWeights(read(`${weights}.safetensors`));
      expect(decoder.name).toBe(name);
      const latents = array(`golden/${input}.npy`);
      const expected = array(`${output}.npy`);
      const { planes, shape } = runReferences(decoder, toFloat32(latents), latents.shape.slice(-3));
      const [low, high] = decoder.output.range;
      const unit = planes.map((value) => (value - low) / (high - low));
      expect(shape).toEqual(expected.shape.slice(-3));
      expect(differingPlanes(unit, toFloat32(expected), shape, tolerance)).toBeUndefined();
    });
  for (const family of ['taesd', 'taesdxl', 'taesd3', 'taef1', 'taef2'])
    it(`${family}'s encoder is refused`, () => {
      const weights = read(`encoders/${family}_encoder.safetensors`);
      expect(() => taesd(weights)).toThrow(/this is an encoder/);
    });
});

function tensor(data: Tensor['data'], shape: readonly number[]): Tensor {
  return tensorFromArray(data, shape);
}

function renamed(weights: Weights, rename: (name: string) => string): Map<string, Tensor> {
  return new Map([...weights].map(([name, value]) => [rename(name), value]));
}

function without(weights: Weights, dropped: (name: string) => boolean): Map<string, Tensor> {
  return new Map([...weights].filter(([name]) => !dropped(name)));
}

/** With zeros of another shape in place of a tensor that must be there. */
function replaced(weights: Weights, name: string, shape: readonly number[]): Map<string, Tensor> {
  if (!weights.has(name)) throw new Error(`no tensor '${name}' to replace`);
  const zeros = new Float32Array(shape.reduce((product, size) => product * size, 1));
  return new Map([...weights, [name, tensor(zeros, shape)]]);
}
