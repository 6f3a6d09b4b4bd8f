// This project's own small decoder (train/, weights/mini-*): two resolutions of residual blocks, pixels by shuffling
// channels, about a fiftieth of TAESD's work. Every width and depth follows from the tensors' shapes.

import { conv2d, layer, pixelShuffle, unpack } from '../ops/index';
import type { Layer } from '../ops/op';
import type { Decoder } from './decoder';
import type { Weights } from './mlp';
import { readConv, type StateDict, stateDict } from './state-dict';
import { weightsKind, wrongKind } from './weights-kind';

/**
 * `stem`, blocks `low.N` at the latents' size, `rise` to twice that, blocks `high.N`, `head` to 4×4 pixels each. A block is
 * relu(x + conv2(relu(conv1(x)))).
 * Takes model latents (C, H, W), gives (3, 8·H, 8·W) in 0..1; looks at most as many latent pixels around as it has convs.
 * @throws LatentPreviewError `weights` with the name that is missing or does not fit
 */
export function mini(weights: Weights): Decoder {
  const kind = weightsKind(weights);
  if (kind !== 'mini') throw wrongKind('mini', kind, weights);
  const file = stateDict('mini', weights, (name) => name);
  const stem = readConv(file, 'stem', 3, 'channels');
  const low = readBlocks(file, 'low', stem.outputs);
  const head = readConv(file, 'head', 3, 'inputs', { outputs: 3 * 4 * 4 });
  const riseSize = file.shape('rise.weight')?.[2] === 1 ? 1 : 3;
  const up = readConv(file, 'rise', riseSize, stem.outputs, { outputs: head.inputs * 2 * 2 });
  const high = readBlocks(file, 'high', head.inputs);
  file.expectAllRead([...weights.keys()]);
  const channels = stem.inputs;
  return {
    name: `mini ${channels}→3 ×8`,
    channels,
    domain: 'model',
    upscale: 8,
    layers: [
      layer(unpack, { channels, clamp: false }),
      layer(conv2d, { ...stem, padding: 1, activation: 'relu', upscale: 1 }),
      ...low,
      // What is activated before is shuffled as it would be activated after.
      layer(conv2d, { ...up, padding: (riseSize - 1) / 2, activation: 'relu', upscale: 1 }),
      layer(pixelShuffle, { channels: head.inputs, factor: 2 }),
      ...high,
      layer(conv2d, { ...head, padding: 1, activation: 'none', upscale: 1 }),
      layer(pixelShuffle, { channels: 3, factor: 4 }),
    ],
    output: { activation: 'clamp', range: [0, 1] },
  };
}

/** As many as there are. */
function readBlocks(file: StateDict, part: string, width: number): Layer[] {
  const layers: Layer[] = [];
  for (let block = 0; file.shape(`${part}.${block}.conv1.weight`); block++)
    for (const name of ['conv1', 'conv2']) {
      const conv = readConv(file, `${part}.${block}.${name}`, 3, width, { outputs: width });
      const params = { ...conv, padding: 1, activation: 'relu', upscale: 1 } as const;
      // Two back lies what the block read.
      layers.push(layer(conv2d, params, name === 'conv2' ? { add: 2 } : {}));
    }
  return layers;
}
