// For pages onto which weights are dropped: the decoder that fits the names in a file.

import type { Decoder } from './decoder';
import { mini } from './mini';
import { mlp, type Weights } from './mlp';
import { taesd } from './taesd';
import { vaeApprox } from './vae-approx';
import { weightsKind, wrongKind } from './weights-kind';

/**
 * `taesd`, `vaeApprox`, `mini` or `mlp` with their defaults; a perceptron's file does not say that it wants ReLU, so call `mlp` for
 * one that does.
 * @throws LatentPreviewError `weights` saying what the file looks like and what is supported
 */
export function decoderFromWeights(weights: Weights): Decoder {
  const kind = weightsKind(weights);
  if (kind === 'taesd') return taesd(weights);
  if (kind === 'vaeApprox') return vaeApprox(weights);
  if (kind === 'mini') return mini(weights);
  if (kind === 'mlp') return mlp(weights);
  throw wrongKind('weights', kind, weights);
}
