// Every other kernel, product by product. A cell is 32×4 outputs; its window of the input is copied first, so that the
// inner loop knows no edges and no enlarging.

enum { directWidth = 32, directHeight = 4 };

static int stagedWidth(const struct conv *c) { return ceilDivide(directWidth + c->size - 1, 4) * 4; }
static int stagedHeight(const struct conv *c) { return directHeight + c->size - 1; }
static int stagedPlane(const struct conv *c) { return stagedHeight(c) * stagedWidth(c) + skew; }

static void runDirect(const struct conv *c, int cell) {
  int columns = ceilDivide(c->outputWidth, directWidth), size = c->size, inputs = c->inputs;
  int y = c->first + cell / columns * directHeight, x = cell % columns * directWidth;
  int pitch = stagedWidth(c), plane = stagedPlane(c);
  for (int i = 0; i < inputs; i++)
    copyWindow(c, c->upscale, i, y - c->padding, x - c->padding, stagedHeight(c), pitch, c->scratch + i * plane, pitch);
  const float *weights = c->packed + blocksOf(c) * 4;
  for (int first = 0; first < c->outputs; first += 4, weights += inputs * size * size * 4)
    for (int r = 0; r < directHeight && y + r < c->end; r++)
      for (int k = 0; k < directWidth && x + k < c->outputWidth; k += 8) {
        vec sums[4][2];
        clear(sums);
        for (int t = 0; t < size * size; t++)
          accumulate(sums, inputs, weights + t * inputs * 4,
                     c->scratch + (r + t / size) * pitch + k + t % size, plane);
        float block[4 * 8];
        keep(sums, block, 8);
        for (int o = 0; o < 4 && first + o < c->outputs; o++)
          put(c, first + o, y + r, x + k, block + o * 8, 1, 8);
      }
}
