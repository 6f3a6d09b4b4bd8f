// fitLatentMap(): the whole fit on one page. Pairs in, a map and how well it does out.

import { Clock, type LongWork } from '../clock';
import { createCpuDecoder } from '../cpu';
import {
  type LatentMap,
  type LatentMapKind,
  type LatentMapProvenance,
  latentMap,
  mapFeatures,
} from '../decoders/latent-map';
import { LatentPreviewError } from '../errors';
import type { LatentFormat } from '../formats/format';
import { resolveFormat } from '../formats/index';
import { rankGuesses } from '../guess/rank';
import type { FeatureSpec } from './features';
import { heldOutPlaces } from './hold-out';
import { addPair, createSums, featureMeans, type Sums } from './normal-equations';
import { type FitPair, readyPair } from './pairs';
import { averageFigures, type FitReport, type FittedImage, figuresOf } from './report';
import type { Solution } from './solve';

export interface FitOptions extends LongWork {
  /** Default: what the pairs' latents say. */
  readonly format?: string | LatentFormat;
  /** Default `affine`. */
  readonly kind?: LatentMapKind;
  /** Default 1: the pixel alone. */
  readonly neighbourhood?: LatentMap['neighbourhood'];
  /** Default 1. */
  readonly upscale?: LatentMap['upscale'];
  /**
   * How strongly coefficients are held towards zero, in units of each feature's own variance; 0 is plain least squares.
   * `auto` (default where images are held out; else 0.0001) takes what does best on the held-out images.
   */
  readonly ridge?: number | 'auto';
  /**
   * What the fit must not see: a share of the images (evenly spread over the list; at least one, at most all but one) or
   * their names. Always whole images. Default 0.2, and none where there is only one.
   */
  readonly holdOut?: number | readonly string[];
  /** Default made of format, kind, neighbourhood and upscale. */
  readonly name?: string;
  /** Added to what the fit itself knows (photos, ridge, held-out figures). */
  readonly provenance?: LatentMapProvenance;
}

/** A pair, or what loads it: called more than once, so that only one picture need be in memory at a time. */
export type FitPairSource = FitPair | (() => FitPair | Promise<FitPair>);

/** What `auto` tries. */
const ridges = [0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1] as const;
const usualRidge = 1e-4;
/** Their products fill 134 MB. */
const mostFeatures = 4096;

/**
 * Fits a map by least squares over every pixel of every pair that is not held out, and measures it on all of them.
 * Memory grows with the features, not with the pixels; give functions for pairs that do not fit in memory together.
 * The page gets its turns.
 * @throws LatentPreviewError `shape` (no pairs, sizes that do not match, latents that are not finite, too few pixels,
 * constant or dependent channels, options out of range), `format`
 */
