// pixel-shuffle for some rows of a picture, between planes of which some rows are in memory. In plain loops: it takes a
// hundredth of the time of the convolutions around it.

import type { PixelShuffleParams } from '../ops/pixel-shuffle';

/** Planes (C, rows, W): `rows` rows of a picture, the one numbered `first` lies first. */
export interface HeldRows {
  readonly values: Float32Array;
  readonly rows: number;
  readonly first: number;
}

/**
 * What the op's reference does, for the output's rows first … end.
 * @param width of the input
 */
export function shuffleRows(
  input: HeldRows,
  output: HeldRows,
  width: number,
  { channels, factor }: PixelShuffleParams,
  [first, end]: readonly [number, number],
): void {
  for (let c = 0; c < channels; c++)
    for (let y = first; y < end; y++) {
      const goal = (c * output.rows + y - output.first) * width * factor;
      const row = Math.floor(y / factor) - input.first;
      for (let dx = 0; dx < factor; dx++) {
        const source = (((c * factor + (y % factor)) * factor + dx) * input.rows + row) * width;
        for (let x = 0; x < width; x++) output.values[goal + x * factor + dx] = input.values[source + x];
      }
    }
}
