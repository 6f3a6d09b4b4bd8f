// A1111's VAEApprox (also Fooocus' and SD.Next's): a small conv net to twice the latents' size, from its weight file.

import { conv2d, layer, unpack } from '../ops/index';
import type { Decoder } from './decoder';
import type { Weights } from './mlp';
import { readConv, stateDict } from './state-dict';
import { weightsKind, wrongKind } from './weights-kind';

// k of conv1 … conv8, none of which pads: together they take off the border of 11 that goes around the enlarged latents.
const sizes = [7, 5, 3, 3, 3, 3, 3, 3] as const;
const border = 11;

/**
 * Nearest ×2, zeros around it, eight convs `conv1` … `conv8`, each with a leaky ReLU after it, the last too.
 * Takes model latents (C, H, W), gives (3, 2·H, 2·W) in −1..1.
 * @throws LatentPreviewError `weights` with the name that is missing or does not fit
 */
export function vaeApprox(weights: Weights): Decoder {
  const kind = weightsKind(weights);
  if (kind !== 'vaeApprox') throw wrongKind('vaeApprox', kind, weights);
  const names = [...weights.keys()];
  const prefix = names.find((name) => /(^|\.)conv1\.weight$/.test(name))?.replace(/conv1\.weight$/, '') ?? '';
  const file = stateDict('vaeApprox', weights, (name) => prefix + name);
  const convs: ReturnType<typeof readConv>[] = [];
  sizes.forEach((size, index) => {
    const outputs = index === sizes.length - 1 ? 3 : undefined;
    convs.push(readConv(file, `conv${index + 1}`, size, convs.at(-1)?.outputs ?? 'channels', { outputs }));
  });
  file.expectAllRead(names.filter((name) => name.startsWith(prefix)));
  const channels = convs[0].inputs;
  return {
    name: `vae approx ${channels}→3 ×2`,
    channels,
    domain: 'model',
    upscale: 2,
    layers: [
      layer(unpack, { channels, clamp: false }),
      ...convs.map((conv, index) =>
        layer(conv2d, {
          ...conv,
          padding: index === 0 ? border : 0,
          activation: 'leaky',
          upscale: index === 0 ? 2 : 1,
        }),
      ),
    ],
    output: { activation: 'clamp', range: [-1, 1] },
  };
}
