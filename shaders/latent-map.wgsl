// One invocation: one picture pixel; a latent pixel has upscale × upscale of them. rgb = Σ weight · feature over 1, the
// channels in the window around the latent pixel, and the products zᵢzⱼ and zᵢzⱼzₗ of its own, each i ≤ j ≤ l.
// weights: (features, upscale, upscale, 3). Needs readLatent and writeGroup. A workgroup reads its tile of latent pixels
// and their neighbours once; beyond an edge of the picture lies the nearest pixel inside.

override channels: u32;
// Latent pixels to each side of a pixel's own.
override reach: u32;
override upscale: u32;
override degree: u32;
// Latent pixels of a workgroup; groupWidth and groupHeight are its picture pixels.
override tileWidth: u32;
override tileHeight: u32;
override groupWidth: u32;
override groupHeight: u32;
// channels × (tileWidth + 2·reach) × (tileHeight + 2·reach)
override scratchSize: u32;

@group(0) @binding(3) var<storage, read> weights: array<f32>;

var<workgroup> scratch: array<f32, scratchSize>;

fn weightsAt(k: u32) -> vec3f {
  return vec3f(weights[k], weights[k + 1u], weights[k + 2u]);
}

@compute @workgroup_size(groupWidth, groupHeight)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) tile: vec3u,
) {
  let rowLength = tileWidth + 2u * reach;
  let planeSize = rowLength * (tileHeight + 2u * reach);
  let first = vec2i(tile.xy * vec2u(tileWidth, tileHeight)) - i32(reach);
  let origin = vec2i(view.inputColumn, view.inputRow);
  let last = vec2i(i32(view.inputWidth), i32(view.inputHeight)) - 1;
  for (var k = lane; k < scratchSize; k += groupWidth * groupHeight) {
    let inner = k % planeSize;
    let place = first + origin + vec2i(vec2u(inner % rowLength, inner / rowLength));
    let inside = vec2u(clamp(place, vec2i(0), last) - origin);
    scratch[k] = readLatent(k / planeSize, inside.x, inside.y);
  }
  workgroupBarrier();
  if (id.x >= view.width || id.y >= view.height) { return; }

  let step = 3u * upscale * upscale;
  let corner = (local.y / upscale) * rowLength + local.x / upscale;
  var k = 3u * ((id.y % upscale) * upscale + id.x % upscale);
  var rgb = weightsAt(k);
  for (var c = 0u; c < channels; c++) {
    for (var row = 0u; row <= 2u * reach; row++) {
      for (var column = 0u; column <= 2u * reach; column++) {
        k += step;
        rgb += scratch[c * planeSize + row * rowLength + corner + column] * weightsAt(k);
      }
    }
  }
  let centre = corner + reach * rowLength + reach;
  for (var power = 2u; power <= degree; power++) {
    for (var i = 0u; i < channels; i++) {
      for (var j = i; j < channels; j++) {
        let product = scratch[i * planeSize + centre] * scratch[j * planeSize + centre];
        if (power == 2u) {
          k += step;
          rgb += product * weightsAt(k);
          continue;
        }
        for (var l = j; l < channels; l++) {
          k += step;
          rgb += product * scratch[l * planeSize + centre] * weightsAt(k);
        }
      }
    }
  }
  writeGroup(0u, id.x, id.y, vec4f(rgb, 0.0));
}
