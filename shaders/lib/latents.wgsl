// Reads one element of a latent tensor in any dtype, layout, packing and domain. Joined in front of kernels that take
// latents; src/view.ts (LatentView, domainMap) is its CPU side and fills these bindings.

struct LatentView {
  // Elements from the start of the binding to channel 0 of pixel (0, 0).
  base: u32,
  channelStride: u32,
  rowStride: u32,
  columnStride: u32,
  patchRowStride: u32,
  patchColumnStride: u32,
  // Latent pixels folded into channels per side; 1 where there is no packing.
  patchSize: u32,
  // 0 float32, 1 float16, 2 bfloat16
  dtype: u32,
}

@group(0) @binding(0) var<storage, read> latentWords: array<u32>;
// Per channel and place in the patch: gain and offset from the latents' domain to the decoder's.
@group(0) @binding(1) var<storage, read> domainMap: array<vec2f>;
@group(0) @binding(6) var<uniform> latents: LatentView;

// 1: known when the pipeline is made to be float32, not packed, a row's pixels side by side, as most latents are. What
// follows then costs an addition and a read; all else reads how from the view.
override plainLatents: u32 = 0u;

// The largest half float: what no sane latent reaches.
const largest = 65504.0;

// Halves are two to a word. A non-finite element reads as 0, decided by bits: WGSL may assume there are none.
fn readElement(index: u32) -> f32 {
  if (plainLatents == 1u || latents.dtype == 0u) {
    let bits = latentWords[index];
    return select(bitcast<f32>(bits), 0.0, (bits & 0x7f800000u) == 0x7f800000u);
  }
  let word = latentWords[index >> 1u];
  let bits = select(word & 0xffffu, word >> 16u, (index & 1u) == 1u);
  if (latents.dtype == 1u) {
    return select(unpack2x16float(bits).x, 0.0, (bits & 0x7c00u) == 0x7c00u);
  }
  return select(bitcast<f32>(bits << 16u), 0.0, (bits & 0x7f80u) == 0x7f80u);
}

// The decoder's input for unpacked channel `channel` at the latent pixel of the tile's (x, y), which must exist.
fn readLatent(channel: u32, x: u32, y: u32) -> f32 {
  let column = x + u32(view.inputColumn);
  let row = y + u32(view.inputRow);
  var index = latents.base + channel * latents.channelStride;
  var entry = channel;
  if (plainLatents == 1u) {
    index += row * latents.rowStride + column;
  } else if (latents.patchSize == 1u) {
    index += row * latents.rowStride + column * latents.columnStride;
  } else {
    let p = latents.patchSize;
    let inner = vec2u(column % p, row % p);
    index += (row / p) * latents.rowStride + (column / p) * latents.columnStride
      + inner.y * latents.patchRowStride + inner.x * latents.patchColumnStride;
    entry = (channel * p + inner.y) * p + inner.x;
  }
  let map = domainMap[entry];
  return clamp(readElement(index), -largest, largest) * map.x + map.y;
}

// Four pixels, one below the other: the elements of channel 0, and their place in the patch. Worked out once for all
// channels, and without branches: SwiftShader runs both sides of each.
struct Column {
  index: vec4u,
  entry: vec4u,
}

// The tile's (x, y) to (x, y + 3); rows below its last are the last.
fn columnAt(x: u32, y: u32) -> Column {
  let rows = min(vec4u(y, y + 1u, y + 2u, y + 3u), vec4u(view.height - 1u)) + u32(view.inputRow);
  let column = x + u32(view.inputColumn);
  if (plainLatents == 1u) { return Column(latents.base + column + rows * latents.rowStride, vec4u(0u)); }
  let p = latents.patchSize;
  let outerY = rows / p;
  let innerY = rows - outerY * p;
  let outerX = column / p;
  let innerX = column - outerX * p;
  return Column(
    latents.base + outerX * latents.columnStride + innerX * latents.patchColumnStride
      + outerY * latents.rowStride + innerY * latents.patchRowStride,
    innerY * p + innerX,
  );
}

// readElement for four: one read each whatever the dtype, for the same reason.
fn readElements(index: vec4u) -> vec4f {
  if (plainLatents == 1u) {
    let bits = vec4u(latentWords[index.x], latentWords[index.y], latentWords[index.z], latentWords[index.w]);
    return select(bitcast<vec4f>(bits), vec4f(0.0), (bits & vec4u(0x7f800000u)) == vec4u(0x7f800000u));
  }
  let place = index >> vec4u(min(latents.dtype, 1u));
  let words = vec4u(latentWords[place.x], latentWords[place.y], latentWords[place.z], latentWords[place.w]);
  let halves = select(words & vec4u(0xffffu), words >> vec4u(16u), (index & vec4u(1u)) == vec4u(1u));
  let brain = latents.dtype == 2u;
  let bits = select(words, halves << vec4u(16u), brain);
  if (latents.dtype != 1u) {
    return select(bitcast<vec4f>(bits), vec4f(0.0), (bits & vec4u(0x7f800000u)) == vec4u(0x7f800000u));
  }
  let low = unpack2x16float(halves.x | (halves.y << 16u));
  let high = unpack2x16float(halves.z | (halves.w << 16u));
  return select(vec4f(low, high), vec4f(0.0), (halves & vec4u(0x7c00u)) == vec4u(0x7c00u));
}

// readLatent for the four pixels.
fn readColumn(channel: u32, column: Column) -> vec4f {
  var p = 1u;
  if (plainLatents == 0u) { p = latents.patchSize; }
  let entry = column.entry + channel * p * p;
  let first = domainMap[entry.x];
  var gain = vec4f(first.x);
  var offset = vec4f(first.y);
  if (plainLatents == 0u && p != 1u) {
    let others = array<vec2f, 3>(domainMap[entry.y], domainMap[entry.z], domainMap[entry.w]);
    gain = vec4f(first.x, others[0].x, others[1].x, others[2].x);
    offset = vec4f(first.y, others[0].y, others[1].y, others[2].y);
  }
  let elements = readElements(column.index + channel * latents.channelStride);
  return clamp(elements, vec4f(-largest), vec4f(largest)) * gain + offset;
}
