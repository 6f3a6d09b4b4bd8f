// Decoders of the TAESD family (github.com/madebyollin/taesd, MIT) from their weight files: flat nn.Sequentials, whose
// widths, channels, enlargement and planes follow from the tensors' shapes.

import { LatentPreviewError } from '../errors';
import type { Conv2dParams } from '../ops/conv2d';
import type { GroupNormParams } from '../ops/group-norm';
import { conv2d, groupNorm, layer, unpack } from '../ops/index';
import type { Layer } from '../ops/op';
import type { Decoder } from './decoder';
import type { Weights } from './mlp';
import { readConv, type StateDict, stateDict } from './state-dict';
import { sequentialNets, weightsKind, wrongKind } from './weights-kind';

export interface TaesdOptions {
  /** What becomes 0..1; default 0..1, as every published file has it. */
  readonly outputRange?: readonly [number, number];
}

/**
 * TAESD for SD1, SDXL, SD3 and FLUX.1, TAEF2 for FLUX.2, TAESANA, and flat variants of theirs, float32, float16 or bfloat16.
 * Names may be the model's own (`1.weight`), diffusers' AutoencoderTiny's (`decoder.layers.0.weight`) or stand behind any
 * prefix; an encoder in the same file is passed over.
 *
 * Takes model latents (C, H, W), gives (3, H·upscale, W·upscale), or four planes, the last alpha, where the net has them.
 * ComfyUI's combined files have `vae_scale` and `vae_shift`, which bring VAE latents to model latents; here the latents'
 * domain does that, from the format's own figures, so they are not applied again.
 * @throws LatentPreviewError `weights` with the name that is missing or does not fit
 */
export function taesd(weights: Weights, { outputRange = [0, 1] }: TaesdOptions = {}): Decoder {
  const { file, at, last, names } = openNet(weights);
  // Looked at first, for it tells a whole file from one cut short.
  const planes = file.shape(`${last}.weight`)?.[0];
  if (planes === undefined) throw file.missing(`${at(last) === 'block' ? last + 1 : last}.weight`);
  if (planes !== 3 && planes !== 4)
    throw file.wrong(`${last}.weight`, `is the last layer and gives ${planes} planes, a picture has 3 or 4`);
  // In the order of the file: a layer's place is its number in the nn.Sequential.
  const first = readConv(file, '1', 3, 'channels');
  const layers: Layer[] = [
    layer(unpack, { channels: first.inputs, clamp: true }),
    layer(conv2d, { ...first, ...same(3), activation: 'relu' }),
  ];
  let [width, upscale] = [first.outputs, 1];
  for (let place = 3; place < last; place++) {
    if (at(place) === 'block') {
      const block = readBlock(file, place, width);
      layers.push(...block.layers);
      width = block.width;
    } else if (!at(place) && at(place + 1) === 'conv' && place + 1 < last) {
      // Nearest ×2 has no tensors: its place is a gap, and the conv after it enlarges.
      const name = `${++place}`;
      const conv = readConv(file, name, 3, width, { bias: file.shape(`${name}.bias`) !== undefined });
      layers.push(layer(conv2d, { ...conv, ...same(3), activation: 'none', upscale: 2 }));
      width = conv.outputs;
      upscale *= 2;
    } else if (at(place)) throw file.wrong(`${place}.weight`, 'is a conv where a TAESD decoder has a block');
    else throw file.missing(at(place + 1) ? `${place}.conv.0.weight` : `${place + 1}.weight`);
  }
  const final = readConv(file, `${last}`, 3, width);
  layers.push(layer(conv2d, { ...final, ...same(3), activation: 'none' }));
  file.expectAllRead(names);
  return {
    name: `taesd ${first.inputs}→${planes} ×${upscale}`,
    channels: first.inputs,
    domain: 'model',
    upscale,
    layers,
    output: { activation: 'clamp', range: outputRange },
  };
}

