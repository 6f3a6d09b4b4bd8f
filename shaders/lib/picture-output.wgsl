// Where the last layer leaves its pixel: activated, rounded to 8 bits, opaque, in an rgba8 texture.
// src/output.ts is its CPU side.

// 0 clamp, 1 sigmoid, 2 OKLab
override activation: u32 = 0u;
// Bring the map's range to 0..1 before a clamp.
override outputScale: f32 = 1.0;
override outputOffset: f32 = 0.0;

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

// Rounded here, half up: what a texture store does with the rest of a step is the implementation's choice.
fn writePixel(x: u32, y: u32, rgb: vec3f) {
  let steps = floor(clamp(toSrgb(rgb), vec3f(0.0), vec3f(1.0)) * 255.0 + 0.5);
  textureStore(picture, vec2u(x, y), vec4f(steps / 255.0, 1.0));
}
