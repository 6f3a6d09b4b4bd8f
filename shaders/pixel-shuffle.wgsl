// One invocation: four channels of one output pixel, each a channel of its own of the input's pixel, for channel
// (c·f + dy)·f + dx becomes pixel (dx, dy) of channel c. Needs readGroup and writeGroup.

// f: output pixels per input pixel and side.
override factor: u32;
override outputChannels: u32;
override groupWidth: u32;
override groupHeight: u32;

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x;
  let y = id.y + view.firstRow;
  let group = id.z;
  if (x >= view.width || y >= view.height) { return; }
  let place = vec2i(vec2u(x, y) / factor);
  let inner = (y % factor) * factor + x % factor;
  // Channels beyond the last are 0, for what is read in fours and multiplied by weights of 0.
  var four = vec4f(0.0);
  let count = min(4u, outputChannels - 4u * group);
  for (var c = 0u; c < count; c++) {
    let channel = (4u * group + c) * factor * factor + inner;
    four[c] = f32(readGroup(channel >> 2u, place.x, place.y)[channel & 3u]);
  }
  writeGroup(group, x, y, four);
}
