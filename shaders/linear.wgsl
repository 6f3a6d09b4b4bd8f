// One invocation: four pixels, one below the other, rgb = bias + Σ_c latent[c] · factors[c].
// Four, so that each weight is read once for them: on a software adapter reads are what takes the time.
// weights: bias (3), factors (channels, 3). Needs columnAt, readColumn and writeGroup.

override channels: u32;
override groupWidth: u32;
override groupHeight: u32;

@group(0) @binding(3) var<storage, read> weights: array<f32>;

fn put(x: u32, y: u32, red: f32, green: f32, blue: f32) {
  writeGroup(0u, x, min(y, view.height - 1u), vec4f(red, green, blue, 0.0));
}

struct Sums { red: vec4f, green: vec4f, blue: vec4f }

fn addChannel(sums: Sums, c: u32, column: Column) -> Sums {
  let k = 3u + 3u * c;
  let latents = readColumn(c, column);
  return Sums(
    sums.red + latents * weights[k], sums.green + latents * weights[k + 1u], sums.blue + latents * weights[k + 2u],
  );
}

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let y = id.y * 4u;
  if (id.x >= view.width || y >= view.height) { return; }
  let column = columnAt(id.x, y);
  var sums = Sums(vec4f(weights[0]), vec4f(weights[1]), vec4f(weights[2]));
  // The first four one by one where that is little code: software adapters read constant places in a quarter of the time.
  var first = 0u;
  if (plainLatents == 1u && channels >= 4u) {
    sums = addChannel(sums, 0u, column);
    sums = addChannel(sums, 1u, column);
    sums = addChannel(sums, 2u, column);
    sums = addChannel(sums, 3u, column);
    first = 4u;
  }
  for (var c = first; c < channels; c++) { sums = addChannel(sums, c, column); }
  put(id.x, y, sums.red.x, sums.green.x, sums.blue.x);
  put(id.x, y + 1u, sums.red.y, sums.green.y, sums.blue.y);
  put(id.x, y + 2u, sums.red.z, sums.green.z, sums.blue.z);
  put(id.x, y + 3u, sums.red.w, sums.green.w, sums.blue.w);
}
