// A format's published factors, latent to RGB: linear, or affine where it has a bias, smoothed where it asks for it.

import { LatentPreviewError } from '../errors';
import type { LatentFormat } from '../formats/format';
import { resolveFormat } from '../formats/index';
import { layer, linear as linearOp, smooth } from '../ops/index';
import type { Decoder } from './decoder';

/**
 * The format's `latentRgbFactors` and `latentRgbBias` as a decoder. Takes model latents (C, H, W), gives H × W pixels.
 * @throws LatentPreviewError `format` where it is unknown or nobody has published factors for it
 */
export function linear(format: string | LatentFormat): Decoder {
  const { id, channels, latentRgbFactors, latentRgbBias, smoothMatrix, outputActivation, outputRange } =
    resolveFormat(format);
  if (!latentRgbFactors)
    throw new LatentPreviewError(
      'format',
      `linear: format '${id}' has no RGB factors under a permissive licence; pass a \`decoder\`, your own factors ` +
        `({ ...format, latentRgbFactors }), or look in 'latent-preview/formats/copyleft'`,
    );
  const params = {
    factors: Float32Array.from(latentRgbFactors.flat()),
    bias: Float32Array.from(latentRgbBias ?? [0, 0, 0]),
  };
  return {
    name: `${latentRgbBias ? 'affine' : 'linear'} ${id}`,
    channels,
    domain: 'model',
    upscale: 1,
    layers: [
      layer(linearOp, params),
      ...(smoothMatrix ? [layer(smooth, { matrix: Float32Array.from(smoothMatrix.flat()) })] : []),
    ],
    output: { activation: outputActivation ?? 'clamp', range: outputRange ?? [-1, 1] },
  };
}
