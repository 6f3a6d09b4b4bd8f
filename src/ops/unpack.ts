// Latents as a conv decoder's first activations: widened, unpacked, in its domain, and softly clamped to ±3 where the
// decoder asks for it (the TAESD family's first layer, 3·tanh(x/3)).

import { LatentPreviewError } from '../errors';
import { formatShape } from '../tensor';
import { pixelGrid } from './dispatch';
import type { Examples, Kernel, Op } from './op';

export interface UnpackParams {
  readonly channels: number;
  readonly clamp: boolean;
}

export const unpack: Op<UnpackParams> = {
  name: 'unpack',
  input: 'unpacked',
  perPixel: true,

  outputShape(input, { channels }) {
    if (input.length !== 3 || input[0] !== channels)
      throw new LatentPreviewError('shape', `unpack: takes (${channels}, H, W), got ${formatShape(input)}`);
    return input;
  },

  reach: () => 0,
  work: ({ channels }) => channels,

  reference(input, _, { clamp }, output = new Float32Array(input.length)) {
    // x/3 in tanh hides an infinity; times 0 it shows.
    for (let i = 0; i < input.length; i++) output[i] = clamp ? 3 * Math.tanh(input[i] / 3) + input[i] * 0 : input[i];
    return output;
  },

  kernel([, height, width], params) {
    const { constants, workgroups } = pixelGrid(width, height);
    return {
      shader: 'unpack',
      constants: { ...constants, ...unpackedConstants(params) },
      workgroups,
      takesHalves: true,
    };
  },
};

/** What shaders/lib/unpacked.wgsl is told, whichever kernel it is joined to. */
export const unpackedConstants = ({ channels, clamp }: UnpackParams): Kernel['constants'] => ({
  latentChannels: channels,
  softClamp: clamp ? 1 : 0,
});

export const unpackExamples: Examples<UnpackParams> = () => [
  { shape: [4, 8, 8], params: { channels: 4, clamp: true } },
  { shape: [3, 1, 1], params: { channels: 3, clamp: true } },
  { shape: [16, 5, 37], params: { channels: 16, clamp: false } },
  { shape: [33, 3, 2], params: { channels: 33, clamp: true } },
];
