// What direct convolutions have in common: their weights, and what follows the sums: bias, what is added, activation.
// Joined in front of conv2d.wgsl and of its doubled, narrow and single forms, whose layers have pipelines of their own;
// conv2d-finish.wgsl is for those that share one.
// weights: bias (outputChannelGroups vec4), then whatever the kernel itself reads.

override outputChannelGroups: u32;
// 0 none, 1 ReLU, 2 leaky ReLU 0.1
override activation2d: u32;
override adds: u32;

@group(0) @binding(3) var<storage, read> weights: array<vec4<real>>;
@group(0) @binding(5) var<storage, read> added: array<vec4<real>>;

fn matrixAt(k: u32) -> mat4x4<real> {
  return mat4x4<real>(weights[k], weights[k + 1u], weights[k + 2u], weights[k + 3u]);
}

fn finish(group: u32, x: u32, y: u32, sum: vec4f) {
  if ((x < view.width) & (y < view.height) & (group < outputChannelGroups)) {
    var value = sum + vec4f(weights[group]);
    if (adds == 1u) { value += vec4f(added[addedIndex(group, x, y)]); }
    if (activation2d == 1u) { value = max(value, vec4f(0.0)); }
    if (activation2d == 2u) { value = max(value, 0.1 * value); }
    writeGroup(group, x, y, value);
  }
}
