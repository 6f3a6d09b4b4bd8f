// Where a layer that is not the last leaves its results: float32, four channels to a vec4f.
// The other writeGroup is in picture-output.wgsl; one of the two is joined in front of every kernel.

@group(0) @binding(4) var<storage, read_write> outputGroups: array<vec4f>;

fn writeGroup(group: u32, x: u32, y: u32, value: vec4f) {
  outputGroups[(group * view.height + y) * view.width + x] = value;
}
