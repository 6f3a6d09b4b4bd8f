// The rows and columns that a line of tokens may have been, for packed latents without a shape.

/** Up to four times as long as high or as high as long, most square first, landscape before portrait. */
export function tokenGrids(
  tokens: number,
  patch: number,
): readonly { readonly height: number; readonly width: number }[] {
  const grids: { height: number; width: number }[] = [];
  for (let rows = Math.floor(Math.sqrt(tokens)); rows * rows * 4 >= tokens && rows >= 1; rows--) {
    if (tokens % rows !== 0) continue;
    const [short, long] = [rows * patch, (tokens / rows) * patch];
    grids.push({ height: short, width: long });
    if (short !== long) grids.push({ height: long, width: short });
  }
  return grids;
}
