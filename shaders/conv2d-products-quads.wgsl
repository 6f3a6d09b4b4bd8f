// conv2d-products.wgsl for adapters whose subgroups are single quads (SwiftShader's), where a read is what costs: the four
// lanes of a quad compute four blocks of output channels from the same tiles, and each reads a quarter of these for all.
// One invocation: 24 tiles × 16 output channels. A workgroup is one quad, whatever lane is which of its invocations.
// Needs subgroups. Output blocks are a multiple of four, planes of tiles a multiple of 24 long.

override inputChannelGroups: u32;
override outputBlocks: u32;

@group(0) @binding(3) var<storage, read> weights: array<mat4x4f>;

// Four tiles, of which the quad's lanes read one each: column j is tile lane ^ j.
fn fourTiles(first: u32, lane: u32) -> mat4x4f {
  let own = inputGroups[first + lane];
  return mat4x4f(own, quadSwapX(own), quadSwapY(own), quadSwapDiagonal(own));
}

fn addProducts(sums: ptr<function, mat4x4f>, weight: mat4x4f, tiles: mat4x4f) {
  (*sums)[0] += weight * tiles[0];
  (*sums)[1] += weight * tiles[1];
  (*sums)[2] += weight * tiles[2];
  (*sums)[3] += weight * tiles[3];
}

fn writeTiles(first: u32, lane: u32, sums: mat4x4f) {
  outputGroups[first + lane] = sums[0];
  outputGroups[first + (lane ^ 1u)] = sums[1];
  outputGroups[first + (lane ^ 2u)] = sums[2];
  outputGroups[first + (lane ^ 3u)] = sums[3];
}

@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let quads = outputBlocks / 4u;
  let block = id.x % quads * 4u + lane;
  let tile = id.x / quads * 24u;
  let number = id.y;

  // a, b, c, d: four output channels each; four tiles each, one to a column.
  var a0 = mat4x4f(); var a1 = mat4x4f(); var a2 = mat4x4f(); var a3 = mat4x4f();
  var a4 = mat4x4f(); var a5 = mat4x4f();
  var b0 = mat4x4f(); var b1 = mat4x4f(); var b2 = mat4x4f(); var b3 = mat4x4f();
  var b4 = mat4x4f(); var b5 = mat4x4f();
  var c0 = mat4x4f(); var c1 = mat4x4f(); var c2 = mat4x4f(); var c3 = mat4x4f();
  var c4 = mat4x4f(); var c5 = mat4x4f();
  var d0 = mat4x4f(); var d1 = mat4x4f(); var d2 = mat4x4f(); var d3 = mat4x4f();
  var d4 = mat4x4f(); var d5 = mat4x4f();
  for (var input = 0u; input < inputChannelGroups; input++) {
    let first = (number * inputChannelGroups + input) * view.tilePlane + tile;
    let x0 = fourTiles(first, lane);
    let x1 = fourTiles(first + 4u, lane);
    let x2 = fourTiles(first + 8u, lane);
    let x3 = fourTiles(first + 12u, lane);
    let x4 = fourTiles(first + 16u, lane);
    let x5 = fourTiles(first + 20u, lane);
    let k = ((number * outputBlocks + block) * inputChannelGroups + input) * 4u;
    let wa = weights[k];
    addProducts(&a0, wa, x0); addProducts(&a1, wa, x1); addProducts(&a2, wa, x2); addProducts(&a3, wa, x3);
    addProducts(&a4, wa, x4); addProducts(&a5, wa, x5);
    let wb = weights[k + 1u];
    addProducts(&b0, wb, x0); addProducts(&b1, wb, x1); addProducts(&b2, wb, x2); addProducts(&b3, wb, x3);
    addProducts(&b4, wb, x4); addProducts(&b5, wb, x5);
    let wc = weights[k + 2u];
    addProducts(&c0, wc, x0); addProducts(&c1, wc, x1); addProducts(&c2, wc, x2); addProducts(&c3, wc, x3);
    addProducts(&c4, wc, x4); addProducts(&c5, wc, x5);
    let wd = weights[k + 3u];
    addProducts(&d0, wd, x0); addProducts(&d1, wd, x1); addProducts(&d2, wd, x2); addProducts(&d3, wd, x3);
    addProducts(&d4, wd, x4); addProducts(&d5, wd, x5);
  }
  let first = (number * outputBlocks + block) * 4u * view.tilePlane + tile;
  writeTiles(first, lane, a0);
  writeTiles(first + 4u, lane, a1);
  writeTiles(first + 8u, lane, a2);
  writeTiles(first + 12u, lane, a3);
  writeTiles(first + 16u, lane, a4);
  writeTiles(first + 20u, lane, a5);
  let second = first + view.tilePlane;
  writeTiles(second, lane, b0);
  writeTiles(second + 4u, lane, b1);
  writeTiles(second + 8u, lane, b2);
  writeTiles(second + 12u, lane, b3);
  writeTiles(second + 16u, lane, b4);
  writeTiles(second + 20u, lane, b5);
  let third = first + 2u * view.tilePlane;
  writeTiles(third, lane, c0);
  writeTiles(third + 4u, lane, c1);
  writeTiles(third + 8u, lane, c2);
  writeTiles(third + 12u, lane, c3);
  writeTiles(third + 16u, lane, c4);
  writeTiles(third + 20u, lane, c5);
  let fourth = first + 3u * view.tilePlane;
  writeTiles(fourth, lane, d0);
  writeTiles(fourth + 4u, lane, d1);
  writeTiles(fourth + 8u, lane, d2);
  writeTiles(fourth + 12u, lane, d3);
  writeTiles(fourth + 16u, lane, d4);
  writeTiles(fourth + 20u, lane, d5);
}
