// Fits a map off the main thread, and measures the published tables on the same pictures. Pairs come one at a time, when
// they are asked for.

import { publishedFigures, type TableFigures } from '../src/cli/published';
import { type FitOptions, type FitPair, type FitReport, fitLatentMap, type LatentMap } from '../src/fit/index';
import { formats } from '../src/index';

export type FitSettings = Pick<FitOptions, 'kind' | 'neighbourhood' | 'upscale' | 'ridge'> & {
  /** A family's id. */
  readonly format: string;
  /** Names of pairs. */
  readonly holdOut: readonly string[];
};

export interface Fitted {
  readonly map: LatentMap;
  readonly report: FitReport;
  /** Each with the figures of every pair, in the order of the pairs. */
  readonly tables: readonly TableFigures[];
}

export type FitRequest =
  | { readonly kind: 'start'; readonly count: number; readonly settings: FitSettings }
  | { readonly kind: 'pair'; readonly pair: FitPair };

export type FitAnswer =
  | { readonly kind: 'wanted'; readonly index: number }
  | { readonly kind: 'progress'; readonly fraction: number; readonly stage: string }
  | { readonly kind: 'fitted'; readonly fitted: Fitted }
  | { readonly kind: 'failed'; readonly message: string };

/** The tables are measured after the fit, in less time. */
const fitShare = 0.85;

const answer = (message: FitAnswer): void => postMessage(message);

let hand: (pair: FitPair) => void = () => {};

const ask = (index: number): Promise<FitPair> =>
  new Promise((resolve) => {
    hand = resolve;
    answer({ kind: 'wanted', index });
  });

async function run(count: number, settings: FitSettings): Promise<Fitted> {
  const { upscale = 1 } = settings;
  const pairs = Array.from({ length: count }, (_, index) => () => ask(index));
  const { map, report } = await fitLatentMap(pairs, {
    ...settings,
    onProgress: (fraction) => answer({ kind: 'progress', fraction: fraction * fitShare, stage: 'fitting' }),
  });
  const tables = await publishedFigures(formats[settings.format], pairs, upscale, {
    onProgress: (fraction) =>
      answer({ kind: 'progress', fraction: fitShare + fraction * (1 - fitShare), stage: 'published tables' }),
  });
  return { map, report, tables };
}

addEventListener('message', ({ data }: MessageEvent<FitRequest>) => {
  if (data.kind === 'pair') hand(data.pair);
  else
    run(data.count, data.settings).then(
      (fitted) => answer({ kind: 'fitted', fitted }),
      (error: unknown) => answer({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
    );
});
