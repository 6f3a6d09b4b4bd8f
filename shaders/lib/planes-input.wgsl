// Reads float32 planes that the layer before wrote, (3, H, W). Joined in front of kernels that take planes.

struct View {
  width: u32,
  height: u32,
}

@group(0) @binding(0) var<storage, read> inputPlanes: array<f32>;
@group(0) @binding(2) var<uniform> view: View;

fn readPlanes(x: u32, y: u32) -> vec3f {
  let size = view.width * view.height;
  let index = y * view.width + x;
  return vec3f(inputPlanes[index], inputPlanes[size + index], inputPlanes[2u * size + index]);
}
