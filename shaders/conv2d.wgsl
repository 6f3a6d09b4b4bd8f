// One invocation: 4 × 2 pixels of 8 output channels of a k×k convolution over the input, enlarged by repeating pixels
// where `upscale` is 2, plus bias, plus what `added` holds, activated. Direct, without workgroup memory or barriers.
// weights: bias (outputGroups vec4f), then for each output group, input group, row and column of the kernel four vec4f:
// column j holds the weights of input channel 4·group + j for the four output channels.
// Needs readGroup and writeGroup. Channels beyond the last have weights 0.

override size: u32;
override padding: u32;
// The input's pixel is the enlarged pixel >> enlarge.
override enlarge: u32;
override inputChannelGroups: u32;
override outputChannelGroups: u32;
// 0 none, 1 ReLU, 2 leaky ReLU 0.1
override activation2d: u32;
override adds: u32;
override groupWidth: u32;
override groupHeight: u32;

@group(0) @binding(3) var<storage, read> weights: array<vec4f>;
@group(0) @binding(5) var<storage, read> added: array<vec4f>;

fn matrixAt(k: u32) -> mat4x4f {
  return mat4x4f(weights[k], weights[k + 1u], weights[k + 2u], weights[k + 3u]);
}

fn finish(group: u32, x: u32, y: u32, sum: vec4f) {
  if (x >= view.width || y >= view.height || group >= outputChannelGroups) { return; }
  var value = sum + weights[group];
  if (adds == 1u) { value += added[addedIndex(group, x, y)]; }
  if (activation2d == 1u) { value = max(value, vec4f(0.0)); }
  if (activation2d == 2u) { value = max(value, 0.1 * value); }
  writeGroup(group, x, y, value);
}

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x * 4u;
  let y = id.y * 2u;
  if (x >= view.width || y >= view.height) { return; }
  let group = id.z * 2u;
  let second = min(group + 1u, outputChannelGroups - 1u);

  // a: the first output group, b: the second; then row and column of the 2 × 4 pixels.
  var a00 = vec4f(0.0); var a01 = vec4f(0.0); var a02 = vec4f(0.0); var a03 = vec4f(0.0);
  var a10 = vec4f(0.0); var a11 = vec4f(0.0); var a12 = vec4f(0.0); var a13 = vec4f(0.0);
  var b00 = vec4f(0.0); var b01 = vec4f(0.0); var b02 = vec4f(0.0); var b03 = vec4f(0.0);
  var b10 = vec4f(0.0); var b11 = vec4f(0.0); var b12 = vec4f(0.0); var b13 = vec4f(0.0);

  let left = i32(x) - i32(padding);
  let top = i32(y) - i32(padding);
  let taps = size * size;
  for (var input = 0u; input < inputChannelGroups; input++) {
    var ka = outputChannelGroups + (group * inputChannelGroups + input) * taps * 4u;
    var kb = outputChannelGroups + (second * inputChannelGroups + input) * taps * 4u;
    for (var ky = 0; ky < i32(size); ky++) {
      let row0 = (top + ky) >> enlarge;
      let row1 = (top + ky + 1) >> enlarge;
      // Four neighbours of each row slide along: the first three turns only fill them.
      var p0 = vec4f(0.0); var p1 = vec4f(0.0); var p2 = vec4f(0.0); var p3 = vec4f(0.0);
      var q0 = vec4f(0.0); var q1 = vec4f(0.0); var q2 = vec4f(0.0); var q3 = vec4f(0.0);
      for (var kx = -3; kx < i32(size); kx++) {
        p0 = p1; p1 = p2; p2 = p3;
        p3 = readGroup(input, (left + kx + 3) >> enlarge, row0);
        q0 = q1; q1 = q2; q2 = q3;
        q3 = readGroup(input, (left + kx + 3) >> enlarge, row1);
        if (kx < 0) { continue; }
        let wa = matrixAt(ka);
        a00 += wa * p0; a01 += wa * p1; a02 += wa * p2; a03 += wa * p3;
        a10 += wa * q0; a11 += wa * q1; a12 += wa * q2; a13 += wa * q3;
        let wb = matrixAt(kb);
        b00 += wb * p0; b01 += wb * p1; b02 += wb * p2; b03 += wb * p3;
        b10 += wb * q0; b11 += wb * q1; b12 += wb * q2; b13 += wb * q3;
        ka += 4u;
        kb += 4u;
      }
    }
  }
  finish(group, x, y, a00); finish(group, x + 1u, y, a01); finish(group, x + 2u, y, a02); finish(group, x + 3u, y, a03);
  let below = y + 1u;
  finish(group, x, below, a10); finish(group, x + 1u, below, a11);
  finish(group, x + 2u, below, a12); finish(group, x + 3u, below, a13);
  if (group + 1u >= outputChannelGroups) { return; }
  finish(second, x, y, b00); finish(second, x + 1u, y, b01); finish(second, x + 2u, y, b02); finish(second, x + 3u, y, b03);
  finish(second, x, below, b10); finish(second, x + 1u, below, b11);
  finish(second, x + 2u, below, b12); finish(second, x + 3u, below, b13);
}
