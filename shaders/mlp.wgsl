// One invocation: one pixel through fully connected layers. weights: layer count, widths (one more), then for each layer
// bias (outputs) and weight (outputs, inputs). Needs readLatent and writeGroup.
// Workgroup memory holds each invocation's own activations, two halves of `widest` slots by turns: no barriers.

override relu: u32;
override widest: u32;
override groupWidth: u32;
override groupHeight: u32;
// 2 × widest × groupWidth
override scratchSize: u32;

@group(0) @binding(3) var<storage, read> weights: array<f32>;

var<workgroup> scratch: array<f32, scratchSize>;

fn activate(value: f32) -> f32 {
  if (relu == 1u) { return max(value, 0.0); }
  // Beyond −80 the true value is 0 to float32 and exp would overflow.
  return value / (1.0 + exp(-max(value, -80.0)));
}

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
  if (id.x >= view.width || id.y >= view.height) { return; }
  let layers = u32(weights[0]);
  var inputs = u32(weights[1]);
  for (var c = 0u; c < inputs; c++) {
    scratch[c * groupWidth + lane] = readLatent(c, id.x, id.y);
  }
  var source = 0u;
  var k = layers + 2u;
  for (var current = 0u; current < layers; current++) {
    let outputs = u32(weights[current + 2u]);
    let goal = widest - source;
    for (var o = 0u; o < outputs; o++) {
      var sum = weights[k + o];
      let row = k + outputs + o * inputs;
      for (var i = 0u; i < inputs; i++) {
        sum += scratch[(source + i) * groupWidth + lane] * weights[row + i];
      }
      if (current + 1u < layers) { sum = activate(sum); }
      scratch[(goal + o) * groupWidth + lane] = sum;
    }
    k += outputs + outputs * inputs;
    inputs = outputs;
    source = goal;
  }
  let first = source * groupWidth + lane;
  writeGroup(0u, id.x, id.y, vec4f(scratch[first], scratch[first + groupWidth], scratch[first + 2u * groupWidth], 0.0));
}
