// One invocation: all channels of one pixel, as lib/unpacked.wgsl brings them. Needs its readGroup, and writeGroup.

override groupWidth: u32;
override groupHeight: u32;

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= view.width || id.y >= view.height) { return; }
  for (var group = 0u; group * 4u < latentChannels; group++) {
    writeGroup(group, id.x, id.y, vec4f(readGroup(group, i32(id.x), i32(id.y))));
  }
}
