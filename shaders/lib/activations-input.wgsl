// Reads what a layer before wrote: four channels to a vec4f, each group of four a plane of its own. Joined in front of
// kernels that take activations; src/gpu/schedule.ts and stages.ts work out the numbers.

struct View {
  // Of this layer's output: columns, rows, and the pixels of one plane in its buffer.
  width: u32,
  height: u32,
  outputPlane: u32,
  // Of its input. A band of a picture starts `inputOffset` pixels into each plane.
  inputWidth: u32,
  inputHeight: u32,
  inputPlane: u32,
  inputOffset: u32,
  // Of a band's output rows, which go into the picture, and where.
  keepFirst: u32,
  keepCount: u32,
  pictureRow: u32,
  // Of a layer in stages: the strip's first tile, counted along the picture's rows of tiles, and how many.
  firstTile: u32,
  tileCount: u32,
}

@group(0) @binding(0) var<storage, read> inputGroups: array<vec4f>;
@group(0) @binding(2) var<uniform> view: View;

// Channels 4·group … 4·group + 3 of a pixel; zeros outside the picture.
fn readGroup(group: u32, x: i32, y: i32) -> vec4f {
  if (x < 0 || y < 0 || x >= i32(view.inputWidth) || y >= i32(view.inputHeight)) { return vec4f(0.0); }
  return inputGroups[group * view.inputPlane + view.inputOffset + u32(y) * view.inputWidth + u32(x)];
}

// The same without a branch, for kernels that read many pixels: branches are what SwiftShader's compiler chokes on.
fn readGroupUnbranched(group: u32, x: i32, y: i32) -> vec4f {
  let column = u32(clamp(x, 0, i32(view.inputWidth) - 1));
  let row = u32(clamp(y, 0, i32(view.inputHeight) - 1));
  let pixel = inputGroups[group * view.inputPlane + view.inputOffset + row * view.inputWidth + column];
  return select(vec4f(0.0), pixel, u32(x) < view.inputWidth && u32(y) < view.inputHeight);
}
