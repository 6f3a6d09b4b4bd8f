// conv2d-products.wgsl for 64 input channels and adapters whose subgroups are single quads (SwiftShader's), where reading a
// buffer is what costs. An invocation keeps the weights of eight output channels in private memory, reads each of its tiles
// once, and holds no sum from one tile to the next. The four lanes of a quad have the same tiles and neighbouring outputs:
// each reads a quarter of a tile for all. A workgroup is one quad, whatever lane is which of its invocations.
// Needs subgroups.
// weights: for each number and eight output channels, those of one input channel after the other, in the order in which
// the lane has them: step 16·i + 4·j + k is channel k of input group 4·i + (lane ^ j).

// Of 32 output channels each.
override outputQuads: u32;
override tilesAtOnce: u32;

@group(0) @binding(3) var<storage, read> weights: array<mat4x4f>;

// Of two output channels each.
var<private> kept: array<vec2f, 256>;

fn keep(first: u32, four: vec4f, more: vec4f) {
  kept[first] = four.xy;
  kept[first + 1u] = four.zw;
  kept[first + 2u] = more.xy;
  kept[first + 3u] = more.zw;
}

struct Sums { a: vec2f, b: vec2f, c: vec2f, d: vec2f }

fn addChannel(sums: ptr<function, Sums>, step: u32, input: f32) {
  (*sums).a += kept[4u * step] * input;
  (*sums).b += kept[4u * step + 1u] * input;
  (*sums).c += kept[4u * step + 2u] * input;
  (*sums).d += kept[4u * step + 3u] * input;
}

fn addGroup(sums: ptr<function, Sums>, step: u32, input: vec4f) {
  addChannel(sums, step, input.x);
  addChannel(sums, step + 1u, input.y);
  addChannel(sums, step + 2u, input.z);
  addChannel(sums, step + 3u, input.w);
}

fn addQuad(sums: ptr<function, Sums>, step: u32, own: vec4f) {
  addGroup(sums, step, own);
  addGroup(sums, step + 4u, quadSwapX(own));
  addGroup(sums, step + 8u, quadSwapY(own));
  addGroup(sums, step + 12u, quadSwapDiagonal(own));
}

@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let plane = view.tilePlane;
  let eight = id.x % outputQuads * 4u + lane;
  let number = id.y;
  let firstWeights = (number * outputQuads * 4u + eight) * 32u;
  for (var i = 0u; i < 32u; i++) {
    let two = weights[firstWeights + i];
    keep(8u * i, two[0], two[1]);
    keep(8u * i + 4u, two[2], two[3]);
  }
  let firstTile = id.x / outputQuads * tilesAtOnce;
  let pastTile = min(firstTile + tilesAtOnce, view.tileCount);
  for (var tile = firstTile; tile < pastTile; tile++) {
    let input = (number * 16u + lane) * plane + tile;
    var sums = Sums();
    addQuad(&sums, 0u, inputGroups[input]);
    addQuad(&sums, 16u, inputGroups[input + 4u * plane]);
    addQuad(&sums, 32u, inputGroups[input + 8u * plane]);
    addQuad(&sums, 48u, inputGroups[input + 12u * plane]);
    let output = (number * outputQuads * 4u + eight) * 2u * plane + tile;
    outputGroups[output] = vec4f(sums.a, sums.b);
    outputGroups[output + plane] = vec4f(sums.c, sums.d);
  }
}
