// 3×3 on the picture as it is, by Winograd's F(4×4, 3×3): 36 products for 16 outputs instead of 144. A cell is four 4×4
// tiles side by side, one to each lane of a vector.

// F(4, 3) at the points 0, ±3/4, ±3/2 and infinity: about a third of the rounding error of the usual 0, ±1, ±2, and the
// factors of both transforms are exact in binary.
#define A1 0.75f
#define B1 1.5f
#define A2 (A1 * A1)
#define B2 (B1 * B1)

#define POINT(p, other) {1 / (2.0 * p * p * (p * p - other)), 1 / (2.0 * p * (p * p - other)), 1 / (2.0 * (p * p - other))}
static const double winogradKernel[6][3] = {
    {1 / (A2 * B2), 0, 0}, POINT(A1, B2), POINT(-A1, B2), POINT(B1, A2), POINT(-B1, A2), {0, 0, 1},
};

static inline void winogradInput(const vec d[6], vec out[6]) {
  vec even1 = minus(d[4], times(B2, d[2])), odd1 = times(A1, minus(d[3], times(B2, d[1])));
  vec even2 = minus(d[4], times(A2, d[2])), odd2 = times(B1, minus(d[3], times(A2, d[1])));
  out[0] = plus(minus(d[4], times(A2 + B2, d[2])), times(A2 * B2, d[0]));
  out[1] = plus(even1, odd1);
  out[2] = minus(even1, odd1);
  out[3] = plus(even2, odd2);
  out[4] = minus(even2, odd2);
  out[5] = plus(minus(d[5], times(A2 + B2, d[3])), times(A2 * B2, d[1]));
}

static inline void winogradOutput(const vec m[6], vec out[4]) {
  vec even1 = plus(m[1], m[2]), odd1 = minus(m[1], m[2]);
  vec even2 = plus(m[3], m[4]), odd2 = minus(m[3], m[4]);
  out[0] = plus(m[0], plus(even1, even2));
  out[1] = plus(times(A1, odd1), times(B1, odd2));
  out[2] = plus(times(A2, even1), times(B2, even2));
  out[3] = plus(plus(times(A1 * A2, odd1), times(B1 * B2, odd2)), m[5]);
}

static inline void transpose(vec *a, vec *b, vec *c, vec *d) {
  vec ab0 = wasm_i32x4_shuffle(*a, *b, 0, 4, 1, 5), ab1 = wasm_i32x4_shuffle(*a, *b, 2, 6, 3, 7);
  vec cd0 = wasm_i32x4_shuffle(*c, *d, 0, 4, 1, 5), cd1 = wasm_i32x4_shuffle(*c, *d, 2, 6, 3, 7);
  *a = wasm_i64x2_shuffle(ab0, cd0, 0, 2);
  *b = wasm_i64x2_shuffle(ab0, cd0, 1, 3);
  *c = wasm_i64x2_shuffle(ab1, cd1, 0, 2);
  *d = wasm_i64x2_shuffle(ab1, cd1, 1, 3);
}

// One channel of the cell at (y, x): an 18×6 window becomes 36 vectors, `stride` apart.
static void winogradRead(const struct conv *c, int channel, int y, int x, float *to, int stride) {
  float window[6 * 20];
  const float *from = window;
  int pitch = 20;
  y -= c->padding;
  x -= c->padding;
  if (y >= 0 && x >= 0 && y + 6 <= c->height && x + 18 <= c->width) {
    from = inputRow(c, channel, y) + x;
    pitch = c->width;
  } else {
    copyWindow(c, 1, channel, y, x, 6, 18, window, pitch);
  }
  // Down the columns first: four and a half vectors of columns are fewer than six of tiles.
  vec rows[6][5];
  for (int k = 0; k < 5; k++) {
    vec d[6], out[6];
    UNROLL for (int r = 0; r < 6; r++) {
      const float *place = from + r * pitch + k * 4;
      d[r] = k < 4 ? load(place) : wasm_v128_load64_zero(place);
    }
    winogradInput(d, out);
    UNROLL for (int r = 0; r < 6; r++) rows[r][k] = out[r];
  }
  for (int r = 0; r < 6; r++) {
    vec d[6] = {rows[r][0], rows[r][1], rows[r][2], rows[r][3]}, out[6];
    transpose(&d[0], &d[1], &d[2], &d[3]);
    d[4] = wasm_i32x4_shuffle(d[0], rows[r][4], 1, 2, 3, 4);
    d[5] = wasm_i32x4_shuffle(d[1], rows[r][4], 1, 2, 3, 5);
    winogradInput(d, out);
    UNROLL for (int k = 0; k < 6; k++, to += stride) wasm_v128_store(to, out[k]);
  }
}

// `from` holds the 36 vectors of products, 8 floats apart.
static void winogradWrite(const struct conv *c, int channel, int y, int x, const float *from) {
  vec columns[6][4];
  for (int k = 0; k < 6; k++) {
    vec m[6];
    UNROLL for (int r = 0; r < 6; r++) m[r] = load(from + (r * 6 + k) * 8);
    winogradOutput(m, columns[k]);
  }
  float cell[4 * 16];
  for (int r = 0; r < 4; r++) {
    vec m[6], out[4];
    UNROLL for (int k = 0; k < 6; k++) m[k] = columns[k][r];
    winogradOutput(m, out);
    transpose(&out[0], &out[1], &out[2], &out[3]);
    UNROLL for (int t = 0; t < 4; t++) wasm_v128_store(cell + r * 16 + t * 4, out[t]);
  }
  put(c, channel, y, x, cell, 4, 16);
}
