// One invocation: one pixel of three planes, each convolved with the same 3×3 matrix, zeros outside.
// weights: the matrix (3, 3), row 0 above. Needs readGroup and writeGroup.

override groupWidth: u32;
override groupHeight: u32;

@group(0) @binding(3) var<storage, read> weights: array<f32>;

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= view.width || id.y >= view.height) { return; }
  var rgb = vec3f(0.0);
  for (var row = 0u; row < 3u; row++) {
    for (var column = 0u; column < 3u; column++) {
      rgb += readGroup(0u, i32(id.x + column) - 1, i32(id.y + row) - 1).rgb * weights[row * 3u + column];
    }
  }
  writeGroup(0u, id.x, id.y, vec4f(rgb, 0.0));
}
