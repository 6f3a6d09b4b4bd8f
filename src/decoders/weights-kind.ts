// What kind of net a state dict holds, told by its names, and what to say where it is not the one that was asked for.

import { LatentPreviewError } from '../errors';
import type { Weights } from './mlp';

export type WeightsKind = 'taesd' | 'encoder' | 'taehv' | 'vaeApprox' | 'mini' | 'mlp' | 'vae' | 'other';

const refusals: Record<WeightsKind, string> = {
  taesd: 'this is a decoder of the TAESD family: read it with taesd()',
  encoder: 'this is an encoder, from pictures to latents: take the decoder, usually the file beside it',
  taehv: 'TAEHV: video decoders are not supported yet',
  vaeApprox: "this is A1111's VAEApprox: read it with vaeApprox()",
  mini: 'this is a mini decoder: read it with mini()',
  mlp: 'this is a per-pixel perceptron: read it with mlp()',
  vae: 'this is a full VAE: take the TAESD decoder of its family',
  other:
    "this is no decoder known here; supported are decoders of the TAESD family (taesd), A1111's VAEApprox (vaeApprox), " +
    'mini decoders (mini) and per-pixel perceptrons (mlp)',
};

/** Perceptrons are told by their tensors' dimensions too, the rest by names alone. */
export function weightsKind(weights: Weights): WeightsKind {
  const names = [...weights.keys()];
  const some = (pattern: RegExp): boolean => names.some((name) => pattern.test(name));
  const nets = sequentialNets(names);
  // Layers that grow or shrink time, and the blocks of the larger variants.
  if (nets.length > 0 && some(/(^|\.)\d+\.conv\.(1\.|6\.)?weight$/)) return 'taehv';
  if (nets.length > 0) return nets.every(({ encodes }) => encodes) ? 'encoder' : 'taesd';
  if (some(/(^|\.)conv1\.weight$/) && some(/(^|\.)conv8\.weight$/)) return 'vaeApprox';
  if (weights.has('stem.weight') && weights.has('rise.weight')) return 'mini';
  const perceptron = /^(in_proj|out_proj|hidden_layers\.\d+|(.*\.)?\d+)\.(weight|bias)$/;
  if (names.length > 0 && [...weights].every(([name, { shape }]) => perceptron.test(name) && shape.length <= 2))
    return 'mlp';
  return some(/(^|\.)(decoder|encoder)\.(conv_in|mid|mid_block|up|up_blocks)\./) ? 'vae' : 'other';
}

/** For `decoder` (who speaks) having been given something else. */
export function wrongKind(decoder: string, kind: WeightsKind, weights: Weights): LatentPreviewError {
  const shown = [...weights.keys()].slice(0, 3).map((name) => `'${name}'`);
  if (weights.size > shown.length) shown.push('…');
  const names =
    weights.size === 0 ? 'it has no tensors' : `the names of its tensors, ${weights.size}: ${shown.join(', ')}`;
  return new LatentPreviewError('weights', `${decoder}: ${refusals[kind]} (${names})`);
}

/** A flat nn.Sequential with residual blocks in it. */
export interface SequentialNet {
  /** What stands before the layers' numbers: ``, `decoder.layers.`. */
  readonly prefix: string;
  /** The layers that have tensors, by their number in the file. */
  readonly layers: ReadonlyMap<number, 'block' | 'conv'>;
  readonly encodes: boolean;
}

export function sequentialNets(names: readonly string[]): SequentialNet[] {
  const prefixes = new Set(names.flatMap((name) => name.match(/^(.*\.|)\d+\.conv\.0\.weight$/)?.[1] ?? []));
  return [...prefixes].map((prefix) => {
    const layers = new Map<number, 'block' | 'conv'>();
    for (const name of names) {
      const match = name.startsWith(prefix) ? name.slice(prefix.length).match(/^(\d+)\.(weight$|bias$|conv\.)?/) : null;
      if (match?.[2] === 'conv.') layers.set(Number(match[1]), 'block');
      else if (match?.[2]) layers.set(Number(match[1]), 'conv');
    }
    return { prefix, layers, encodes: /(^|[._])encoder\.(layers\.)?$/.test(prefix) || shrinks(layers) };
  });
}

/**
 * Decoders have a ReLU between the first conv and the blocks, and an enlarging before every other conv but the last: gaps
 * in the numbers. In encoders a block follows the first conv, or a strided conv a block.
 */
function shrinks(layers: SequentialNet['layers']): boolean {
  const places = [...layers.keys()];
  const [first, last] = [Math.min(...places), Math.max(...places)];
  return places.some((place) =>
    layers.get(place) === 'block'
      ? place === first + 1 && layers.get(first) === 'conv'
      : place < last && layers.get(place - 1) === 'block',
  );
}
