// Decoders on their way to a worker: the layers' parameters are data and are sent, their ops are known on both sides by name.

import type { Decoder } from '../decoders/decoder';
import { LatentPreviewError } from '../errors';
import {
  conv2d,
  groupNorm,
  latentMap,
  layer,
  linear,
  mlp,
  pixelShuffle,
  polynomial,
  resize,
  smooth,
  unpack,
} from '../ops/index';
import type { Op } from '../ops/op';
import type { SentDecoder } from './messages';

/** An op whose parameters nobody here looks at. */
type AnyOp = Op<never>;

const ops: readonly AnyOp[] = [
  conv2d,
  groupNorm,
  latentMap,
  linear,
  mlp,
  pixelShuffle,
  polynomial,
  resize,
  smooth,
  unpack,
];

/** @throws LatentPreviewError `worker` where it has an op that is not the library's, or not this copy's of it */
export function receivedDecoder({ layers, ...decoder }: SentDecoder): Decoder {
  return {
    ...decoder,
    layers: layers.map(({ op: name, params, ...wiring }) => {
      const op = ops.find((known) => known.name === name);
      if (op) return layer(op, params as never, wiring);
      throw new LatentPreviewError(
        'worker',
        `worker: it knows no layer '${name}' of decoder '${decoder.name}'; page and worker need the same release of the library`,
      );
    }),
  };
}
