// Channels become pixels: f² channels of one pixel are f × f pixels of one channel, in PyTorch's pixel_shuffle order.

import { LatentPreviewError } from '../errors';
import { formatShape } from '../tensor';
import { pixelGrid } from './dispatch';
import type { Examples, Op } from './op';

export interface PixelShuffleParams {
  /** Of the output. Input channel (c·f + dy)·f + dx becomes pixel (dx, dy) of channel c. */
  readonly channels: number;
  /** f: output pixels per input pixel and side. */
  readonly factor: 2 | 4;
}

export const pixelShuffle: Op<PixelShuffleParams> = {
  name: 'pixel-shuffle',
  input: 'activations',
  perPixel: false,

  outputShape(input, { channels, factor }) {
    const taken = channels * factor ** 2;
    if (input.length !== 3 || input[0] !== taken)
      throw new LatentPreviewError('shape', `pixel-shuffle: takes (${taken}, H, W), got ${formatShape(input)}`);
    return [channels, input[1] * factor, input[2] * factor];
  },

  reach: () => 0,
  // Nothing is multiplied, but numbers are moved.
  work: ({ channels }) => channels,

  reference(input, [, height, width], { factor }, output = new Float32Array(input.length)) {
    const [rows, columns] = [height * factor, width * factor];
    for (let k = 0; k < input.length; k++) {
      const [x, y, c] = [k % columns, Math.floor(k / columns) % rows, Math.floor(k / columns / rows)];
      const channel = (c * factor + (y % factor)) * factor + (x % factor);
      output[k] = input[(channel * height + Math.floor(y / factor)) * width + Math.floor(x / factor)];
    }
    return output;
  },

  kernel(input, params) {
    const { channels, factor } = params;
    const [, height, width] = pixelShuffle.outputShape(input, params);
    const { constants, workgroups } = pixelGrid(width, height);
    return {
      shader: 'pixel-shuffle',
      constants: { ...constants, outputChannels: channels, factor },
      workgroups: [workgroups[0], workgroups[1], Math.ceil(channels / 4)],
      groupRows: constants.groupHeight,
      takesHalves: true,
    };
  },
};

export const pixelShuffleExamples: Examples<PixelShuffleParams> = () => [
  { shape: [32, 6, 5], params: { channels: 8, factor: 2 } },
  { shape: [48, 3, 7], params: { channels: 3, factor: 4 } },
  { shape: [20, 1, 9], params: { channels: 5, factor: 2 } },
  { shape: [4, 1, 1], params: { channels: 1, factor: 2 } },
  { shape: [144, 2, 3], params: { channels: 9, factor: 4 } },
  { shape: [128, 19, 1], params: { channels: 32, factor: 2 } },
];
