// conv2d.wgsl for 3×3 and at most four output channels, as the last layer of a decoder has: there half or more of what it
// computes would be nobody's. One invocation: 4 × 2 pixels of four output channels; all else is as it is there.
// The same weights, with one output group; sums are float32 whatever `real` is. Needs lineAt, readLine, choose and finish.

override inputChannelGroups: u32;
override groupWidth: u32;
override groupHeight: u32;

struct Row { a: vec4f, b: vec4f, c: vec4f, d: vec4f }

// Of six pixels of the input, the three that each of the four has around it.
fn addRow(
  row: ptr<function, Row>, input: u32, left: i32, y: i32, w0: mat4x4<real>, w1: mat4x4<real>, w2: mat4x4<real>,
) {
  let line = lineAt(input, y);
  let p0 = readLine(line, left);
  let p1 = readLine(line, left + 1);
  let p2 = readLine(line, left + 2);
  let p3 = readLine(line, left + 3);
  let p4 = readLine(line, left + 4);
  let p5 = readLine(line, left + 5);
  (*row).a += vec4f(w0 * p0); (*row).b += vec4f(w0 * p1); (*row).c += vec4f(w0 * p2); (*row).d += vec4f(w0 * p3);
  (*row).a += vec4f(w1 * p1); (*row).b += vec4f(w1 * p2); (*row).c += vec4f(w1 * p3); (*row).d += vec4f(w1 * p4);
  (*row).a += vec4f(w2 * p2); (*row).b += vec4f(w2 * p3); (*row).c += vec4f(w2 * p4); (*row).d += vec4f(w2 * p5);
}

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x * 4u;
  let y = id.y * 2u + view.firstRow;
  if (x >= view.width || y >= view.height) { return; }

  let left = i32(x) - 1;
  let top = i32(y) - 1;
  var above = Row();
  var below = Row();
  // The bias comes first.
  var k = 1u;
  for (var input = 0u; input < inputChannelGroups; input++) {
    for (var ky = 0; ky < 3; ky++) {
      let w0 = matrixAt(k);
      let w1 = matrixAt(k + 4u);
      let w2 = matrixAt(k + 8u);
      k += 12u;
      addRow(&above, input, left, top + ky, w0, w1, w2);
      addRow(&below, input, left, top + ky + 1, w0, w1, w2);
    }
  }
  // A loop where four copies would do: it compiles a quarter of finish's loads and stores.
  for (var column = 0u; column < 4u; column++) {
    finish(0u, x + column, y, choose(above.a, above.b, above.c, above.d, column));
    finish(0u, x + column, y + 1u, choose(below.a, below.b, below.c, below.d, column));
  }
}
