// What a fit is told as: its pictures, its averages, and beside them the published tables of the format on the same
// pictures.

import { type CpuDecoder, createCpuDecoder } from '../cpu';
import type { FitFigures, FitReport, LatentMap } from '../fit/index';
import { type FitPair, readyPair } from '../fit/pairs';
import { averageFigures, figuresOf } from '../fit/report';
import { formats, type LatentFormat, linear } from '../index';
import { textTable } from './table';

export interface TableFigures extends FitFigures {
  readonly format: string;
  readonly licence: string;
}

/**
 * The averages of each published table of the format over the given pairs, best first. Where the map enlarges, tables are
 * enlarged bicubically to its size.
 */
export async function publishedFigures(
  format: LatentFormat,
  pairs: readonly (() => Promise<FitPair>)[],
  upscale: number,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (fraction: number) => void },
): Promise<readonly TableFigures[]> {
  const tables = await publishedTables(format);
  const decoders = await Promise.all(
    tables.map(async (table) => enlargingBicubically(await createCpuDecoder(linear(table), format))),
  );
  const figures: FitFigures[][] = tables.map(() => []);
  for (const [index, open] of pairs.entries()) {
    const pair = await open();
    const ready = readyPair(pair, pair.name ?? '', format, upscale);
    for (const [k, decoder] of decoders.entries())
      figures[k]?.push(await figuresOf(decoder, pair, ready, upscale, signal));
    onProgress((index + 1) / pairs.length);
  }
  return tables
    .map(({ id, source }, k) => ({ format: id, licence: source.licence, ...averageFigures(figures[k] ?? []) }))
    .sort((a, b) => b.psnr - a.psnr);
}

/** Each once: the bare id of a family has the numbers of one that also has an id of its own. */
async function publishedTables({ base }: LatentFormat): Promise<readonly LatentFormat[]> {
  const { copyleftFormats } = await import('../formats/copyleft/index');
  const all = [...Object.values(formats), ...Object.values(copyleftFormats)].filter(
    (one) => one.base === base && one.latentRgbFactors,
  );
  return all.filter(
    (one) => one.id !== base || !all.some((other) => other !== one && other.latentRgbFactors === one.latentRgbFactors),
  );
}

const enlargingBicubically = ({ decode }: CpuDecoder): CpuDecoder => ({
  decode: (latents, size, options) => decode(latents, { ...size, filter: 'bicubic' }, options),
});

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
