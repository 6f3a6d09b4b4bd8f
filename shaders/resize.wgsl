// One invocation: one pixel of a picture at another size, half-pixel centres, edges clamped. Reads and writes rgba8;
// needs nothing joined in front.

// 0 nearest, 1 bilinear, 2 bicubic
override mode: u32;
// The bicubic kernel's a.
override sharpness: f32;
override groupWidth: u32;
override groupHeight: u32;

@group(0) @binding(0) var source: texture_2d<f32>;
@group(0) @binding(4) var goal: texture_storage_2d<rgba8unorm, write>;

fn near(d: f32) -> f32 { return ((sharpness + 2.0) * d - (sharpness + 3.0)) * d * d + 1.0; }
fn far(d: f32) -> f32 { return ((sharpness * d - 5.0 * sharpness) * d + 8.0 * sharpness) * d - 4.0 * sharpness; }

// Weights of the four source pixels around a centre that lies `t` after the second of them.
fn taps(t: f32) -> vec4f {
  if (mode == 1u) { return vec4f(0.0, 1.0 - t, t, 0.0); }
  return vec4f(far(1.0 + t), near(t), near(1.0 - t), far(2.0 - t));
}

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let goalSize = textureDimensions(goal);
  if (id.x >= goalSize.x || id.y >= goalSize.y) { return; }
  let sourceSize = textureDimensions(source);
  let last = vec2i(sourceSize) - 1;
  if (mode == 0u) {
    // The pixel whose square holds the centre, in whole numbers.
    let nearest = (2u * id.xy + 1u) * sourceSize / (2u * goalSize);
    textureStore(goal, id.xy, textureLoad(source, min(vec2i(nearest), last), 0));
    return;
  }
  let centre = (vec2f(id.xy) + 0.5) * vec2f(sourceSize) / vec2f(goalSize) - 0.5;
  let first = floor(centre);
  let across = taps(centre.x - first.x);
  let down = taps(centre.y - first.y);
  var rgb = vec3f(0.0);
  for (var row = 0; row < 4; row++) {
    for (var column = 0; column < 4; column++) {
      let place = clamp(vec2i(first) + vec2i(column, row) - 1, vec2i(0), last);
      rgb += across[column] * down[row] * textureLoad(source, place, 0).rgb;
    }
  }
  textureStore(goal, id.xy, vec4f(floor(clamp(rgb, vec3f(0.0), vec3f(1.0)) * 255.0 + 0.5) / 255.0, 1.0));
}
