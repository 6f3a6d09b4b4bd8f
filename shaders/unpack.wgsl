// One invocation: all channels of one pixel, widened, in the decoder's domain, softly clamped to ±3 where asked.
// Channels beyond the last are 0. Needs readLatent and writeGroup.

override channels: u32;
// 1: 3·tanh(x / 3)
override softClamp: u32;
override groupWidth: u32;
override groupHeight: u32;

fn unpacked(channel: u32, x: u32, y: u32) -> f32 {
  if (channel >= channels) { return 0.0; }
  let value = readLatent(channel, x, y);
  // tanh is 1 to float32 beyond 10, where implementations may overflow.
  if (softClamp == 1u) { return 3.0 * tanh(clamp(value / 3.0, -10.0, 10.0)); }
  return value;
}

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= view.width || id.y >= view.height) { return; }
  for (var group = 0u; group * 4u < channels; group++) {
    let c = group * 4u;
    let value = vec4f(
      unpacked(c, id.x, id.y), unpacked(c + 1u, id.x, id.y),
      unpacked(c + 2u, id.x, id.y), unpacked(c + 3u, id.x, id.y),
    );
    writeGroup(group, id.x, id.y, value);
  }
}
