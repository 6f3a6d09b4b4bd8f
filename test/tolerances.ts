// How close two results must be, by what is compared; and how a difference is told.

export const tolerances = {
  /** Kernel planes against reference(): sums in another order, in float32. */
  planes: { maxAbs: 2e-5 },
  /** Whole conv decoders in float32 against PyTorch. */
  conv: { maxAbs: 1e-4 },
  /** Kernels in half floats, of half floats and to results below 4: half a last place, and as much from sums. */
  halves: { maxAbs: 2e-3 },
  /** Whole conv decoders in half floats against PyTorch's float32, and their pictures. */
  convHalves: { decibels: 40, picture: { maxSteps: 1, equalShare: 0.9 } },
  /** Against PyTorch goldens. */
  golden: { maxAbs: 1e-5 },
  /** 8-bit pictures of per-pixel maps. */
  picture: { maxSteps: 1, equalShare: 0.999 },
} as const;

/** Undefined where they agree; else the first bad place as (c, y, x), both values, and how many fail. */
export function differingPlanes(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  [channels, height, width]: readonly number[],
  { maxAbs }: { maxAbs: number },
): string | undefined {
  const count = (channels as number) * (height as number) * (width as number);
  if (actual.length !== count || expected.length !== count)
    return `lengths: actual ${actual.length}, expected ${expected.length}, shape has ${count}`;
  let first = -1;
  let failed = 0;
  let worst = 0;
  for (let i = 0; i < count; i++) {
    const error = Math.abs((actual[i] as number) - (expected[i] as number));
    worst = Math.max(worst, error);
    if (error <= maxAbs) continue;
    failed++;
    if (first < 0) first = i;
  }
  if (failed === 0) return undefined;
  const x = first % (width as number);
  const y = Math.floor(first / (width as number)) % (height as number);
  const c = Math.floor(first / (width as number) / (height as number));
  return `(c ${c}, y ${y}, x ${x}): actual ${actual[first]}, expected ${expected[first]}; ${failed} of ${count} fail, worst by ${worst}`;
}

/** Peak signal over noise in dB, of numbers whose range is `range`. */
export function decibels(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  range: readonly [number, number],
): number {
  if (actual.length !== expected.length)
    throw new Error(`lengths: actual ${actual.length}, expected ${expected.length}`);
  let squares = 0;
  for (let i = 0; i < expected.length; i++) squares += ((actual[i] as number) - (expected[i] as number)) ** 2;
  return 10 * Math.log10((range[1] - range[0]) ** 2 / (squares / expected.length));
}

interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: ArrayLike<number>;
}

/** The same for RGBA pictures, alpha included. */
export function differingPictures(
  actual: Pixels,
  expected: Pixels,
  { maxSteps, equalShare }: { maxSteps: number; equalShare: number } = tolerances.picture,
): string | undefined {
  if (actual.width !== expected.width || actual.height !== expected.height)
    return `sizes: actual ${actual.width}×${actual.height}, expected ${expected.width}×${expected.height}`;
  const count = actual.width * actual.height * 4;
  if (actual.data.length !== count || expected.data.length !== count)
    return `lengths: actual ${actual.data.length}, expected ${expected.data.length}, size has ${count}`;
  let [first, failed, unequal] = [-1, 0, 0];
  for (let i = 0; i < count; i++) {
    const steps = Math.abs((actual.data[i] as number) - (expected.data[i] as number));
    if (steps > 0) unequal++;
    if (steps <= maxSteps) continue;
    failed++;
    if (first < 0) first = i;
  }
  if (failed > 0) {
    const pixel = Math.floor(first / 4);
    const place = `c ${first % 4}, y ${Math.floor(pixel / actual.width)}, x ${pixel % actual.width}`;
    return `(${place}): actual ${actual.data[first]}, expected ${expected.data[first]}; ${failed} of ${count} bytes fail`;
  }
  // A handful of pixels cannot be 99.9 % equal and unequal at once: allow one.
  if (unequal > Math.max(equalShare < 1 ? 1 : 0, count * (1 - equalShare)))
    return `${unequal} of ${count} bytes are not equal`;
  return undefined;
}
