// What follows a convolution's sums: bias, what is added, activation. Joined in front of kernels that leave that to data
// instead of override constants, so that all layers of a net share one pipeline.
// weights: (slope, adds, 0, 0), then bias (outputChannelGroups vec4f), then whatever the kernel itself reads.
// Below 0 the activation multiplies by the slope: 1 none, 0 ReLU, 0.1 leaky.

override outputChannelGroups: u32;

@group(0) @binding(3) var<storage, read> weights: array<vec4f>;
@group(0) @binding(5) var<storage, read> added: array<vec4f>;

struct Finish { bias: vec4f, slope: f32, adds: bool }

// What all pixels of a channel group share: on SwiftShader a read costs as much as all the rest.
fn finishOf(group: u32) -> Finish {
  let options = weights[0];
  return Finish(weights[1u + group], options.x, options.y != 0.0);
}

// One condition without `&&`, and no early return: SwiftShader makes loops and copies of either.
fn finish(ending: Finish, group: u32, x: u32, y: u32, sum: vec4f) {
  if ((x < view.width) & (y < view.height)) {
    var value = sum + ending.bias;
    if (ending.adds) { value += added[addedIndex(group, x, y)]; }
    writeGroup(group, x, y, max(value, ending.slope * value));
  }
}
