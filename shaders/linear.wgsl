// One invocation: four pixels, one below the other, rgb = bias + Σ_c latent[c] · factors[c].
// Four, so that each weight is read once for them: on a software adapter reads are what takes the time.
// weights: bias (3), factors (channels, 3). Needs columnAt, readColumn and writeGroup.

override channels: u32;
override groupWidth: u32;
override groupHeight: u32;

@group(0) @binding(3) var<storage, read> weights: array<f32>;

fn put(x: u32, y: u32, red: f32, green: f32, blue: f32) {
  if (y < view.height) { writeGroup(0u, x, y, vec4f(red, green, blue, 0.0)); }
}

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let y = id.y * 4u;
  if (id.x >= view.width || y >= view.height) { return; }
  var red = vec4f(weights[0]);
  var green = vec4f(weights[1]);
  var blue = vec4f(weights[2]);
  let column = columnAt(id.x, y);
  for (var c = 0u; c < channels; c++) {
    let k = 3u + 3u * c;
    let latents = readColumn(c, column);
    red += latents * weights[k];
    green += latents * weights[k + 1u];
    blue += latents * weights[k + 2u];
  }
  put(id.x, y, red.x, green.x, blue.x);
  put(id.x, y + 1u, red.y, green.y, blue.y);
  put(id.x, y + 2u, red.z, green.z, blue.z);
  put(id.x, y + 3u, red.w, green.w, blue.w);
}
