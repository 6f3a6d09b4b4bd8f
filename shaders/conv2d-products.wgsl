// The middle of three stages of a convolution: for each number of a tile's transform, sums over the input channels of
// products with the kernel's transform. One invocation: 16 tiles × 16 output channels of one such number, in registers.
// weights: for each number, block of 16 output channels, input channel group and output channel group of the block a
// matrix: column j holds the weights of input channel 4·group + j.
// Input planes: number · inputChannelGroups + group; output planes: number · 4 · outputBlocks + group; a vec4f per tile,
// the planes a multiple of 16 tiles long: what lies past a strip's tiles is computed along and never read.

override inputChannelGroups: u32;
override outputBlocks: u32;
override groupWidth: u32;

@group(0) @binding(3) var<storage, read> weights: array<mat4x4f>;

fn fourTiles(first: u32) -> mat4x4f {
  return mat4x4f(inputGroups[first], inputGroups[first + 1u], inputGroups[first + 2u], inputGroups[first + 3u]);
}

fn writeTiles(first: u32, a: mat4x4f, b: mat4x4f, c: mat4x4f, d: mat4x4f) {
  outputGroups[first] = a[0];
  outputGroups[first + 1u] = a[1];
  outputGroups[first + 2u] = a[2];
  outputGroups[first + 3u] = a[3];
  outputGroups[first + 4u] = b[0];
  outputGroups[first + 5u] = b[1];
  outputGroups[first + 6u] = b[2];
  outputGroups[first + 7u] = b[3];
  outputGroups[first + 8u] = c[0];
  outputGroups[first + 9u] = c[1];
  outputGroups[first + 10u] = c[2];
  outputGroups[first + 11u] = c[3];
  outputGroups[first + 12u] = d[0];
  outputGroups[first + 13u] = d[1];
  outputGroups[first + 14u] = d[2];
  outputGroups[first + 15u] = d[3];
}

@compute @workgroup_size(groupWidth)
fn main(@builtin(global_invocation_id) id: vec3u) {
  // Blocks are neighbours, so that few tiles fill a subgroup too.
  let block = id.x % outputBlocks;
  let tile = id.x / outputBlocks * 16u;
  let number = id.y;
  if (tile >= view.tileCount) { return; }

  // a, b, c, d: four output channels each; four tiles each, one to a column.
  var a0 = mat4x4f(); var a1 = mat4x4f(); var a2 = mat4x4f(); var a3 = mat4x4f();
  var b0 = mat4x4f(); var b1 = mat4x4f(); var b2 = mat4x4f(); var b3 = mat4x4f();
  var c0 = mat4x4f(); var c1 = mat4x4f(); var c2 = mat4x4f(); var c3 = mat4x4f();
  var d0 = mat4x4f(); var d1 = mat4x4f(); var d2 = mat4x4f(); var d3 = mat4x4f();
  for (var input = 0u; input < inputChannelGroups; input++) {
    let first = (number * inputChannelGroups + input) * view.tilePlane + tile;
    let x0 = fourTiles(first);
    let x1 = fourTiles(first + 4u);
    let x2 = fourTiles(first + 8u);
    let x3 = fourTiles(first + 12u);
    let k = ((number * outputBlocks + block) * inputChannelGroups + input) * 4u;
    let wa = weights[k];
    a0 += wa * x0; a1 += wa * x1; a2 += wa * x2; a3 += wa * x3;
    let wb = weights[k + 1u];
    b0 += wb * x0; b1 += wb * x1; b2 += wb * x2; b3 += wb * x3;
    let wc = weights[k + 2u];
    c0 += wc * x0; c1 += wc * x1; c2 += wc * x2; c3 += wc * x3;
    let wd = weights[k + 3u];
    d0 += wd * x0; d1 += wd * x1; d2 += wd * x2; d3 += wd * x3;
  }
  let first = (number * outputBlocks + block) * 4u * view.tilePlane + tile;
  writeTiles(first, a0, a1, a2, a3);
  writeTiles(first + view.tilePlane, b0, b1, b2, b3);
  writeTiles(first + 2u * view.tilePlane, c0, c1, c2, c3);
  writeTiles(first + 3u * view.tilePlane, d0, d1, d2, d3);
}
