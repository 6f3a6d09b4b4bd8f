// Convolution for the CPU path, 128-bit SIMD, one thread: what conv-module.ts holds compiled (scripts/build-wasm.mjs).
// Planes in and out are (C, rows, W); k×k kernels, any padding, nearest enlarging before, bias, an added
// tensor and an activation after.
//
// Three ways, chosen by the kernel's size: winograd.h, nine.h, direct.h. The first two share their middle (below):
// input transform → one matrix product per transformed position → output transform.
//
// The work is cut into cells, rectangles of output that do not depend on each other; the caller asks for a range of
// them at a time. A cell's place is fixed to the picture, not to the band of rows in memory: bands change no bit.

#include "layer.h"
#include "sums.h"
#include "winograd.h"
#include "nine.h"
#include "direct.h"

#define EXPORT(name) __attribute__((export_name(#name))) name

enum way { winograd, nine, direct };

static enum way wayOf(const struct conv *c) {
  if (c->size != 3) return direct;
  if (c->upscale == 1) return winograd;
  return c->padding == 1 ? nine : direct;
}

static const struct { int width, height; } cellShapes[] = {{16, 4}, {8, 2}, {directWidth, directHeight}};
static const int positionCounts[] = {36, 9, 0};
// Pairs of cells (8 columns of the matrices) per strip, so that a strip and its weights lie in a 1 MB cache.
static const int pairCounts[] = {3, 6, 0};

static int columnsOf(const struct conv *c) { return ceilDivide(c->outputWidth, cellShapes[wayOf(c)].width); }
static int positionFloats(const struct conv *c, int pairs) { return pairs * c->inputs * 8 + skew; }

int EXPORT(packedFloats)(const struct conv *c) {
  int positions = wayOf(c) == direct ? c->size * c->size : positionCounts[wayOf(c)];
  return blocksOf(c) * 4 * (1 + positions * c->inputs);
}

int EXPORT(scratchFloats)(const struct conv *c) {
  enum way way = wayOf(c);
  if (way == direct) return c->inputs * stagedPlane(c);
  return positionCounts[way] * (positionFloats(c, pairCounts[way]) + blocksOf(c) * 4 * pairCounts[way] * 8);
}

// Cells of the rows to be computed.
int EXPORT(cellCount)(const struct conv *c) {
  return columnsOf(c) * ceilDivide(c->end - c->first, cellShapes[wayOf(c)].height);
}

// packed: bias, then (position, block of 4 outputs, inputs, 4); direct: (block, size, size, inputs, 4).
void EXPORT(pack)(const struct conv *c) {
  enum way way = wayOf(c);
  int blocks = blocksOf(c), taps = c->size * c->size, side = way == winograd ? 6 : 3, inputs = c->inputs;
  const double(*kernel)[3] = way == winograd ? winogradKernel : nineKernel;
  float *bias = c->packed, *packed = bias + blocks * 4;
  for (int k = 0; k < packedFloats(c); k++) bias[k] = 0;
  for (int o = 0; o < c->outputs; o++) {
    if (c->bias) bias[o] = c->bias[o];
    for (int i = 0; i < inputs; i++) {
      const float *w = c->weight + (o * inputs + i) * taps;
      if (way == direct) {
        for (int t = 0; t < taps; t++) packed[((o / 4 * taps + t) * inputs + i) * 4 + o % 4] = w[t];
        continue;
      }
      // kernel · w · kernelᵀ
      for (int p = 0; p < side; p++) {
        double row[3];
        for (int t = 0; t < 3; t++) row[t] = kernel[p][0] * w[t] + kernel[p][1] * w[3 + t] + kernel[p][2] * w[6 + t];
        for (int q = 0; q < side; q++)
          packed[(((p * side + q) * blocks + o / 4) * inputs + i) * 4 + o % 4] =
              (float)(kernel[q][0] * row[0] + kernel[q][1] * row[1] + kernel[q][2] * row[2]);
      }
    }
  }
}

// A strip of cells. scratch: transformed input (position, pair, inputs, 8), products (outputs, pair, position, 8).
static void runStrip(const struct conv *c, enum way way, int first, int count) {
  int positions = positionCounts[way], pairs = ceilDivide(count, 2), blocks = blocksOf(c), columns = columnsOf(c);
  int inputs = c->inputs, stride = positionFloats(c, pairs), productStride = pairs * positions * 8;
  float *products = c->scratch + positions * stride;
  // Channel by channel: neighbouring cells lie together in memory, channels far apart.
  for (int i = 0; i < inputs; i++)
    for (int n = 0; n < count; n++) {
      int y = c->first + (first + n) / columns * cellShapes[way].height;
      int x = (first + n) % columns * cellShapes[way].width;
      float *to = c->scratch + (n / 2 * inputs + i) * 8 + n % 2 * 4;
      if (way == winograd) winogradRead(c, i, y, x, to, stride);
      else nineRead(c, i, y, x, to, stride);
    }
  const float *weights = c->packed + blocks * 4;
  for (int p = 0; p < positions; p++)
    for (int block = 0; block < blocks; block++, weights += inputs * 4)
      for (int pair = 0; pair < pairs; pair++) {
        vec sums[4][2];
        clear(sums);
        accumulate(sums, inputs, weights, c->scratch + p * stride + pair * inputs * 8, 8);
        keep(sums, products + block * 4 * productStride + (pair * positions + p) * 8, productStride);
      }
  for (int o = 0; o < c->outputs; o++)
    for (int n = 0; n < count; n++) {
      int y = c->first + (first + n) / columns * cellShapes[way].height;
      int x = (first + n) % columns * cellShapes[way].width;
      const float *from = products + o * productStride + n / 2 * positions * 8 + n % 2 * 4;
      if (way == winograd) winogradWrite(c, o, y, x, from);
      else nineWrite(c, o, y, x, from);
    }
}

// Computes the cells first … end.
void EXPORT(run)(const struct conv *c, int first, int end) {
  enum way way = wayOf(c);
  if (way == direct) {
    for (int cell = first; cell < end; cell++) runDirect(c, cell);
    return;
  }
  int most = pairCounts[way] * 2;
  for (int cell = first; cell < end; cell += most) runStrip(c, way, cell, end - cell < most ? end - cell : most);
}
