// One invocation: one pixel of three planes, each convolved with the same 3×3 matrix, zeros outside.
// weights: the matrix (3, 3), row 0 above. Needs readPlanes and writePixel.

override groupWidth: u32;
override groupHeight: u32;

@group(0) @binding(3) var<storage, read> weights: array<f32>;

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= view.width || id.y >= view.height) { return; }
  var rgb = vec3f(0.0);
  for (var row = 0u; row < 3u; row++) {
    for (var column = 0u; column < 3u; column++) {
      let x = i32(id.x + column) - 1;
      let y = i32(id.y + row) - 1;
      if (x < 0 || y < 0 || x >= i32(view.width) || y >= i32(view.height)) { continue; }
      rgb += readPlanes(u32(x), u32(y)) * weights[row * 3u + column];
    }
  }
  writePixel(id.x, id.y, rgb);
}