/** relu(conv(x) + skip(x)), where x is the input or, in TAEF2's first blocks, input + pool(input). */
function readBlock(file: StateDict, place: number, width: number): { layers: Layer[]; width: number } {
  const has = (part: string): boolean => file.shape(`${place}.${part}.weight`) !== undefined;
  const layers: Layer[] = [];
  if (has('pool.0')) {
    const wide = readConv(file, `${place}.pool.0`, 1, width, { bias: false });
    const narrow = readConv(file, `${place}.pool.3`, 1, wide.outputs, { outputs: width, bias: false });
    layers.push(
      layer(conv2d, { ...wide, ...same(1), activation: 'none' }),
      layer(groupNorm, readPoolNorm(file, `${place}.pool.1`, wide.outputs)),
      layer(conv2d, { ...narrow, ...same(1), activation: 'none' }, { add: 3 }),
    );
  }
  const conv0 = readConv(file, `${place}.conv.0`, 3, width);
  const outputs = conv0.outputs;
  const conv2 = readConv(file, `${place}.conv.2`, 3, outputs, { outputs });
  const conv4 = readConv(file, `${place}.conv.4`, 3, outputs, { outputs });
  const skips = outputs !== width || has('skip');
  if (skips) {
    const skip = readConv(file, `${place}.skip`, 1, width, { outputs, bias: false });
    layers.push(layer(conv2d, { ...skip, ...same(1), activation: 'none' }));
  }
  layers.push(
    layer(conv2d, { ...conv0, ...same(3), activation: 'relu' }, skips ? { from: 2 } : {}),
    layer(conv2d, { ...conv2, ...same(3), activation: 'relu' }),
    // Three back lies the skip conv where there is one, else what the block read.
    layer(conv2d, { ...conv4, ...same(3), activation: 'relu' }, { add: 3 }),
  );
  return { layers, width: outputs };
}

const poolGroups = 4;

function readPoolNorm(file: StateDict, name: string, channels: number): GroupNormParams {
  const { data: weight } = file.read(`${name}.weight`, [channels]);
  const { data: bias } = file.read(`${name}.bias`, [channels]);
  if (channels % poolGroups !== 0)
    throw file.wrong(`${name}.weight`, `has ${channels} channels, which do not make ${poolGroups} groups`);
  return { groups: poolGroups, epsilon: 1e-5, weight, bias, activation: 'relu' };
}

/** A k×k conv that keeps the size. */
const same = (size: number): Pick<Conv2dParams, 'padding' | 'upscale'> => ({ padding: (size - 1) / 2, upscale: 1 });

interface Net {
  /** By the names of the model's own source. */
  readonly file: StateDict;
  /** What has tensors at a place of the nn.Sequential. */
  at(place: number): 'block' | 'conv' | undefined;
  readonly last: number;
  /** All of the decoder's names, as the file has them. */
  readonly names: readonly string[];
}

function openNet(weights: Weights): Net {
  const kind = weightsKind(weights);
  if (kind !== 'taesd') throw wrongKind('taesd', kind, weights);
  const nets = sequentialNets([...weights.keys()]).filter(({ encodes }) => !encodes);
  if (nets.length > 1)
    throw new LatentPreviewError(
      'weights',
      `taesd: the file holds ${nets.length} decoders, behind ${nets.map(({ prefix }) => `'${prefix}'`).join(', ')}; ` +
        'pass the tensors of one',
    );
  const [{ prefix, layers }] = nets;
  // AutoencoderTiny clamps outside of its nn.Sequential, so that its numbers are one lower.
  const shift = layers.has(0) || prefix.endsWith('layers.') ? 1 : 0;
  const fileName = (name: string): string => name.replace(/^\d+/, (place) => `${prefix}${Number(place) - shift}`);
  const others = /(^|[._])encoder\.|(^|\.)vae_(scale|shift)$/;
  const file = stateDict('taesd', weights, fileName);
  // TAEHV without its layers in time has no name of its own: its blocks read the frame before beside this one.
  const [inBlock, toBlock] = [file.shape('3.conv.0.weight')?.[1], file.shape('1.weight')?.[0]];
  if (inBlock !== undefined && toBlock !== undefined && inBlock === 2 * toBlock)
    throw wrongKind('taesd', 'taehv', weights);
  return {
    file,
    at: (place) => layers.get(place - shift),
    last: Math.max(...layers.keys()) + shift,
    names: [...weights.keys()].filter((name) => name.startsWith(prefix) && !others.test(name)),
  };
}
