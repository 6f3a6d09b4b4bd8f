// One invocation: one element of first · factors.x + second · factors.y, in float32. All three are whole tensors of one
// shape, in the order that they have in memory, the first two in any dtype. Where an element that counts is NaN or
// infinite, the result is NaN. Nothing is joined in front; src/ops/combine.ts is its CPU side.

override groupSize: u32;

struct Combination {
  factors: vec2f,
  count: u32,
  // Elements from the start of the binding to the tensor's first.
  firstBase: u32,
  secondBase: u32,
  // 0 float32, 1 float16, 2 bfloat16
  firstType: u32,
  secondType: u32,
}

@group(0) @binding(0) var<storage, read> first: array<u32>;
@group(0) @binding(1) var<storage, read> second: array<u32>;
@group(0) @binding(2) var<uniform> combination: Combination;
// As bits: WGSL may assume that no float is NaN.
@group(0) @binding(4) var<storage, read_write> result: array<u32>;

const nan = 0x7fc00000u;

// The float32 bits of an element in the word that holds it; halves are two to a word.
fn widened(word: u32, index: u32, dtype: u32) -> u32 {
  if (dtype == 0u) { return word; }
  let half = select(word & 0xffffu, word >> 16u, (index & 1u) == 1u);
  if (dtype == 2u) { return half << 16u; }
  if ((half & 0x7c00u) == 0x7c00u) { return nan; }
  return bitcast<u32>(unpack2x16float(half).x);
}

fn isFinite(bits: u32) -> bool { return (bits & 0x7f800000u) != 0x7f800000u; }

@compute @workgroup_size(groupSize)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * groupSize + lane;
  if (index >= combination.count) { return; }
  var sum = 0.0;
  var sane = true;
  if (combination.factors.x != 0.0) {
    let place = combination.firstBase + index;
    let bits = widened(first[place >> min(combination.firstType, 1u)], place, combination.firstType);
    sane = isFinite(bits);
    sum = combination.factors.x * bitcast<f32>(bits);
  }
  if (combination.factors.y != 0.0) {
    let place = combination.secondBase + index;
    let bits = widened(second[place >> min(combination.secondType, 1u)], place, combination.secondType);
    sane = sane && isFinite(bits);
    sum += combination.factors.y * bitcast<f32>(bits);
  }
  result[index] = select(nan, bitcast<u32>(sum), sane);
}
