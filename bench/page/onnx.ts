// A network as an ONNX file, which is a few nested protobuf messages: https://onnx.ai/onnx/repo-docs/IR.html.

import type { Network } from './network';

type Bytes = Uint8Array<ArrayBuffer>;

function concatenate(parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function variable(value: number): Bytes {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Uint8Array.of(...bytes, value);
}

const text = new TextEncoder();

/** A field: a whole number, a string, or an inner message or raw bytes. */
function field(number: number, value: number | string | Bytes): Bytes {
  if (typeof value === 'number') return concatenate([variable(number * 8), variable(value)]);
  const bytes = typeof value === 'string' ? text.encode(value) : value;
  return concatenate([variable(number * 8 + 2), variable(bytes.length), bytes]);
}

const message = (...fields: Bytes[]): Bytes => concatenate(fields);

const float = 1;

/** TensorProto */
const tensor = (name: string, shape: readonly number[], data: Float32Array<ArrayBuffer>): Bytes =>
  message(
    ...shape.map((size) => field(1, size)),
    field(2, float),
    field(8, name),
    field(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  );

/** ValueInfoProto of floats */
const value = (name: string, shape: readonly (number | string)[]): Bytes => {
  const dimensions = shape.map((size) => field(1, field(typeof size === 'number' ? 1 : 2, size)));
  return message(field(1, name), field(2, field(1, message(field(1, float), field(2, message(...dimensions))))));
};

/** AttributeProto */
const attribute = (name: string, content: string | readonly number[]): Bytes =>
  typeof content === 'string'
    ? message(field(1, name), field(4, content), field(20, 3))
    : message(field(1, name), ...content.map((number) => field(8, number)), field(20, 7));

/** NodeProto */
const node = (type: string, inputs: readonly string[], output: string, attributes: readonly Bytes[] = []): Bytes =>
  message(
    ...inputs.map((name) => field(1, name)),
    field(2, output),
    field(4, type),
    ...attributes.map((one) => field(5, one)),
  );

/** ModelProto: input `latents` (1, 4, H, W), output `rgb`. */
export function onnxModel({ steps, convs }: Network): Bytes {
  const initializers = [
    tensor('three', [1], Float32Array.of(3)),
    tensor('scales', [4], Float32Array.of(1, 1, 2, 2)),
    ...[...convs].flatMap(([name, { weight, shape, bias }]) => [
      tensor(`${name}.weight`, shape, weight),
      ...(bias ? [tensor(`${name}.bias`, [bias.length], bias)] : []),
    ]),
  ];
  const last = steps.length - 1;
  const outputOf = (index: number): string => (index < 0 ? 'latents' : index === last ? 'rgb' : `step${index}`);
  const nodes = steps.flatMap((step, index) => {
    const [input, output] = [outputOf(index - 1), outputOf(index)];
    if (step.kind === 'clamp')
      return [
        node('Div', [input, 'three'], 'third'),
        node('Tanh', ['third'], 'tanh'),
        node('Mul', ['tanh', 'three'], output),
      ];
    if (step.kind === 'upsample')
      return [
        node(
          'Resize',
          [input, '', 'scales'],
          output,
          // As PyTorch exports nn.Upsample.
          [
            attribute('mode', 'nearest'),
            attribute('nearest_mode', 'floor'),
            attribute('coordinate_transformation_mode', 'asymmetric'),
          ],
        ),
      ];
    if (step.kind === 'shuffle') throw new Error('a network of ours alone');
    const { shape, bias } = convs.get(step.name)!;
    const parts: ((input: string, output: string) => Bytes)[] = [
      (from, to) =>
        node('Conv', [from, `${step.name}.weight`, ...(bias ? [`${step.name}.bias`] : [])], to, [
          attribute('kernel_shape', [shape[2], shape[3]]),
          attribute('pads', Array(4).fill((shape[2] - 1) / 2)),
        ]),
    ];
    const { add } = step;
    if (add !== undefined) parts.push((from, to) => node('Add', [from, outputOf(add)], to));
    if (step.relu) parts.push((from, to) => node('Relu', [from], to));
    return parts.map((part, k) =>
      part(k === 0 ? input : `${output}.${k}`, k === parts.length - 1 ? output : `${output}.${k + 1}`),
    );
  });
  const graph = message(
    ...nodes.map((one) => field(1, one)),
    field(2, 'decoder'),
    ...initializers.map((one) => field(5, one)),
    field(11, value('latents', [1, 4, 'height', 'width'])),
    field(12, value('rgb', [1, 3, 'outputHeight', 'outputWidth'])),
  );
  // IR version 8, operators as of version 17.
  return message(field(1, 8), field(7, graph), field(8, message(field(1, ''), field(2, 17))));
}
