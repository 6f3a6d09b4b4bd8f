// The inner loop of all three ways: 4 outputs × 8 columns of sums over the inputs. With their operands, that is what the
// 16 vector registers of x86-64 hold.

// Between planes of scratch memory: keeps equal places of them from falling into the same cache sets.
enum { skew = 16 };

static inline void clear(vec sums[4][2]) {
  UNROLL for (int o = 0; o < 4; o++) sums[o][0] = sums[o][1] = wasm_f32x4_const_splat(0);
}

// weights (inputs, 4), columns (inputs, 8) with the inputs `stride` apart.
static inline void accumulate(vec sums[4][2], int inputs, const float *weights, const float *columns, int stride) {
  // One input at a time: unrolled, V8 spills registers and halves the speed.
#pragma clang loop unroll(disable)
  for (int i = 0; i < inputs; i++, weights += 4, columns += stride) {
    vec left = load(columns), right = load(columns + 4);
    UNROLL for (int o = 0; o < 4; o++) {
      vec weight = wasm_v128_load32_splat(weights + o);
      sums[o][0] = plus(sums[o][0], wasm_f32x4_mul(weight, left));
      sums[o][1] = plus(sums[o][1], wasm_f32x4_mul(weight, right));
    }
  }
}

static inline void keep(vec sums[4][2], float *to, int stride) {
  UNROLL for (int o = 0; o < 4; o++) {
    wasm_v128_store(to + o * stride, sums[o][0]);
    wasm_v128_store(to + o * stride + 4, sums[o][1]);
  }
}