export async function fitLatentMap(
  pairs: readonly FitPairSource[],
  options: FitOptions = {},
): Promise<{ map: LatentMap; report: FitReport }> {
  const { kind = 'affine', neighbourhood = 1, upscale = 1, signal } = options;
  signal?.throwIfAborted();
  checkOptions(pairs.length, options);
  const open = async (index: number): Promise<FitPair & { name: string }> => {
    const source = pairs[index];
    const pair = typeof source === 'function' ? await source() : source;
    signal?.throwIfAborted();
    return { ...pair, name: pair.name ?? `pair ${index + 1}` };
  };

  const { format, spec, features, centre } = settle(await open(0), options);
  const fitted = createSums(features, 3 * upscale ** 2, centre);
  const heldOut = createSums(features, 3 * upscale ** 2, centre);

  const clock = new Clock(2 * pairs.length + ridges.length, options);
  const isHeldOut = holdOutRule(pairs.length, options);
  const names: string[] = [];
  const warnings: string[] = [];
  for (const index of pairs.keys()) {
    const pair = await open(index);
    names.push(pair.name);
    warnings.push(...domainWarning(pair, format));
    const ready = readyPair(pair, pair.name, format, upscale);
    const sums = isHeldOut(index, pair.name) ? heldOut : fitted;
    await addPair(sums, spec, upscale, ready, (share) => clock.worked(share));
  }
  checkHeldOut(names, options);
  if (fitted.pixels === 0) throw wrong('every pair is held out, there is nothing left to fit');

  // With it comes the linear algebra, which who only decodes need not load.
  const { equations, meanSquare, requireIndependent, solve } = await import('./solve');
  const system = equations(fitted, spec);
  if (!(typeof options.ridge === 'number' && options.ridge > 0)) requireIndependent(system, spec);
  const tried: { ridge: number; psnr: number; solution: Solution }[] = [];
  for (const ridge of ridgesToTry(options, heldOut)) {
    const solution = solve(system, ridge);
    const judged = heldOut.pixels > 0 ? heldOut : fitted;
    // Targets span 2: the peak of the signal.
    tried.push({ ridge, solution, psnr: 10 * Math.log10(4 / meanSquare(judged, solution)) });
    await clock.worked(1);
  }
  const best = tried.reduce((one, other) => (other.psnr > one.psnr ? other : one));

  const map: LatentMap = {
    version: 1,
    name: options.name ?? nameOf(format.base, kind, neighbourhood, upscale),
    kind,
    format: format.base,
    channels: format.channels,
    domain: 'model',
    neighbourhood,
    upscale,
    edges: 'replicate',
    outputRange: [-1, 1],
    coefficients: rowsOf(best.solution, centre, kind !== 'linear'),
  };
  const decoder = await createCpuDecoder(latentMap(map), format);
  const images: FittedImage[] = [];
  for (const index of pairs.keys()) {
    const pair = await open(index);
    const ready = readyPair(pair, pair.name, format, upscale);
    const figures = await figuresOf(decoder, pair, ready, upscale, signal);
    images.push({ name: pair.name, heldOut: isHeldOut(index, pair.name), ...figures });
    await clock.worked(1);
  }
  const unseen = images.filter((image) => image.heldOut);
  const report: FitReport = {
    images,
    fitted: averageFigures(images.filter((image) => !image.heldOut)),
    ...(unseen.length > 0 ? { heldOut: averageFigures(unseen) } : {}),
    ridge: best.ridge,
    ...(tried.length > 1 ? { ridges: tried.map(({ ridge, psnr }) => ({ ridge, psnr })) } : {}),
    features: mapFeatures(spec),
    pixels: fitted.pixels,
    warnings,
  };
  options.onProgress?.(1);
  return { map: { ...map, provenance: provenanceOf(report, options) }, report };
}

/** What the first pair decides. */
function settle(
  pair: FitPair & { name: string },
  options: FitOptions,
): { format: LatentFormat; spec: FeatureSpec; features: number; centre: Float64Array } {
  const { kind = 'affine', neighbourhood = 1, upscale = 1 } = options;
  const format = formatOf(pair, options);
  const spec = { kind, channels: format.channels, neighbourhood };
  const features = mapFeatures(spec) - (kind === 'linear' ? 0 : 1);
  if (features > mostFeatures)
    throw wrong(`${features} features of ${format.channels} channels are too many, at most ${mostFeatures} are fitted`);
  // Without a constant, what is taken off the features could not be given back.
  const centre =
    kind === 'linear'
      ? new Float64Array(features)
      : featureMeans(spec, features, readyPair(pair, pair.name, format, upscale));
  return { format, spec, features, centre };
}

const wrong = (what: string): LatentPreviewError => new LatentPreviewError('shape', `fit: ${what}`);

