// 3×3 after enlarging by 2: nine products for 4 outputs instead of 36, exact but for rounding. A cell is four input
// pixels side by side, one to each lane of a vector.
//
// Along a row, with w the kernel and x the input: out[2i] = w0·(x[i−1] − x[i]) + (w0 + w1 + w2)·x[i] and
// out[2i+1] = (w0 + w1 + w2)·x[i] + w2·(x[i+1] − x[i]): three products for two outputs, nine for four in the plane.

static const double nineKernel[3][3] = {{1, 0, 0}, {1, 1, 1}, {0, 0, 1}};

// One channel of the cell whose outputs begin at (y, x): a 6×3 window becomes 9 vectors, `stride` apart.
static void nineRead(const struct conv *c, int channel, int y, int x, float *to, int stride) {
  float window[3 * 8];
  const float *from = window;
  int pitch = 8;
  y = y / 2 - 1;
  x = x / 2 - 1;
  if (y >= 0 && x >= 0 && y + 3 <= c->height && x + 6 <= c->width) {
    from = inputRow(c, channel, y) + x;
    pitch = c->width;
  } else {
    copyWindow(c, 1, channel, y, x, 3, 6, window, pitch);
  }
  vec rows[3][3];
  UNROLL for (int k = 0; k < 3; k++) {
    vec middle = load(from + pitch + k);
    rows[0][k] = minus(load(from + k), middle);
    rows[1][k] = middle;
    rows[2][k] = minus(load(from + 2 * pitch + k), middle);
  }
  UNROLL for (int r = 0; r < 3; r++, to += 3 * stride) {
    wasm_v128_store(to, minus(rows[r][0], rows[r][1]));
    wasm_v128_store(to + stride, rows[r][1]);
    wasm_v128_store(to + 2 * stride, minus(rows[r][2], rows[r][1]));
  }
}

// `from` holds the 9 vectors of products, 8 floats apart.
static void nineWrite(const struct conv *c, int channel, int y, int x, const float *from) {
  vec rows[2][3];
  UNROLL for (int k = 0; k < 3; k++) {
    vec middle = load(from + (3 + k) * 8);
    rows[0][k] = plus(load(from + k * 8), middle);
    rows[1][k] = plus(middle, load(from + (6 + k) * 8));
  }
  float cell[2 * 8];
  UNROLL for (int r = 0; r < 2; r++) {
    vec even = plus(rows[r][0], rows[r][1]), odd = plus(rows[r][1], rows[r][2]);
    wasm_v128_store(cell + r * 8, wasm_i32x4_shuffle(even, odd, 0, 4, 1, 5));
    wasm_v128_store(cell + r * 8 + 4, wasm_i32x4_shuffle(even, odd, 2, 6, 3, 7));
  }
  put(c, channel, y, x, cell, 2, 8);
}
