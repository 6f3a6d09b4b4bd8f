// The smallest ONNX model: `y = 2 · x` in float32, any (N, C, H, W). An ONNX file is a few nested protobuf messages:
// https://onnx.ai/onnx/repo-docs/IR.html.

/** A field: a whole number below 128, a string, or an inner message or raw bytes of fewer than 128. */
function field(number: number, value: number | string | readonly number[]): number[] {
  if (typeof value === 'number') return [number * 8, value];
  const bytes = typeof value === 'string' ? [...new TextEncoder().encode(value)] : value;
  return [number * 8 + 2, bytes.length, ...bytes];
}

const float = 1;
const axes = ['n', 'c', 'h', 'w'].flatMap((name) => field(1, field(2, name)));
const value = (name: string): number[] => [
  ...field(1, name),
  ...field(2, field(1, [...field(1, float), ...field(2, axes)])),
];
const two = new Uint8Array(Float32Array.of(2).buffer);
const initializer = [...field(1, 1), ...field(2, float), ...field(8, 'two'), ...field(9, [...two])];
const node = [...field(1, 'x'), ...field(1, 'two'), ...field(2, 'y'), ...field(4, 'Mul')];
const graph = [
  ...field(1, node),
  ...field(2, 'double'),
  ...field(5, initializer),
  ...field(11, value('x')),
  ...field(12, value('y')),
];

/** IR version 8, operators as of version 17. The graph is longer than 127 bytes: its length takes two. */
export const doublingModel = Uint8Array.from([
  ...field(1, 8),
  ...[7 * 8 + 2, (graph.length & 127) | 128, graph.length >> 7, ...graph],
  ...field(8, [...field(1, ''), ...field(2, 17)]),
]);
