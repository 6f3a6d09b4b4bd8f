// The last of three stages of a 3×3 convolution by Winograd's F(4×4, 3×3). One invocation: a 4×4 tile of four channels,
// from the 36 sums of products that conv2d-products.wgsl left, with all that follows a convolution.
// Needs choose and finish.

override groupWidth: u32;
override groupHeight: u32;
// What the planes of sums are apart: channel groups rounded up to whole blocks.
override outputPlanes: u32;

struct Four { a: vec4f, b: vec4f, c: vec4f, d: vec4f }

fn transform(a: vec4f, b: vec4f, c: vec4f, d: vec4f, e: vec4f, f: vec4f) -> Four {
  let even1 = b + c;
  let odd1 = b - c;
  let even2 = d + e;
  let odd2 = d - e;
  return Four(
    a + even1 + even2,
    0.75 * odd1 + 1.5 * odd2,
    0.5625 * even1 + 2.25 * even2,
    0.421875 * odd1 + 3.375 * odd2 + f,
  );
}

fn readRow(first: u32, stride: u32) -> Four {
  return transform(
    inputGroups[first], inputGroups[first + stride], inputGroups[first + 2u * stride],
    inputGroups[first + 3u * stride], inputGroups[first + 4u * stride], inputGroups[first + 5u * stride],
  );
}

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let group = id.y;
  if (id.x >= view.tileCount || group >= outputChannelGroups) { return; }
  let columns = (view.width + 3u) / 4u;
  let tile = view.firstTile + id.x;
  let x = (tile % columns) * 4u;
  let y = (tile / columns) * 4u;
  let ending = finishOf(group);
  let first = group * view.tilePlane + id.x;
  let stride = outputPlanes * view.tilePlane;
  let r0 = readRow(first, stride);
  let r1 = readRow(first + 6u * stride, stride);
  let r2 = readRow(first + 12u * stride, stride);
  let r3 = readRow(first + 18u * stride, stride);
  let r4 = readRow(first + 24u * stride, stride);
  let r5 = readRow(first + 30u * stride, stride);
  let c0 = transform(r0.a, r1.a, r2.a, r3.a, r4.a, r5.a);
  let c1 = transform(r0.b, r1.b, r2.b, r3.b, r4.b, r5.b);
  let c2 = transform(r0.c, r1.c, r2.c, r3.c, r4.c, r5.c);
  let c3 = transform(r0.d, r1.d, r2.d, r3.d, r4.d, r5.d);
  // A loop where four copies would do: it compiles a quarter of finish's loads and stores.
  for (var row = 0u; row < 4u; row++) {
    finish(ending, group, x, y + row, choose(c0.a, c0.b, c0.c, c0.d, row));
    finish(ending, group, x + 1u, y + row, choose(c1.a, c1.b, c1.c, c1.d, row));
    finish(ending, group, x + 2u, y + row, choose(c2.a, c2.b, c2.c, c2.d, row));
    finish(ending, group, x + 3u, y + row, choose(c3.a, c3.b, c3.c, c3.d, row));
  }
}
