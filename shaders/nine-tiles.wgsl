// The first of three stages of a 3×3 convolution on a picture enlarged to twice its size by repeating pixels;
// conv2d-products.wgsl and nine-pixels.wgsl follow. Along a row, with w the kernel and x the small picture:
//   out[2i]     = w0·(x[i−1] − x[i]) + (w0 + w1 + w2)·x[i]
//   out[2i + 1] = (w0 + w1 + w2)·x[i] + w2·(x[i+1] − x[i])
// Three products for two outputs, in the plane nine for four instead of 36. Exact but for rounding.
// One invocation: the nine numbers of one pixel of the small picture, of four channels. A tile is that pixel.
// Output: number i of nine of channel group g is plane i · inputChannelGroups + g, a vec4f per tile of the strip.

override inputChannelGroups: u32;
override groupWidth: u32;
override groupHeight: u32;

struct Three { a: vec4f, b: vec4f, c: vec4f }

fn transform(a: vec4f, b: vec4f, c: vec4f) -> Three {
  return Three(a - b, b, c - b);
}

fn readRow(group: u32, x: i32, y: i32) -> Three {
  return transform(readGroup(group, x - 1, y), readGroup(group, x, y), readGroup(group, x + 1, y));
}

fn writeColumn(first: u32, stride: u32, column: Three) {
  outputGroups[first] = column.a;
  outputGroups[first + 3u * stride] = column.b;
  outputGroups[first + 6u * stride] = column.c;
}

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let group = id.y;
  if (id.x >= view.tileCount || group >= inputChannelGroups) { return; }
  let tile = view.firstTile + id.x;
  let columns = (view.width + 1u) / 2u;
  let x = i32(tile % columns);
  let y = i32(tile / columns);
  let above = readRow(group, x, y - 1);
  let here = readRow(group, x, y);
  let below = readRow(group, x, y + 1);
  let first = group * view.tilePlane + id.x;
  let stride = inputChannelGroups * view.tilePlane;
  writeColumn(first, stride, transform(above.a, here.a, below.a));
  writeColumn(first + stride, stride, transform(above.b, here.b, below.b));
  writeColumn(first + 2u * stride, stride, transform(above.c, here.c, below.c));
}
