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

@compute @workgroup_size(groupWidth)
fn main(@builtin(global_invocation_id) id: vec3u) {
  // Blocks are neighbours, so that few tiles fill a subgroup too.
  let block = id.x % outputBlocks;
  let tile = id.x / outputBlocks * 16u;
  let number = id.y;
  if (tile >= view.tileCount) { return; }

  // a, b, c, d: four output channels each, of tile 0 to 15.
  var a0 = vec4f(); var a1 = vec4f(); var a2 = vec4f(); var a3 = vec4f();
  var a4 = vec4f(); var a5 = vec4f(); var a6 = vec4f(); var a7 = vec4f();
  var a8 = vec4f(); var a9 = vec4f(); var a10 = vec4f(); var a11 = vec4f();
  var a12 = vec4f(); var a13 = vec4f(); var a14 = vec4f(); var a15 = vec4f();
  var b0 = vec4f(); var b1 = vec4f(); var b2 = vec4f(); var b3 = vec4f();
  var b4 = vec4f(); var b5 = vec4f(); var b6 = vec4f(); var b7 = vec4f();
  var b8 = vec4f(); var b9 = vec4f(); var b10 = vec4f(); var b11 = vec4f();
  var b12 = vec4f(); var b13 = vec4f(); var b14 = vec4f(); var b15 = vec4f();
  var c0 = vec4f(); var c1 = vec4f(); var c2 = vec4f(); var c3 = vec4f();
  var c4 = vec4f(); var c5 = vec4f(); var c6 = vec4f(); var c7 = vec4f();
  var c8 = vec4f(); var c9 = vec4f(); var c10 = vec4f(); var c11 = vec4f();
  var c12 = vec4f(); var c13 = vec4f(); var c14 = vec4f(); var c15 = vec4f();
  var d0 = vec4f(); var d1 = vec4f(); var d2 = vec4f(); var d3 = vec4f();
  var d4 = vec4f(); var d5 = vec4f(); var d6 = vec4f(); var d7 = vec4f();
  var d8 = vec4f(); var d9 = vec4f(); var d10 = vec4f(); var d11 = vec4f();
  var d12 = vec4f(); var d13 = vec4f(); var d14 = vec4f(); var d15 = vec4f();
  for (var input = 0u; input < inputChannelGroups; input++) {
    let first = (number * inputChannelGroups + input) * view.tilePlane + tile;
    let x0 = inputGroups[first];
    let x1 = inputGroups[first + 1u];
    let x2 = inputGroups[first + 2u];
    let x3 = inputGroups[first + 3u];
    let x4 = inputGroups[first + 4u];
    let x5 = inputGroups[first + 5u];
    let x6 = inputGroups[first + 6u];
    let x7 = inputGroups[first + 7u];
    let x8 = inputGroups[first + 8u];
    let x9 = inputGroups[first + 9u];
    let x10 = inputGroups[first + 10u];
    let x11 = inputGroups[first + 11u];
    let x12 = inputGroups[first + 12u];
    let x13 = inputGroups[first + 13u];
    let x14 = inputGroups[first + 14u];
    let x15 = inputGroups[first + 15u];
    let k = ((number * outputBlocks + block) * inputChannelGroups + input) * 4u;
    let wa = weights[k];
    a0 += wa * x0; a1 += wa * x1; a2 += wa * x2; a3 += wa * x3;
    a4 += wa * x4; a5 += wa * x5; a6 += wa * x6; a7 += wa * x7;
    a8 += wa * x8; a9 += wa * x9; a10 += wa * x10; a11 += wa * x11;
    a12 += wa * x12; a13 += wa * x13; a14 += wa * x14; a15 += wa * x15;
    let wb = weights[k + 1u];
    b0 += wb * x0; b1 += wb * x1; b2 += wb * x2; b3 += wb * x3;
    b4 += wb * x4; b5 += wb * x5; b6 += wb * x6; b7 += wb * x7;
    b8 += wb * x8; b9 += wb * x9; b10 += wb * x10; b11 += wb * x11;
    b12 += wb * x12; b13 += wb * x13; b14 += wb * x14; b15 += wb * x15;
    let wc = weights[k + 2u];
    c0 += wc * x0; c1 += wc * x1; c2 += wc * x2; c3 += wc * x3;
    c4 += wc * x4; c5 += wc * x5; c6 += wc * x6; c7 += wc * x7;
    c8 += wc * x8; c9 += wc * x9; c10 += wc * x10; c11 += wc * x11;
    c12 += wc * x12; c13 += wc * x13; c14 += wc * x14; c15 += wc * x15;
    let wd = weights[k + 3u];
    d0 += wd * x0; d1 += wd * x1; d2 += wd * x2; d3 += wd * x3;
    d4 += wd * x4; d5 += wd * x5; d6 += wd * x6; d7 += wd * x7;
    d8 += wd * x8; d9 += wd * x9; d10 += wd * x10; d11 += wd * x11;
    d12 += wd * x12; d13 += wd * x13; d14 += wd * x14; d15 += wd * x15;
  }
  let first = (number * outputBlocks + block) * 4u * view.tilePlane + tile;
  outputGroups[first] = a0;
  outputGroups[first + 1u] = a1;
  outputGroups[first + 2u] = a2;
  outputGroups[first + 3u] = a3;
  outputGroups[first + 4u] = a4;
  outputGroups[first + 5u] = a5;
  outputGroups[first + 6u] = a6;
  outputGroups[first + 7u] = a7;
  outputGroups[first + 8u] = a8;
  outputGroups[first + 9u] = a9;
  outputGroups[first + 10u] = a10;
  outputGroups[first + 11u] = a11;
  outputGroups[first + 12u] = a12;
  outputGroups[first + 13u] = a13;
  outputGroups[first + 14u] = a14;
  outputGroups[first + 15u] = a15;
  let second = first + view.tilePlane;
  outputGroups[second] = b0;
  outputGroups[second + 1u] = b1;
  outputGroups[second + 2u] = b2;
  outputGroups[second + 3u] = b3;
  outputGroups[second + 4u] = b4;
  outputGroups[second + 5u] = b5;
  outputGroups[second + 6u] = b6;
  outputGroups[second + 7u] = b7;
  outputGroups[second + 8u] = b8;
  outputGroups[second + 9u] = b9;
  outputGroups[second + 10u] = b10;
  outputGroups[second + 11u] = b11;
  outputGroups[second + 12u] = b12;
  outputGroups[second + 13u] = b13;
  outputGroups[second + 14u] = b14;
  outputGroups[second + 15u] = b15;
  let third = first + 2u * view.tilePlane;
  outputGroups[third] = c0;
  outputGroups[third + 1u] = c1;
  outputGroups[third + 2u] = c2;
  outputGroups[third + 3u] = c3;
  outputGroups[third + 4u] = c4;
  outputGroups[third + 5u] = c5;
  outputGroups[third + 6u] = c6;
  outputGroups[third + 7u] = c7;
  outputGroups[third + 8u] = c8;
  outputGroups[third + 9u] = c9;
  outputGroups[third + 10u] = c10;
  outputGroups[third + 11u] = c11;
  outputGroups[third + 12u] = c12;
  outputGroups[third + 13u] = c13;
  outputGroups[third + 14u] = c14;
  outputGroups[third + 15u] = c15;
  let fourth = first + 3u * view.tilePlane;
  outputGroups[fourth] = d0;
  outputGroups[fourth + 1u] = d1;
  outputGroups[fourth + 2u] = d2;
  outputGroups[fourth + 3u] = d3;
  outputGroups[fourth + 4u] = d4;
  outputGroups[fourth + 5u] = d5;
  outputGroups[fourth + 6u] = d6;
  outputGroups[fourth + 7u] = d7;
  outputGroups[fourth + 8u] = d8;
  outputGroups[fourth + 9u] = d9;
  outputGroups[fourth + 10u] = d10;
  outputGroups[fourth + 11u] = d11;
  outputGroups[fourth + 12u] = d12;
  outputGroups[fourth + 13u] = d13;
  outputGroups[fourth + 14u] = d14;
  outputGroups[fourth + 15u] = d15;
}
