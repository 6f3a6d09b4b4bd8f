// All pictures of a clip or batch on one sheet, row by row.

import { type ImageDataLike, requireImage } from '../compare/image';
import { LatentPreviewError } from '../errors';

/**
 * Columns and rows for `count` cells of one size, so that they come out largest in a frame of `ratio` (width / height).
 * @param cell width / height of one
 */
export function sheetGrid(count: number, cell: number, ratio: number): { columns: number; rows: number } {
  let best = { columns: 1, rows: count };
  let largest = 0;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    // A cell's width where the frame is `ratio` wide and 1 high.
    const width = Math.min(ratio / columns, cell / rows);
    // Of equal ones the first: fewer columns leave fewer holes.
    if (width > largest * (1 + 1e-9)) {
      largest = width;
      best = { columns, rows };
    }
  }
  return best;
}

/**
 * Pictures of one size side by side, row by row, such as those of `toImageDatas`. Without `columns` as many that the sheet is
 * nearest to 4:3. `gap` is the pixels between pictures, 0 unless given; transparent, as is the rest of the last row.
 * @returns sRGB, 8 bits; fits `new ImageData(sheet.data, sheet.width)`
 * @throws LatentPreviewError `shape` where there are no pictures, they differ in size, or a number is not usable
 */
export function contactSheet(
  pictures: readonly ImageDataLike[],
  { columns: given, gap = 0 }: { columns?: number; gap?: number } = {},
): ImageDataLike & { readonly data: Uint8ClampedArray<ArrayBuffer> } {
  const [first] = pictures;
  if (!first) throw new LatentPreviewError('shape', 'contact sheet: there are no pictures');
  const { width, height } = first;
  const columns = given ?? sheetGrid(pictures.length, width / height, 4 / 3).columns;
  if (!Number.isSafeInteger(columns) || columns < 1 || !Number.isSafeInteger(gap) || gap < 0)
    throw new LatentPreviewError('shape', `contact sheet: ${columns} columns with gaps of ${gap} pixels`);
  const across = Math.min(columns, pictures.length) * (width + gap) - gap;
  const down = Math.ceil(pictures.length / columns) * (height + gap) - gap;
  // What typed arrays can hold; a canvas holds less, and says so itself.
  if (across * down > 2 ** 29)
    throw new LatentPreviewError(
      'shape',
      `contact sheet: ${pictures.length} pictures of ${width}×${height} make ${across}×${down}; decode them smaller`,
    );
  const data = new Uint8ClampedArray(across * down * 4);
  for (const [index, picture] of pictures.entries()) {
    requireImage(picture, `contact sheet: picture ${index}`);
    if (picture.width !== width || picture.height !== height)
      throw new LatentPreviewError(
        'shape',
        `contact sheet: picture ${index} is ${picture.width}×${picture.height}, the first ${width}×${height}`,
      );
    const left = (index % columns) * (width + gap);
    const top = Math.floor(index / columns) * (height + gap);
    for (let row = 0; row < height; row++)
      data.set(picture.data.subarray(row * width * 4, (row + 1) * width * 4), ((top + row) * across + left) * 4);
  }
  return { width: across, height: down, data };
}
