// conv2d.wgsl for a 3×3 kernel on a picture enlarged to twice its size by repeating pixels: nine products for 2×2 outputs
// instead of 36, exact but for rounding; nine-tiles.wgsl says how. One invocation: 4 × 2 pixels of four output channels,
// from 4 × 3 pixels of the small picture, without workgroup memory or barriers.
// weights: bias (outputChannelGroups vec4), then for each output group and input group nine 4×4 matrices, the kernel summed
// over (0), (0, 1, 2) and (2) of its rows, in each of its columns likewise: columns as in conv2d.wgsl.
// Needs lineAt, readLine and finish.

override inputChannelGroups: u32;
override groupWidth: u32;
override groupHeight: u32;

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x * 4u;
  let y = id.y * 2u + view.firstRow;
  let group = id.z;
  if (x >= view.width || y >= view.height) { return; }

  // The products' sums: number of the row and of the column; p for the left pixel of the small picture, q for the right.
  var p00 = vec4<real>(); var p01 = vec4<real>(); var p02 = vec4<real>();
  var p10 = vec4<real>(); var p11 = vec4<real>(); var p12 = vec4<real>();
  var p20 = vec4<real>(); var p21 = vec4<real>(); var p22 = vec4<real>();
  var q00 = vec4<real>(); var q01 = vec4<real>(); var q02 = vec4<real>();
  var q10 = vec4<real>(); var q11 = vec4<real>(); var q12 = vec4<real>();
  var q20 = vec4<real>(); var q21 = vec4<real>(); var q22 = vec4<real>();
  // Pixels, above and below, in float32, which long sums need: half floats go on in these after each input group.
  var a0 = vec4f(); var a1 = vec4f(); var a2 = vec4f(); var a3 = vec4f();
  var b0 = vec4f(); var b1 = vec4f(); var b2 = vec4f(); var b3 = vec4f();

  let left = i32(id.x * 2u) - 1;
  let row = i32(y / 2u);
  var k = outputChannelGroups + group * inputChannelGroups * 36u;
  for (var input = 0u; input < inputChannelGroups; input++) {
    let here = lineAt(input, row);
    let e0 = readLine(here, left);
    let e1 = readLine(here, left + 1);
    let e2 = readLine(here, left + 2);
    let e3 = readLine(here, left + 3);
    // What the rows above and below have more.
    let above = lineAt(input, row - 1);
    let u0 = readLine(above, left) - e0;
    let u1 = readLine(above, left + 1) - e1;
    let u2 = readLine(above, left + 2) - e2;
    let u3 = readLine(above, left + 3) - e3;
    let under = lineAt(input, row + 1);
    let v0 = readLine(under, left) - e0;
    let v1 = readLine(under, left + 1) - e1;
    let v2 = readLine(under, left + 2) - e2;
    let v3 = readLine(under, left + 3) - e3;
    let w00 = matrixAt(k);
    p00 += w00 * (u0 - u1); q00 += w00 * (u1 - u2);
    let w01 = matrixAt(k + 4u);
    p01 += w01 * u1; q01 += w01 * u2;
    let w02 = matrixAt(k + 8u);
    p02 += w02 * (u2 - u1); q02 += w02 * (u3 - u2);
    let w10 = matrixAt(k + 12u);
    p10 += w10 * (e0 - e1); q10 += w10 * (e1 - e2);
    let w11 = matrixAt(k + 16u);
    p11 += w11 * e1; q11 += w11 * e2;
    let w12 = matrixAt(k + 20u);
    p12 += w12 * (e2 - e1); q12 += w12 * (e3 - e2);
    let w20 = matrixAt(k + 24u);
    p20 += w20 * (v0 - v1); q20 += w20 * (v1 - v2);
    let w21 = matrixAt(k + 28u);
    p21 += w21 * v1; q21 += w21 * v2;
    let w22 = matrixAt(k + 32u);
    p22 += w22 * (v2 - v1); q22 += w22 * (v3 - v2);
    k += 36u;
    if (realIsHalf || input + 1u == inputChannelGroups) {
      a0 += vec4f(p00) + vec4f(p01) + vec4f(p10) + vec4f(p11);
      a1 += vec4f(p01) + vec4f(p02) + vec4f(p11) + vec4f(p12);
      a2 += vec4f(q00) + vec4f(q01) + vec4f(q10) + vec4f(q11);
      a3 += vec4f(q01) + vec4f(q02) + vec4f(q11) + vec4f(q12);
      b0 += vec4f(p10) + vec4f(p11) + vec4f(p20) + vec4f(p21);
      b1 += vec4f(p11) + vec4f(p12) + vec4f(p21) + vec4f(p22);
      b2 += vec4f(q10) + vec4f(q11) + vec4f(q20) + vec4f(q21);
      b3 += vec4f(q11) + vec4f(q12) + vec4f(q21) + vec4f(q22);
      p00 = vec4<real>(); p01 = vec4<real>(); p02 = vec4<real>();
      p10 = vec4<real>(); p11 = vec4<real>(); p12 = vec4<real>();
      p20 = vec4<real>(); p21 = vec4<real>(); p22 = vec4<real>();
      q00 = vec4<real>(); q01 = vec4<real>(); q02 = vec4<real>();
      q10 = vec4<real>(); q11 = vec4<real>(); q12 = vec4<real>();
      q20 = vec4<real>(); q21 = vec4<real>(); q22 = vec4<real>();
    }
  }
  finish(group, x, y, a0); finish(group, x + 1u, y, a1); finish(group, x + 2u, y, a2); finish(group, x + 3u, y, a3);
  let below = y + 1u;
  finish(group, x, below, b0); finish(group, x + 1u, below, b1);
  finish(group, x + 2u, below, b2); finish(group, x + 3u, below, b3);
}
