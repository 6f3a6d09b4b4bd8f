// Where a layer that is not the last leaves its pixel: float32 planes (3, H, W), as they are.
// The other writePixel is in picture-output.wgsl; one of the two is joined in front of every kernel.

@group(0) @binding(4) var<storage, read_write> outputPlanes: array<f32>;

fn writePixel(x: u32, y: u32, rgb: vec3f) {
  let size = view.width * view.height;
  let index = y * view.width + x;
  outputPlanes[index] = rgb.r;
  outputPlanes[size + index] = rgb.g;
  outputPlanes[2u * size + index] = rgb.b;
}
