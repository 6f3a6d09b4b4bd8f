// Where a layer that is not the last leaves its results: four channels to a vec4 of `real`.
// The other writeGroup is in picture-output.wgsl; one of the two is joined in front of every kernel.

@group(0) @binding(4) var<storage, read_write> outputGroups: array<vec4<real>>;

// What is beyond a half float would become an infinity, and from there NaN.
const largestHalf = vec4f(65504.0);

fn writeGroup(group: u32, x: u32, y: u32, value: vec4f) {
  var kept = value;
  if (realIsHalf) { kept = clamp(value, -largestHalf, largestHalf); }
  outputGroups[(group * view.height + y) * view.width + x] = vec4<real>(kept);
}
