// One layer as its caller describes it, vectors of four floats, and reading and writing the layer's pictures.

#include <stddef.h>
#include <wasm_simd128.h>

// The caller writes it, field by field (module.ts has the same order). Every field has 4 bytes.
struct conv {
  const float *weight;  // (outputs, inputs, size, size), read by pack()
  const float *bias;    // (outputs), or 0; read by pack()
  float *packed;        // packedFloats() long, written by pack()
  float *scratch;       // scratchFloats() long
  int inputs, outputs, size, padding, upscale;
  float slope;          // of the activation below 0: 1 none, 0 ReLU
  int width, height;    // of the whole input picture
  int outputWidth;
  int first, end;       // rows of the output to be computed; first is a multiple of 4
  // Planes in memory have room for so many rows of their picture, the first of which is …First.
  const float *input;
  int inputFirst, inputRows;
  float *output;
  int outputFirst, outputRows;
  const float *added;   // or 0
  int addedFirst, addedRows;
};

typedef v128_t vec;

static inline vec load(const float *from) { return wasm_v128_load(from); }
static inline vec plus(vec a, vec b) { return wasm_f32x4_add(a, b); }
static inline vec minus(vec a, vec b) { return wasm_f32x4_sub(a, b); }
static inline vec times(float factor, vec a) { return wasm_f32x4_mul(wasm_f32x4_splat(factor), a); }

// Arrays of vectors live in registers only where every index is a constant.
#define UNROLL _Pragma("clang loop unroll(full)")

static int ceilDivide(int a, int b) { return (a + b - 1) / b; }
// Weights and outputs go in blocks of four.
static int blocksOf(const struct conv *c) { return ceilDivide(c->outputs, 4); }

static const float *inputRow(const struct conv *c, int channel, int y) {
  return c->input + (size_t)(channel * c->inputRows + y - c->inputFirst) * c->width;
}

// Copies a window of the input, enlarged by `upscale`, with zeros around it: for cells that touch the picture's edge.
__attribute__((noinline)) static void copyWindow(const struct conv *c, int upscale, int channel, int y, int x, int rows,
                                                 int columns, float *to, int pitch) {
  for (int r = 0; r < rows; r++, to += pitch) {
    int row = y + r;
    if (row < 0 || row >= c->height * upscale) {
      for (int k = 0; k < columns; k++) to[k] = 0;
      continue;
    }
    const float *from = inputRow(c, channel, row / upscale);
    for (int k = 0; k < columns; k++) {
      int column = x + k;
      to[k] = column < 0 || column >= c->width * upscale ? 0 : from[upscale == 1 ? column : column / 2];
    }
  }
}

// Adds, activates and writes a block of rows × columns (a multiple of 4) of one channel, its rows `columns` apart;
// what lies outside of the picture is dropped.
__attribute__((noinline)) static void put(const struct conv *c, int channel, int y, int x, const float *from, int rows,
                                          int columns) {
  int width = c->outputWidth;
  float *to = c->output + (size_t)(channel * c->outputRows + y - c->outputFirst) * width + x;
  const float *added = c->added ? c->added + (size_t)(channel * c->addedRows + y - c->addedFirst) * width + x : 0;
  vec bias = wasm_v128_load32_splat(c->packed + channel), slope = wasm_v128_load32_splat(&c->slope);
  for (; rows > 0 && y < c->end; rows--, y++, from += columns, to += width) {
    int k = 0;
    for (; k < columns && x + k + 4 <= width; k += 4) {
      vec value = plus(load(from + k), bias);
      if (added) value = plus(value, load(added + k));
      // Not max(value, 0): an infinity or NaN must not become 0.
      vec positive = wasm_f32x4_gt(value, wasm_f32x4_const_splat(0));
      wasm_v128_store(to + k, wasm_v128_bitselect(value, wasm_f32x4_mul(value, slope), positive));
    }
    for (; k < columns && x + k < width; k++) {
      float value = from[k] + c->packed[channel];
      if (added) value += added[k];
      to[k] = value > 0 ? value : value * c->slope;
    }
    if (added) added += width;
  }
}
