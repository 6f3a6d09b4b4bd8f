// One workgroup: one group of channels over the whole picture. Mean first, then the deviation from it (two passes: the
// one-pass formula cancels in float32), then normalise, scale, shift, activate.
// weights: for each vec4f of channels its scale, then its shift. Needs readGroup and writeGroup.

override lanes: u32;
// vec4f groups in one normalisation group.
override perGroup: u32;
override epsilon: f32;
override relu: u32;

@group(0) @binding(3) var<storage, read> weights: array<vec4<real>>;

var<workgroup> partial: array<f32, lanes>;

// Statistics and arithmetic are float32 whatever `real` is.
fn pixelAt(group: u32, pixel: u32) -> vec4f {
  return vec4f(readGroup(group, i32(pixel % view.width), i32(pixel / view.width)));
}

fn total(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var step = lanes / 2u; step > 0u; step /= 2u) {
    if (lane < step) { partial[lane] += partial[lane + step]; }
    workgroupBarrier();
  }
  let sum = partial[0];
  workgroupBarrier();
  return sum;
}

@compute @workgroup_size(lanes)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let pixels = view.width * view.height;
  let first = workgroup.x * perGroup;
  let count = f32(pixels * perGroup * 4u);

  var sum = 0.0;
  for (var group = first; group < first + perGroup; group++) {
    for (var pixel = lane; pixel < pixels; pixel += lanes) {
      sum += dot(pixelAt(group, pixel), vec4f(1.0));
    }
  }
  let mean = total(lane, sum) / count;

  var squares = 0.0;
  for (var group = first; group < first + perGroup; group++) {
    for (var pixel = lane; pixel < pixels; pixel += lanes) {
      let away = pixelAt(group, pixel) - mean;
      squares += dot(away, away);
    }
  }
  let gain = inverseSqrt(total(lane, squares) / count + epsilon);

  for (var group = first; group < first + perGroup; group++) {
    for (var pixel = lane; pixel < pixels; pixel += lanes) {
      let scale = vec4f(weights[2u * group]);
      var value = (pixelAt(group, pixel) - mean) * gain * scale + vec4f(weights[2u * group + 1u]);
      if (relu == 1u) { value = max(value, vec4f(0.0)); }
      writeGroup(group, pixel % view.width, pixel / view.width, value);
    }
  }
}
