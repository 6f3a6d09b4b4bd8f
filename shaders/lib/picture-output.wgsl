// Where the last layer leaves its pixel: activated, rounded to 8 bits, in an rgba8 texture.
// src/output.ts is its CPU side.

// 0 clamp, 1 sigmoid, 2 OKLab
override activation: u32 = 0u;
// Bring the map's range to 0..1 before a clamp.
override outputScale: f32 = 1.0;
override outputOffset: f32 = 0.0;
// 1: the decoder's fourth channel is the picture's alpha; else pictures are opaque.
override hasAlpha: u32 = 0u;

@group(0) @binding(4) var picture: texture_storage_2d<rgba8unorm, write>;

// OKLab (Björn Ottosson, 2020; public domain) to linear sRGB, then the sRGB transfer curve.
fn oklabToSrgb(lab: vec3f) -> vec3f {
  let l = lab.x + 0.3963377774 * lab.y + 0.2158037573 * lab.z;
  let m = lab.x - 0.1055613458 * lab.y - 0.0638541728 * lab.z;
  let s = lab.x - 0.0894841775 * lab.y - 1.2914855480 * lab.z;
  let cubes = vec3f(l * l * l, m * m * m, s * s * s);
  let linear = clamp(
    vec3f(
      4.0767416621 * cubes.x - 3.3077115913 * cubes.y + 0.2309699292 * cubes.z,
      -1.2684380046 * cubes.x + 2.6097574011 * cubes.y - 0.3413193965 * cubes.z,
      -0.0041960863 * cubes.x - 0.7034186147 * cubes.y + 1.7076147010 * cubes.z,
    ),
    vec3f(0.0), vec3f(1.0),
  );
  let curved = 1.055 * pow(linear, vec3f(1.0 / 2.4)) - 0.055;
  return select(curved, 12.92 * linear, linear <= vec3f(0.0031308));
}

fn toSrgb(rgb: vec3f) -> vec3f {
  switch activation {
    case 1u: { return 1.0 / (1.0 + exp(-clamp(rgb, vec3f(-80.0), vec3f(80.0)))); }
    case 2u: { return oklabToSrgb(rgb); }
    default: { return clamp(rgb * outputScale + outputOffset, vec3f(0.0), vec3f(1.0)); }
  }
}

// Channels 0 to 3 of the tile's pixel; any further group is not part of a picture.
// Rounded here, half up: what a texture store does with the rest of a step is the implementation's choice.
fn writeGroup(group: u32, x: u32, y: u32, value: vec4f) {
  if (group > 0u) { return; }
  var pixel = vec4f(toSrgb(value.rgb), 1.0);
  if (hasAlpha == 1u) { pixel.a = clamp(value.a * outputScale + outputOffset, 0.0, 1.0); }
  let place = vec2u(x + view.pictureColumn, y + view.pictureRow);
  textureStore(picture, place, floor(pixel * 255.0 + 0.5) * (1.0 / 255.0));
}
