// One invocation: 4 × 2 pixels of 8 output channels of a k×k convolution over the input, enlarged by repeating pixels
// where `upscale` is 2, plus bias, plus what `added` holds, activated. Direct, without workgroup memory or barriers.
// weights: bias (outputGroups vec4), then for each output group, input group, row and column of the kernel four vec4:
// column j holds the weights of input channel 4·group + j for the four output channels.
// Needs readGroup, choose and finish. Channels beyond the last have weights 0.

override size: u32;
override padding: u32;
// The input's pixel is the enlarged pixel >> enlarge.
override enlarge: u32;
override inputChannelGroups: u32;
override groupWidth: u32;
override groupHeight: u32;

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x * 4u;
  let y = id.y * 2u + view.firstRow;
  if (x >= view.width || y >= view.height) { return; }
  let group = id.z * 2u;
  let second = min(group + 1u, outputChannelGroups - 1u);

  // a: the first output group, b: the second; then row and column of the 2 × 4 pixels.
  var a00 = vec4<real>(); var a01 = vec4<real>(); var a02 = vec4<real>(); var a03 = vec4<real>();
  var a10 = vec4<real>(); var a11 = vec4<real>(); var a12 = vec4<real>(); var a13 = vec4<real>();
  var b00 = vec4<real>(); var b01 = vec4<real>(); var b02 = vec4<real>(); var b03 = vec4<real>();
  var b10 = vec4<real>(); var b11 = vec4<real>(); var b12 = vec4<real>(); var b13 = vec4<real>();
  // The same in float32, which long sums need: half floats go on in these after each input group.
  var ta00 = vec4f(); var ta01 = vec4f(); var ta02 = vec4f(); var ta03 = vec4f();
  var ta10 = vec4f(); var ta11 = vec4f(); var ta12 = vec4f(); var ta13 = vec4f();
  var tb00 = vec4f(); var tb01 = vec4f(); var tb02 = vec4f(); var tb03 = vec4f();
  var tb10 = vec4f(); var tb11 = vec4f(); var tb12 = vec4f(); var tb13 = vec4f();

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
      var p0 = vec4<real>(); var p1 = vec4<real>(); var p2 = vec4<real>(); var p3 = vec4<real>();
      var q0 = vec4<real>(); var q1 = vec4<real>(); var q2 = vec4<real>(); var q3 = vec4<real>();
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
    if (realIsHalf) {
      ta00 += vec4f(a00); ta01 += vec4f(a01); ta02 += vec4f(a02); ta03 += vec4f(a03);
      ta10 += vec4f(a10); ta11 += vec4f(a11); ta12 += vec4f(a12); ta13 += vec4f(a13);
      tb00 += vec4f(b00); tb01 += vec4f(b01); tb02 += vec4f(b02); tb03 += vec4f(b03);
      tb10 += vec4f(b10); tb11 += vec4f(b11); tb12 += vec4f(b12); tb13 += vec4f(b13);
      a00 = vec4<real>(); a01 = vec4<real>(); a02 = vec4<real>(); a03 = vec4<real>();
      a10 = vec4<real>(); a11 = vec4<real>(); a12 = vec4<real>(); a13 = vec4<real>();
      b00 = vec4<real>(); b01 = vec4<real>(); b02 = vec4<real>(); b03 = vec4<real>();
      b10 = vec4<real>(); b11 = vec4<real>(); b12 = vec4<real>(); b13 = vec4<real>();
    }
  }
  ta00 += vec4f(a00); ta01 += vec4f(a01); ta02 += vec4f(a02); ta03 += vec4f(a03);
  ta10 += vec4f(a10); ta11 += vec4f(a11); ta12 += vec4f(a12); ta13 += vec4f(a13);
  tb00 += vec4f(b00); tb01 += vec4f(b01); tb02 += vec4f(b02); tb03 += vec4f(b03);
  tb10 += vec4f(b10); tb11 += vec4f(b11); tb12 += vec4f(b12); tb13 += vec4f(b13);
  // A loop where four copies would do: it compiles a quarter of finish's loads and stores.
  let parts = select(2u, 4u, second > group);
  for (var part = 0u; part < parts; part++) {
    let to = select(group, second, part >= 2u);
    let row = y + part % 2u;
    finish(to, x, row, choose(ta00, ta10, tb00, tb10, part));
    finish(to, x + 1u, row, choose(ta01, ta11, tb01, tb11, part));
    finish(to, x + 2u, row, choose(ta02, ta12, tb02, tb12, part));
    finish(to, x + 3u, row, choose(ta03, ta13, tb03, tb13, part));
  }
}
