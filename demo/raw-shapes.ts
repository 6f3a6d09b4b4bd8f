// Shapes for raw numbers: what a person typed, and what the byte count suggests.

import type { DType, Shape } from '../src/index';

/** `1, 4, 64, 64`, `1x4x64x64` or `(1 4 64 64)`; undefined where it is none of these. */
export function readShape(text: string): Shape | undefined {
  const parts = text
    .replace(/[()[\]]/g, ' ')
    .trim()
    .split(/[\s,x×]+/i)
    .filter((part) => part !== '');
  const sizes = parts.map(Number);
  return sizes.length > 0 && sizes.every((size) => Number.isInteger(size) && size > 0) ? sizes : undefined;
}

/** Square pictures of the usual channel counts that hold exactly so many bytes. */
export function suggestShapes(bytes: number): readonly { readonly shape: Shape; readonly dtype: DType }[] {
  const found: { shape: Shape; dtype: DType }[] = [];
  for (const [dtype, size] of [
    ['float32', 4],
    ['float16', 2],
  ] as const)
    for (const channels of [4, 16, 32, 128]) {
      const side = Math.sqrt(bytes / size / channels);
      if (Number.isInteger(side) && side >= 8) found.push({ shape: [1, channels, side, side], dtype });
    }
  return found.slice(0, 4);
}