function checkOptions(count: number, { kind, neighbourhood, upscale, ridge, holdOut }: FitOptions): void {
  if (count === 0) throw wrong('there are no pairs; pass latents with the pictures that they were encoded from');
  const allowed = {
    kind: ['linear', 'affine', 'quadratic', 'cubic'],
    neighbourhood: [1, 3, 5],
    upscale: [1, 2, 4, 8],
  };
  for (const [name, value] of Object.entries({ kind, neighbourhood, upscale })) {
    const values: readonly unknown[] = allowed[name as keyof typeof allowed];
    if (value !== undefined && !values.includes(value))
      throw wrong(`${name} is ${value}, it can be ${values.join(', ')}`);
  }
  if (ridge !== undefined && ridge !== 'auto' && !(ridge >= 0 && ridge < Number.POSITIVE_INFINITY))
    throw wrong(`ridge is ${ridge}, it can be 'auto' or a finite number from 0 up`);
  if (typeof holdOut === 'number' && !(holdOut >= 0 && holdOut < 1))
    throw wrong(`holdOut is ${holdOut}, it can be a share from 0 up to, but not, 1, or names of pairs`);
}

function formatOf({ latents, name }: FitPair, { format }: FitOptions): LatentFormat {
  const found = format ?? latents.format;
  if (found === undefined)
    throw new LatentPreviewError('format', `fit: the latents of '${name}' do not say their format; pass \`format\``);
  return resolveFormat(found);
}

function holdOutRule(count: number, { holdOut = 0.2 }: FitOptions): (index: number, name: string) => boolean {
  if (typeof holdOut !== 'number') return (_, name) => holdOut.includes(name);
  const places = heldOutPlaces(count, holdOut);
  return (index) => places.has(index);
}

function checkHeldOut(names: readonly string[], { holdOut }: FitOptions): void {
  if (typeof holdOut !== 'object') return;
  const unknown = holdOut.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw wrong(`no pair is called '${unknown.join("', '")}', which was to be held out; there are ${names.join(', ')}`);
}

function ridgesToTry({ ridge }: FitOptions, heldOut: Sums): readonly number[] {
  if (typeof ridge === 'number') return [ridge];
  if (heldOut.pixels > 0) return ridges;
  if (ridge === undefined) return [usualRidge];
  throw wrong("ridge 'auto' is chosen on images that are held out, and there are none; pass holdOut, or a number");
}

/** Latents that say `model` only because nobody said otherwise, and look like the other domain. */
function domainWarning({ latents, name }: FitPair, { base }: LatentFormat): string[] {
  if (latents.domainFrom !== 'default') return [];
  const guess = rankGuesses(latents).find(({ format }) => format.base === base);
  return !guess || guess.domain === latents.domain
    ? []
    : [
        `the latents of '${name}' are taken as ${latents.domain} ones, but look like ${guess.domain} ones: ${guess.reason}`,
      ];
}

const nameOf = (format: string, kind: LatentMapKind, neighbourhood: number, upscale: number): string =>
  [
    format,
    kind,
    ...(neighbourhood > 1 ? [`${neighbourhood}×${neighbourhood}`] : []),
    ...(upscale > 1 ? [`×${upscale}`] : []),
  ].join(' ');

/** Row by row, as float32 with the nine digits that tell any two apart. */
function rowsOf({ weights, constants }: Solution, centre: Float64Array, hasConstant: boolean): number[] {
  const brief = (value: number): number => Number(Math.fround(value).toPrecision(9));
  return [...constants].flatMap((constant, t) => {
    const row = weights.getColumn(t);
    const atZero = row.reduce((sum, weight, i) => sum - weight * centre[i], constant);
    return [...(hasConstant ? [atZero] : []), ...row].map(brief);
  });
}

function provenanceOf({ images, ridge, heldOut }: FitReport, { provenance }: FitOptions): LatentMapProvenance {
  const heldOutPhotos = images.filter((image) => image.heldOut).length;
  return {
    date: new Date().toISOString().slice(0, 10),
    photos: images.length - heldOutPhotos,
    heldOutPhotos,
    ridge,
    // JSON has no infinity, which is the PSNR of equal pictures.
    ...(heldOut && Number.isFinite(heldOut.psnr) ? { heldOut } : {}),
    ...provenance,
  };
}
