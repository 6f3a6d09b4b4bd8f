// Reads what a layer before wrote: four channels to a vec4 of `real`, each group of four a plane of its own. Joined in front of
// kernels that take activations.

@group(0) @binding(0) var<storage, read> inputGroups: array<vec4<real>>;

// Channels 4·group … 4·group + 3 of the input's pixel at the tile's (x, y); zeros outside the picture. A tile's input
// holds all that the tile looks at, so that beyond its edges there is no picture.
fn readGroup(group: u32, x: i32, y: i32) -> vec4<real> {
  return readLine(lineAt(group, y), x);
}

// A row of a group, for kernels that read several of its pixels. No branches: SwiftShader's compiler chokes on many.
struct Line { first: u32, inside: bool }

fn lineAt(group: u32, y: i32) -> Line {
  let row = y + view.inputRow;
  let near = clamp(row, 0, i32(view.inputHeight) - 1);
  return Line((group * view.inputHeight + u32(near)) * view.inputWidth, row == near);
}

fn readLine(line: Line, x: i32) -> vec4<real> {
  let column = x + view.inputColumn;
  let near = clamp(column, 0, i32(view.inputWidth) - 1);
  return select(vec4<real>(), inputGroups[line.first + u32(near)], line.inside & (column == near));
}
