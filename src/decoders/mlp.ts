// Per-pixel multilayer perceptrons from state dicts: Birch-san's SD1 decoders and plain nn.Sequential files.

import { LatentPreviewError } from '../errors';
import { layer, mlp as mlpOp } from '../ops/index';
import type { MlpLayer } from '../ops/mlp';
import { formatShape, type Tensor, toFloat32 } from '../tensor';
import type { Decoder } from './decoder';

/** A decoder's weights by name: what `loadWeights` gives. */
export type Weights = ReadonlyMap<string, Tensor>;

/** The same as nested arrays, as JSON keeps them: weights (outputs, inputs), biases (outputs). */
export type WeightsJson = Readonly<Record<string, readonly number[] | readonly (readonly number[])[]>>;

export interface MlpOptions {
  /** Between layers; a state dict does not say. Default `silu`, as Birch-san's nets have it. */
  readonly activation?: 'silu' | 'relu';
  /** What becomes 0..1. Default −1..1. */
  readonly outputRange?: readonly [number, number];
}

/**
 * The layers are `in_proj`, `hidden_layers.N`, `out_proj` (Birch-san), or numbered (`0.weight`, `2.weight`, …: a flat
 * nn.Sequential), in that order; each has `.weight` (outputs, inputs) and `.bias` (outputs).
 * Takes model latents (C, H, W), gives H × W pixels.
 * @throws LatentPreviewError `weights` with the name that is missing or does not fit
 */
export function mlp(
  weights: Weights | WeightsJson,
  { activation = 'silu', outputRange = [-1, 1] }: MlpOptions = {},
): Decoder {
  const arrays = new Map([...entriesOf(weights)]);
  const names = [...arrays.keys()].filter((name) => name.endsWith('.weight')).map((name) => name.slice(0, -7));
  const layers = names.sort((a, b) => place(a) - place(b)).map((name) => readLayer(arrays, name));
  const widths = [layers[0]?.inputs ?? 0, ...layers.map(({ outputs }) => outputs)];
  if (layers.length === 0)
    throw new LatentPreviewError(
      'weights',
      `mlp: no '….weight' among the names ${[...arrays.keys()].slice(0, 5).join(', ') || '(none)'}`,
    );
  layers.forEach(({ inputs }, index) => {
    if (inputs !== widths[index])
      throw new LatentPreviewError(
        'weights',
        `mlp: '${names[index]}.weight' takes ${inputs} values, the layer before it gives ${widths[index]}`,
      );
  });
  if (widths.at(-1) !== 3)
    throw new LatentPreviewError(
      'weights',
      `mlp: the last layer '${names.at(-1)}' gives ${widths.at(-1)} values, RGB has 3`,
    );
  return {
    name: `mlp ${widths.join('-')} ${activation}`,
    channels: widths[0],
    domain: 'model',
    upscale: 1,
    layers: [layer(mlpOp, { layers, activation })],
    output: { activation: 'clamp', range: outputRange },
  };
}

interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

function* entriesOf(weights: Weights | WeightsJson): Generator<[string, Values]> {
  if (weights instanceof Map) {
    for (const [name, tensor] of weights as Weights) yield [name, { shape: tensor.shape, data: toFloat32(tensor) }];
    return;
  }
  for (const [name, rows] of Object.entries(weights as WeightsJson)) {
    const width = Array.isArray(rows[0]) ? rows[0].length : undefined;
    const data = Float32Array.from(rows.flat() as number[]);
    yield [name, { shape: width === undefined ? [rows.length] : [rows.length, width], data }];
  }
}

/** in_proj first, then the numbers in order, out_proj last. */
function place(name: string): number {
  if (name === 'in_proj') return -1;
  const number = name.match(/(\d+)$/)?.[1];
  return number === undefined ? Number.MAX_SAFE_INTEGER : Number(number);
}

function readLayer(arrays: ReadonlyMap<string, Values>, name: string): MlpLayer {
  const weight = arrays.get(`${name}.weight`) as Values;
  const bias = arrays.get(`${name}.bias`);
  const [outputs, inputs] = weight.shape;
  if (weight.shape.length !== 2 || !outputs || !inputs || weight.data.length !== outputs * inputs)
    throw new LatentPreviewError(
      'weights',
      `mlp: '${name}.weight' has shape ${formatShape(weight.shape)}, a fully connected layer has (outputs, inputs)`,
    );
  if (bias && bias.data.length !== outputs)
    throw new LatentPreviewError(
      'weights',
      `mlp: '${name}.bias' has ${bias.data.length} values, '${name}.weight' gives ${outputs}`,
    );
  return { inputs, outputs, weight: weight.data, bias: bias?.data ?? new Float32Array(outputs) };
}
