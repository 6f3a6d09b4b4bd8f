// The published tables of a format, measured as the fit measures a map: by the command and by the demo's panel. Nothing of
// Node.

import { type CpuDecoder, createCpuDecoder } from '../cpu';
import type { FitFigures } from '../fit/index';
import { type FitPair, readyPair } from '../fit/pairs';
import { averageFigures, figuresOf } from '../fit/report';
import { formats, type LatentFormat, linear } from '../index';

/** The averages over the pictures, and each picture's own figures. */
export interface TableFigures extends FitFigures {
  readonly format: string;
  readonly licence: string;
  /** In the order of the pairs. */
  readonly images: readonly FitFigures[];
}

/**
 * How each published table of the format does on the given pairs, best first. Where the map enlarges, tables are enlarged
 * bicubically to its size.
 */
export async function publishedFigures(
  format: LatentFormat,
  pairs: readonly (() => Promise<FitPair>)[],
  upscale: number,
  { signal, onProgress }: { signal?: AbortSignal; onProgress: (fraction: number) => void },
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
    .map(({ id, source }, k) => {
      const images = figures[k] ?? [];
      return { format: id, licence: source.licence, ...averageFigures(images), images };
    })
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
