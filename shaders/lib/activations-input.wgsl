// Reads what a layer before wrote: four channels to a vec4 of `real`, each group of four a plane of its own. Joined in front of
// kernels that take activations.

@group(0) @binding(0) var<storage, read> inputGroups: array<vec4<real>>;

// Channels 4·group … 4·group + 3 of the input's pixel at the tile's (x, y); zeros outside the picture. A tile's input
// holds all that the tile looks at, so that beyond its edges there is no picture.
fn readGroup(group: u32, x: i32, y: i32) -> vec4<real> {
  let column = x + view.inputColumn;
  let row = y + view.inputRow;
  if (column < 0 || row < 0 || column >= i32(view.inputWidth) || row >= i32(view.inputHeight)) { return vec4<real>(); }
  return inputGroups[(group * view.inputHeight + u32(row)) * view.inputWidth + u32(column)];
}

// The same without a branch, for kernels that read many pixels: branches are what SwiftShader's compiler chokes on.
fn readGroupUnbranched(group: u32, x: i32, y: i32) -> vec4<real> {
  let place = vec2i(x + view.inputColumn, y + view.inputRow);
  let size = vec2i(i32(view.inputWidth), i32(view.inputHeight));
  let inside = vec2u(clamp(place, vec2i(0), size - 1));
  let pixel = inputGroups[(group * view.inputHeight + inside.y) * view.inputWidth + inside.x];
  return select(vec4<real>(), pixel, all(place == vec2i(inside)));
}
