// The first of three stages of a 3×3 convolution by Winograd's F(4×4, 3×3); conv2d-products.wgsl and winograd-pixels.wgsl
// follow. One invocation: the 36 numbers that stand for one 4×4 tile of four channels, from the 6×6 pixels around it.
// Output: number i of 36 of channel group g is plane i · inputChannelGroups + g, a vec4f per tile of the strip.
// Points 0, ±3/4, ±3/2 and infinity: a third of the rounding error of the usual 0, ±1, ±2, all factors exact in binary.

override inputChannelGroups: u32;
override groupWidth: u32;
override groupHeight: u32;

struct Six { a: vec4f, b: vec4f, c: vec4f, d: vec4f, e: vec4f, f: vec4f }

fn transform(d: Six) -> Six {
  let even1 = d.e - 2.25 * d.c;
  let odd1 = 0.75 * (d.d - 2.25 * d.b);
  let even2 = d.e - 0.5625 * d.c;
  let odd2 = 1.5 * (d.d - 0.5625 * d.b);
  return Six(
    d.e - 2.8125 * d.c + 1.265625 * d.a,
    even1 + odd1, even1 - odd1, even2 + odd2, even2 - odd2,
    d.f - 2.8125 * d.d + 1.265625 * d.b,
  );
}

fn readRow(group: u32, x: i32, y: i32) -> Six {
  let line = lineAt(group, y);
  return Six(
    readLine(line, x), readLine(line, x + 1), readLine(line, x + 2),
    readLine(line, x + 3), readLine(line, x + 4), readLine(line, x + 5),
  );
}

fn writeColumn(first: u32, stride: u32, column: Six) {
  outputGroups[first] = column.a;
  outputGroups[first + 6u * stride] = column.b;
  outputGroups[first + 12u * stride] = column.c;
  outputGroups[first + 18u * stride] = column.d;
  outputGroups[first + 24u * stride] = column.e;
  outputGroups[first + 30u * stride] = column.f;
}

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let group = id.y;
  if (id.x >= view.tileCount || group >= inputChannelGroups) { return; }
  let columns = (view.width + 3u) / 4u;
  let tile = view.firstTile + id.x;
  let x = i32(tile % columns) * 4 - 1;
  let y = i32(tile / columns) * 4 - 1;
  let r0 = transform(readRow(group, x, y));
  let r1 = transform(readRow(group, x, y + 1));
  let r2 = transform(readRow(group, x, y + 2));
  let r3 = transform(readRow(group, x, y + 3));
  let r4 = transform(readRow(group, x, y + 4));
  let r5 = transform(readRow(group, x, y + 5));
  let first = group * view.tilePlane + id.x;
  let stride = inputChannelGroups * view.tilePlane;
  writeColumn(first, stride, transform(Six(r0.a, r1.a, r2.a, r3.a, r4.a, r5.a)));
  writeColumn(first + stride, stride, transform(Six(r0.b, r1.b, r2.b, r3.b, r4.b, r5.b)));
  writeColumn(first + 2u * stride, stride, transform(Six(r0.c, r1.c, r2.c, r3.c, r4.c, r5.c)));
  writeColumn(first + 3u * stride, stride, transform(Six(r0.d, r1.d, r2.d, r3.d, r4.d, r5.d)));
  writeColumn(first + 4u * stride, stride, transform(Six(r0.e, r1.e, r2.e, r3.e, r4.e, r5.e)));
  writeColumn(first + 5u * stride, stride, transform(Six(r0.f, r1.f, r2.f, r3.f, r4.f, r5.f)));
}
