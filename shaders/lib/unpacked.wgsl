// Latents four channels to a vec4f, as if a layer before had left them so: widened, unpacked, in the decoder's domain,
// softly clamped to ±3 where asked. Joined behind lib/latents.wgsl for kernels that need readGroup.

// Those beyond the last are 0.
override latentChannels: u32;
// 1: 3·tanh(x / 3)
override softClamp: u32;

// As in activations-input.wgsl. A loop, and one place that reads: compilers inline it all, at every call.
fn readGroup(group: u32, x: i32, y: i32) -> vec4<real> {
  let column = x + view.inputColumn;
  let row = y + view.inputRow;
  var four = vec4f(0.0);
  let inside = (column >= 0) & (row >= 0) & (column < i32(view.inputWidth)) & (row < i32(view.inputHeight));
  let count = select(0u, min(4u, latentChannels - 4u * group), inside);
  for (var c = 0u; c < count; c++) { four[c] = readLatent(4u * group + c, u32(x), u32(y)); }
  // tanh is 1 to float32 beyond 10, where implementations may overflow.
  if (softClamp == 1u) { four = 3.0 * tanh(clamp(four / 3.0, vec4f(-10.0), vec4f(10.0))); }
  if (realIsHalf) { four = clamp(four, vec4f(-largest), vec4f(largest)); }
  return vec4<real>(four);
}
