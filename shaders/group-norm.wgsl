// One workgroup: one group of channels over the whole picture. Mean first, then the deviation from it (two passes: the
// one-pass formula cancels in float32), then normalise, scale, shift, activate.
// weights: for each vec4f of channels its scale, then its shift. Needs readGroup and writeGroup.

override lanes: u32;
// vec4f groups in one normalisation group.
override perGroup: u32;
override epsilon: f32;
override relu: u32;

@group(0) @binding(3) var<storage, read> weights: array<vec4f>;

var<workgroup> partial: array<f32, lanes>;

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
      sum += dot(readGroup(group, i32(pixel % view.width), i32(pixel / view.width)), vec4f(1.0));
    }
  }
  let mean = total(lane, sum) / count;

  var squares = 0.0;
  for (var group = first; group < first + perGroup; group++) {
    for (var pixel = lane; pixel < pixels; pixel += lanes) {
      let away = readGroup(group, i32(pixel % view.width), i32(pixel / view.width)) - mean;
      squares += dot(away, away);
    }
  }
  let gain = inverseSqrt(total(lane, squares) / count + epsilon);

  for (var group = first; group < first + perGroup; group++) {
    for (var pixel = lane; pixel < pixels; pixel += lanes) {
      let x = pixel % view.width;
      let y = pixel / view.width;
      var value = (readGroup(group, i32(x), i32(y)) - mean) * gain * weights[2u * group] + weights[2u * group + 1u];
      if (relu == 1u) { value = max(value, vec4f(0.0)); }
      writeGroup(group, x, y, value);
    }
  }
}
