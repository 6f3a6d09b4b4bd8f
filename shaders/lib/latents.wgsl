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

// The largest half float: what no sane latent reaches.
const largest = 65504.0;

// Halves are two to a word. A non-finite element reads as 0, decided by bits: WGSL may assume there are none.
fn readElement(index: u32) -> f32 {
  if (latents.dtype == 0u) {
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
  if (latents.patchSize == 1u) {
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
