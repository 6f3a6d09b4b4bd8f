// Decoders of the TAESD family (github.com/madebyollin/taesd, MIT) from their weight files: flat nn.Sequentials, whose
// widths, channels, enlargement and planes follow from the tensors' shapes.

import { LatentPreviewError } from '../errors';
import type { Conv2dParams } from '../ops/conv2d';
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
  if (has('pool.0')) layers.push(...readPool(file, `${place}.pool`, width));
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

/**
 * x + conv(relu(groupNorm(conv(x)))), group by group: nothing passes between groups, so that instead of all their channels
 * at once one group's are in memory. Whole-picture layers cannot be cut into tiles, and these were the widest.
 */
function readPool(file: StateDict, name: string, width: number): Layer[] {
  const wide = readConv(file, `${name}.0`, 1, width, { bias: false });
  const narrow = readConv(file, `${name}.3`, 1, wide.outputs, { outputs: width, bias: false });
  const { data: weight } = file.read(`${name}.1.weight`, [wide.outputs]);
  const { data: bias } = file.read(`${name}.1.bias`, [wide.outputs]);
  const channels = wide.outputs / poolGroups;
  if (!Number.isInteger(channels))
    throw file.wrong(`${name}.1.weight`, `has ${wide.outputs} channels, which do not make ${poolGroups} groups`);
  return Array.from({ length: poolGroups }, (_, group) => {
    const [first, end] = [group * channels, (group + 1) * channels];
    const rows = { ...wide, outputs: channels, weight: wide.weight.subarray(first * width, end * width) };
    const norm = { weight: weight.subarray(first, end), bias: bias.subarray(first, end) };
    const columns = {
      ...narrow,
      inputs: channels,
      weight: narrow.weight.filter((_, k) => k % wide.outputs >= first && k % wide.outputs < end),
    };
    return [
      layer(conv2d, { ...rows, ...same(1), activation: 'none' }, { from: 3 * group + 1 }),
      layer(groupNorm, { ...norm, groups: 1, epsilon: 1e-5, activation: 'relu' }),
      // Three back lies x, after the first group the sum so far.
      layer(conv2d, { ...columns, ...same(1), activation: 'none' }, { add: 3 }),
    ];
  }).flat();
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
