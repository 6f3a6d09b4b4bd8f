// This project's own small decoder (train/, weights/mini-*): two resolutions of residual blocks, pixels by shuffling
// channels, about a fiftieth of TAESD's work. Every width and depth follows from the tensors' shapes.

import { conv2d, layer, pixelShuffle, unpack } from '../ops/index';
import type { Layer } from '../ops/op';
import type { Decoder } from './decoder';
import type { Weights } from './mlp';
import { readConv, type StateDict, stateDict } from './state-dict';
import { weightsKind, wrongKind } from './weights-kind';

// The head gives each place of the high part its 4×4 pixels, and the high part has twice the latents' size.
const [rise, headRise, planes] = [2, 4, 3] as const;

/**
 * `stem`, blocks `low.N` at the latents' size, `rise` to twice that, blocks `high.N`, `head`. A block is
 * relu(x + conv2(relu(conv1(x)))).
 * Takes model latents (C, H, W), gives (3, 8·H, 8·W) in 0..1; looks at most as many latent pixels around as it has convs.
 * @throws LatentPreviewError `weights` with the name that is missing or does not fit
 */
export function mini(weights: Weights): Decoder {
  const kind = weightsKind(weights);
  if (kind !== 'mini') throw wrongKind('mini', kind, weights);
  const names = [...weights.keys()];
  const file = stateDict('mini', weights, (name) => name);
  const stem = readConv(file, 'stem', 3, 'channels');
  const low = readBlocks(file, names, 'low', stem.outputs);
  const riseSize = file.shape('rise.weight')?.[2] === 1 ? 1 : 3;
  const up = readConv(file, 'rise', riseSize, stem.outputs);
  const width = up.outputs / rise ** 2;
  if (!Number.isInteger(width))
    throw file.wrong('rise.weight', `has ${up.outputs} outputs, which do not make ${rise}×${rise} pixels`);
  const high = readBlocks(file, names, 'high', width);
  const head = readConv(file, 'head', 3, width, { outputs: planes * headRise ** 2 });
  file.expectAllRead(names);
  const channels = stem.inputs;
  return {
    name: `mini ${channels}→${planes} ×${rise * headRise}`,
    channels,
    domain: 'model',
    upscale: rise * headRise,
    layers: [
      layer(unpack, { channels, clamp: false }),
      layer(conv2d, { ...stem, padding: 1, activation: 'relu', upscale: 1 }),
      ...low,
      // What is activated before is shuffled as it would be activated after.
      layer(conv2d, { ...up, padding: (riseSize - 1) / 2, activation: 'relu', upscale: 1 }),
      layer(pixelShuffle, { channels: width, factor: rise }),
      ...high,
      layer(conv2d, { ...head, padding: 1, activation: 'none', upscale: 1 }),
      layer(pixelShuffle, { channels: planes, factor: headRise }),
    ],
    output: { activation: 'clamp', range: [0, 1] },
  };
}

/** As many as the file has numbers for. */
function readBlocks(file: StateDict, names: readonly string[], part: string, width: number): Layer[] {
  const numbers = names.flatMap((name) =>
    name.startsWith(`${part}.`) ? [Number.parseInt(name.split('.')[1], 10)] : [],
  );
  const count = Math.max(-1, ...numbers) + 1;
  return Array.from({ length: count }, (_, block) =>
    ['conv1', 'conv2'].map((name) => {
      const conv = readConv(file, `${part}.${block}.${name}`, 3, width, { outputs: width });
      const params = { ...conv, padding: 1, activation: 'relu', upscale: 1 } as const;
      // Two back lies what the block read.
      return layer(conv2d, params, name === 'conv2' ? { add: 2 } : {});
    }),
  ).flat();
}
