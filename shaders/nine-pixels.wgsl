// The last of three stages of a 3×3 convolution on an enlarged picture (nine-tiles.wgsl says how). One invocation: 2×2
// pixels of four channels, from the nine sums of products that conv2d-products.wgsl left, with all that follows a
// convolution. Needs finish.

override groupWidth: u32;
override groupHeight: u32;
// What the planes of sums are apart: channel groups rounded up to whole blocks.
override outputPlanes: u32;

struct Two { a: vec4f, b: vec4f }

fn transform(a: vec4f, b: vec4f, c: vec4f) -> Two {
  return Two(a + b, b + c);
}

fn readRow(first: u32, stride: u32) -> Two {
  return transform(inputGroups[first], inputGroups[first + stride], inputGroups[first + 2u * stride]);
}

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let group = id.y;
  if (id.x >= view.tileCount || group >= outputChannelGroups) { return; }
  let columns = (view.width + 1u) / 2u;
  let tile = view.firstTile + id.x;
  let x = (tile % columns) * 2u;
  let y = (tile / columns) * 2u;
  let ending = finishOf(group);
  let first = group * view.tilePlane + id.x;
  let stride = outputPlanes * view.tilePlane;
  let r0 = readRow(first, stride);
  let r1 = readRow(first + 3u * stride, stride);
  let r2 = readRow(first + 6u * stride, stride);
  let left = transform(r0.a, r1.a, r2.a);
  let right = transform(r0.b, r1.b, r2.b);
  finish(ending, group, x, y, left.a);
  finish(ending, group, x + 1u, y, right.a);
  finish(ending, group, x, y + 1u, left.b);
  finish(ending, group, x + 1u, y + 1u, right.b);
}
