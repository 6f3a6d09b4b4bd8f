// One invocation: one pixel, rgb = bias + Σ_c latent[c] · factors[c].
// weights: bias (3), factors (channels, 3). Needs readLatent and writeGroup.

override channels: u32;
override groupWidth: u32;
override groupHeight: u32;

@group(0) @binding(3) var<storage, read> weights: array<f32>;

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= view.width || id.y >= view.height) { return; }
  var rgb = vec3f(weights[0], weights[1], weights[2]);
  for (var c = 0u; c < channels; c++) {
    let k = 3u + 3u * c;
    rgb += readLatent(c, id.x, id.y) * vec3f(weights[k], weights[k + 1u], weights[k + 2u]);
  }
  writeGroup(0u, id.x, id.y, vec4f(rgb, 0.0));
}
