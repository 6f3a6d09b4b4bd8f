// What a fit is told as: its pictures, its averages, and beside them the published tables of the format on the same
// pictures.

import type { FitFigures, FitReport, LatentMap } from '../fit/index';
import type { TableFigures } from './published';
import { textTable } from './table';

export function describeFit(map: LatentMap, report: FitReport, published: readonly TableFigures[]): string {
  const { images, fitted, heldOut, ridge, ridges, features, pixels } = report;
  const row = (name: string, { psnr, ssim, r2 }: FitFigures): string[] => [
    name,
    psnr.toFixed(2),
    ssim.toFixed(4),
    r2.toFixed(4),
  ];
  const head = (name: string): string[] => [name, 'PSNR dB', 'SSIM', 'R2'];
  const seen = images.filter((image) => !image.heldOut).length;
  const where = heldOut ? 'pictures that were held out' : 'pictures that the map was fitted on, which flatters it';
  return [
    `${map.name}: ${map.coefficients.length} coefficients, ${features} for each output, from ${pixels} latent pixels of ` +
      `${seen} ${seen === 1 ? 'picture' : 'pictures'}, ridge ${ridge}${ridges ? ` (the best of ${ridges.length})` : ''}`,
    '',
    textTable([
      head('picture'),
      ...images.map((image) => row(image.name + (image.heldOut ? '  (held out)' : ''), image)),
      row('average, fitted', fitted),
      ...(heldOut ? [row('average, held out', heldOut)] : []),
    ]),
    '',
    textTable([
      head(`on the ${where}`),
      row(map.name, heldOut ?? fitted),
      ...published.map((table) => row(`${table.format} (published)`, table)),
    ]),
  ].join('\n');
}
