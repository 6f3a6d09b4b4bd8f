// One invocation: one pixel, rgb = Σᵢ zᵢ(wᵢ + Σⱼ zⱼ(wᵢⱼ + Σₗ zₗ wᵢⱼₗ)) + w₀ with i ≤ j ≤ l, the degree-3 sum only for degree 3.
// weights: (monomials, 3) in the order the loops meet them (src/ops/polynomial.ts). Needs readLatent and writeGroup.
// Workgroup memory holds each invocation's own channels (an override cannot size a private array): no barriers.

override channels: u32;
override degree: u32;
override groupWidth: u32;
override groupHeight: u32;
// channels × groupWidth
override scratchSize: u32;

@group(0) @binding(3) var<storage, read> weights: array<f32>;

var<workgroup> scratch: array<f32, scratchSize>;

fn weightsAt(monomial: u32) -> vec3f {
  let k = 3u * monomial;
  return vec3f(weights[k], weights[k + 1u], weights[k + 2u]);
}

@compute @workgroup_size(groupWidth, groupHeight)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
  if (id.x >= view.width || id.y >= view.height) { return; }
  for (var c = 0u; c < channels; c++) {
    scratch[c * groupWidth + lane] = readLatent(c, id.x, id.y);
  }
  var k = 0u;
  var rgb = weightsAt(0u);
  for (var i = 0u; i < channels; i++) {
    k++;
    var ofI = weightsAt(k);
    for (var j = i; j < channels; j++) {
      k++;
      var ofJ = weightsAt(k);
      if (degree == 3u) {
        for (var l = j; l < channels; l++) {
          k++;
          ofJ += scratch[l * groupWidth + lane] * weightsAt(k);
        }
      }
      ofI += scratch[j * groupWidth + lane] * ofJ;
    }
    rgb += scratch[i * groupWidth + lane] * ofI;
  }
  writeGroup(0u, id.x, id.y, vec4f(rgb, 0.0));
}
