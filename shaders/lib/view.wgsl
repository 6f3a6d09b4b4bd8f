// What one dispatch computes and where it finds what that takes. A dispatch computes a tile: a rectangle of its layer's
// picture, often all of it. Joined in front of kernels that read latents or activations; src/gpu/schedule.ts works out
// the numbers.

struct View {
  // Columns and rows of the tile, which is all that its buffer holds.
  width: u32,
  height: u32,
  // Of what the input's buffer holds: latents are always there whole.
  inputWidth: u32,
  inputHeight: u32,
  // Where in that the tile begins, in pixels of the input.
  inputColumn: i32,
  inputRow: i32,
  // Of the buffer with what is added: a row, a plane, and the tile's first pixel.
  addedWidth: u32,
  addedPlane: u32,
  addedOffset: u32,
  // Where the tile goes in the picture, where it does.
  pictureColumn: u32,
  pictureRow: u32,
  // Of a layer in stages (src/gpu/stages.ts): the strip's first tile, counted along the rows of tiles, how many, and what
  // a plane of scratch holds.
  firstTile: u32,
  tileCount: u32,
  tilePlane: u32,
  // Of a direct convolution, which may be dispatched in bands: the band's first row in the tile.
  firstRow: u32,
}

@group(0) @binding(2) var<uniform> view: View;

// Where the vec4f lies that is added to this one of the tile.
fn addedIndex(group: u32, x: u32, y: u32) -> u32 {
  return group * view.addedPlane + view.addedOffset + y * view.addedWidth + x;
}
