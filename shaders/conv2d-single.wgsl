// conv2d.wgsl with one pixel of four output channels to an invocation: a tenth of the code to compile. For the layer that
// reads the latents on software adapters, where compiling the larger form takes longer than what it saves.
// The same weights. Needs readGroup and finish.

override size: u32;
override padding: u32;
// The input's pixel is the enlarged pixel >> enlarge.
override enlarge: u32;
override inputChannelGroups: u32;
override groupWidth: u32;
override groupHeight: u32;

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x;
  let y = id.y + view.firstRow;
  let group = id.z;
  let left = i32(x) - i32(padding);
  let top = i32(y) - i32(padding);
  var sum = vec4f();
  var k = outputChannelGroups + group * inputChannelGroups * size * size * 4u;
  for (var input = 0u; input < inputChannelGroups; input++) {
    for (var ky = 0; ky < i32(size); ky++) {
      for (var kx = 0; kx < i32(size); kx++) {
        sum += vec4f(matrixAt(k) * readGroup(input, (left + kx) >> enlarge, (top + ky) >> enlarge));
        k += 4u;
      }
    }
  }
  finish(group, x, y, sum);
}
