// conv2d.wgsl for at most four output channels, as the last layer of a decoder has: there half or more of what it
// computes would be nobody's. One invocation: 4 × 4 pixels of four output channels; all else is as it is there.
// The same weights, with one output group; sums are float32 whatever `real` is. Needs readGroup and finish.

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
  let y = id.y * 4u + view.firstRow;
  if (x >= view.width || y >= view.height) { return; }

  // a to d: rows of four pixels.
  var a0 = vec4f(0.0); var a1 = vec4f(0.0); var a2 = vec4f(0.0); var a3 = vec4f(0.0);
  var b0 = vec4f(0.0); var b1 = vec4f(0.0); var b2 = vec4f(0.0); var b3 = vec4f(0.0);
  var c0 = vec4f(0.0); var c1 = vec4f(0.0); var c2 = vec4f(0.0); var c3 = vec4f(0.0);
  var d0 = vec4f(0.0); var d1 = vec4f(0.0); var d2 = vec4f(0.0); var d3 = vec4f(0.0);

  let left = i32(x) - i32(padding);
  let top = i32(y) - i32(padding);
  // The bias comes first.
  var k = 1u;
  for (var input = 0u; input < inputChannelGroups; input++) {
    for (var ky = 0; ky < i32(size); ky++) {
      let row = top + ky;
      // Four neighbours of each row slide along: the first three turns only fill them.
      var p0 = vec4<real>(); var p1 = vec4<real>(); var p2 = vec4<real>(); var p3 = vec4<real>();
      var q0 = vec4<real>(); var q1 = vec4<real>(); var q2 = vec4<real>(); var q3 = vec4<real>();
      var r0 = vec4<real>(); var r1 = vec4<real>(); var r2 = vec4<real>(); var r3 = vec4<real>();
      var s0 = vec4<real>(); var s1 = vec4<real>(); var s2 = vec4<real>(); var s3 = vec4<real>();
      for (var kx = -3; kx < i32(size); kx++) {
        let column = (left + kx + 3) >> enlarge;
        p0 = p1; p1 = p2; p2 = p3;
        p3 = readGroup(input, column, row >> enlarge);
        q0 = q1; q1 = q2; q2 = q3;
        q3 = readGroup(input, column, (row + 1) >> enlarge);
        r0 = r1; r1 = r2; r2 = r3;
        r3 = readGroup(input, column, (row + 2) >> enlarge);
        s0 = s1; s1 = s2; s2 = s3;
        s3 = readGroup(input, column, (row + 3) >> enlarge);
        if (kx < 0) { continue; }
        let w = mat4x4<real>(weights[k], weights[k + 1u], weights[k + 2u], weights[k + 3u]);
        a0 += vec4f(w * p0); a1 += vec4f(w * p1); a2 += vec4f(w * p2); a3 += vec4f(w * p3);
        b0 += vec4f(w * q0); b1 += vec4f(w * q1); b2 += vec4f(w * q2); b3 += vec4f(w * q3);
        c0 += vec4f(w * r0); c1 += vec4f(w * r1); c2 += vec4f(w * r2); c3 += vec4f(w * r3);
        d0 += vec4f(w * s0); d1 += vec4f(w * s1); d2 += vec4f(w * s2); d3 += vec4f(w * s3);
        k += 4u;
      }
    }
  }
  finish(0u, x, y, a0); finish(0u, x + 1u, y, a1); finish(0u, x + 2u, y, a2); finish(0u, x + 3u, y, a3);
  finish(0u, x, y + 1u, b0); finish(0u, x + 1u, y + 1u, b1); finish(0u, x + 2u, y + 1u, b2); finish(0u, x + 3u, y + 1u, b3);
  finish(0u, x, y + 2u, c0); finish(0u, x + 1u, y + 2u, c1); finish(0u, x + 2u, y + 2u, c2); finish(0u, x + 3u, y + 2u, c3);
  finish(0u, x, y + 3u, d0); finish(0u, x + 1u, y + 3u, d1); finish(0u, x + 2u, y + 3u, d2); finish(0u, x + 3u, y + 3u, d3);
}
