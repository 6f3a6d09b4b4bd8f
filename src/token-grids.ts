// The rows and columns that a line of tokens may have been: packed latents do not say.

export interface TokenGrid {
  /** In latent pixels, unpacked. */
  readonly height: number;
  readonly width: number;
}

// What pictures are made in. 832×1216 and the like are within 3 % of one of them.
const usualAspects = [1, 5 / 4, 4 / 3, 3 / 2, 16 / 9, 2, 21 / 9];

/**
 * The grids of `tokens` tokens of patch × patch latent pixels: usual aspect ratios first, the squarer before the longer,
 * landscape before portrait; none longer than 4 : 1, if there are others.
 */
export function tokenGrids(tokens: number, patch: number): readonly [TokenGrid, ...TokenGrid[]] {
  const usual: TokenGrid[] = [];
  const unusual: TokenGrid[] = [];
  let rows = Math.floor(Math.sqrt(tokens));
  for (; rows > 1 && rows * rows * 4 >= tokens; rows--) {
    if (tokens % rows !== 0) continue;
    const aspect = tokens / rows ** 2;
    const grids = usualAspects.some((one) => Math.abs(aspect / one - 1) < 0.03) ? usual : unusual;
    const [short, long] = [rows * patch, (tokens / rows) * patch];
    grids.push({ height: short, width: long });
    if (short !== long) grids.push({ height: long, width: short });
  }
  while (tokens % rows !== 0) rows--;
  const [first = { height: rows * patch, width: (tokens / rows) * patch }, ...others] = [...usual, ...unusual];
  return [first, ...others];
}
