// Which format latents may be in: ranked, with the reason. Shape alone never decides; statistics do most of the telling,
// and what a file says of the model that made it. A guess is for a person to confirm.

import type { Domain, LatentFormat } from '../formats/format';
import { formats } from '../formats/index';
import type { FormatGuess } from '../identify';
import type { FormatHint, Latents } from '../latents';
import type { Tensor } from '../tensor';
import { domainMap, type LatentView } from '../view';
import { compareEdges, type Measured, measure } from './measure';
import { type Reading, readings } from './readings';
import { type ChannelStatistics, channelStatistics } from './statistics';

/**
 * What these latents may be, likeliest first; empty where no format has their channels, and for latents in GPU memory.
 * What the caller or the file has said, format, domain, layout or size, is kept.
 */
export function rankGuesses(latents: Latents): readonly FormatGuess[] {
  const { tensor, format: said } = latents;
  if ('buffer' in tensor) return [];
  const families = said ? [said] : Object.values(formats).filter((format) => format.id === format.base);
  const candidates = families.flatMap((format) => readings(latents, format).map((reading) => ({ format, reading })));
  const named = candidates.flatMap(({ format }) => hintFor(latents.hints, format)?.strength ?? []);
  const strongest = Math.max(0, ...named);
  const measured = cache(tensor);
  return candidates
    .flatMap(({ format, reading }) =>
      domainsFor(latents, format).map((domain): FormatGuess => {
        const hint = hintFor(latents.hints, format);
        const isNamed = hint !== undefined && hint.strength === strongest;
        const judged = judge(format, domain, measured(reading.view), reading, isNamed ? hint : undefined);
        const misnamed = isNamed ? 0 : 0.25 * strongest;
        const guess = { ...judged, distance: judged.distance + misnamed };
        return { ...guess, latents: describe(latents, guess, isNamed) };
      }),
    )
    .sort((a, b) => a.distance - b.distance);
}

/** The strongest that names a format. */
const hintFor = (hints: readonly FormatHint[] = [], { base }: LatentFormat): FormatHint | undefined =>
  hints.filter((hint) => hint.formats.includes(base)).sort((a, b) => b.strength - a.strength)[0];

/** Without scaling the two domains are one. */
const hasOneDomain = ({ scalingFactor = 1, shiftFactor = 0, latentsMean, latentsStd }: LatentFormat): boolean =>
  scalingFactor === 1 && shiftFactor === 0 && !latentsMean && !latentsStd;

function domainsFor({ domain, domainFrom }: Latents, format: LatentFormat): readonly Domain[] {
  if (domainFrom !== 'default') return [domain];
  return hasOneDomain(format) ? ['model'] : ['model', 'vae'];
}

/** Each way of reading the tensor is measured once. */
function cache(tensor: Tensor): (view: LatentView) => Measured {
  const known = new Map<string, Measured>();
  return (view) => {
    const { domain, ...geometry } = view;
    const key = JSON.stringify(geometry);
    const withEdges = Object.values(channelStatistics).some((one) => one?.mean.length === view.channels);
    const found = known.get(key) ?? measure(tensor, view, withEdges);
    known.set(key, found);
    return found;
  };
}

function judge(
  format: LatentFormat,
  domain: Domain,
  found: Measured,
  { layout, size, view, penalty, moments, notes }: Reading,
  hint: FormatHint | undefined,
): Omit<FormatGuess, 'latents'> {
  const noise = isNoise(found);
  // Noise is no family's: only its size can be judged.
  const known = noise ? undefined : channelStatistics[format.base];
  const own = farFromUsual(format, domain, found, view, known);
  // Raw latents are rarer; a VAE's moments are raw by what they are. Four axes usually mean pictures, not clips.
  const rare = moments ? (domain === 'model' ? 0.3 : 0) : domain === 'vae' ? 0.05 : 0;
  const video = format.dims === 3 && view.frames === 1 ? 0.08 : 0;
  // What nobody has measured is what few people have; and raw latents mean a family that has them.
  const unusual = (channelStatistics[format.base] ? 0 : 0.05) + (domain === 'vae' && hasOneDomain(format) ? 0.3 : 0);
  const distance = (own + rare + video + unusual) * (hint ? 0.4 : 1) + penalty;
  const likeWhat = known ? `${format.name} latents of photos` : 'any normalised latents';
  const average = found.std.reduce((sum, value) => sum + value, 0) / found.std.length;
  const clauses = [
    `${view.channels} channels of ${view.width}×${view.height}${view.frames > 1 ? `, ${view.frames} frames` : ''}`,
    `their means, deviations (${average.toFixed(2)} on average)${known ? ' and edges' : ''} ` +
      `${likenessOf(own, known !== undefined)} like ${likeWhat}` +
      `${domain === 'vae' ? ' before scaling (VAE domain)' : ''}`,
    ...(domainsAlike(format) ? ['raw and scaled ones are nearly alike here: say the domain if you know it'] : []),
    ...(noise ? ['neighbouring pixels are not alike: this is noise, or read in the wrong order'] : []),
    ...notes,
    ...(hint ? [hint.reason] : []),
  ];
  return { format, domain, layout, ...(size && { size }), distance, reason: clauses.join('; ') };
}

/** Half of all photos are nearer than the first bound, nearly all than the second. */
const likenessOf = (distance: number, known: boolean): string =>
  known && distance < 0.12 ? 'look' : distance < (known ? 0.35 : 0.5) ? 'look roughly' : 'do not look much';

/** 0: exactly what the family's latents of photos look like. Rarely above 0.35 for what they are. */
function farFromUsual(
  format: LatentFormat,
  domain: Domain,
  { mean, std, edges }: Measured,
  view: LatentView,
  known: ChannelStatistics | undefined,
): number {
  const map = domainMap(format, domain, 'model', view.patch, 0);
  const step = 2 * view.patch ** 2;
  const gains = mean.map((_, c) => map[c * step]);
  const means = mean.map((value, c) => value * gains[c] + map[c * step + 1]);
  const average = (value: (c: number) => number): number =>
    means.reduce((sum, _, c) => sum + value(c), 0) / means.length;
  // Channel means are the photo's colours: they say little, but for families that have far ones.
  const shifted = average((c) => ((means[c] - (known?.mean[c] ?? 0)) / (known?.std[c] ?? 1)) ** 2);
  if (known && edges) {
    const scaled = edges.map((row, i) => row.map((value, k) => value * gains[i] * gains[k]));
    const { shape, scale } = compareEdges(scaled, known.edges);
    if (Number.isFinite(shape)) return shape + 0.3 * Math.log(scale) ** 2 + 0.03 * shifted;
  }
  const spread = average((c) => Math.log(Math.max(std[c] * Math.abs(gains[c]), 1e-6) / (known?.std[c] ?? 1)) ** 2);
  // Nothing is known of how the edges of these look: they have to fit better to come first.
  return 0.3 + 1.2 * spread + 0.03 * shifted;
}

/** Where scaling changes so little that a photo's contrast may hide it. */
const domainsAlike = ({ scalingFactor = 1, latentsStd }: LatentFormat): boolean =>
  !latentsStd && scalingFactor !== 1 && Math.abs(Math.log(scalingFactor)) < 0.6;

/** Neighbours that are not alike at all. */
function isNoise({ edges, std }: Measured): boolean {
  if (!edges) return false;
  const unlike = edges.reduce((sum, row, c) => sum + row[c] / (2 * std[c] ** 2 || 1), 0) / std.length;
  return unlike > 0.97;
}

/** What the caller or the file has said stays theirs. */
function describe(
  latents: Latents,
  { format, domain, layout, size, reason }: Omit<FormatGuess, 'latents'>,
  isNamed: boolean,
): Latents {
  return {
    ...latents,
    format,
    formatFrom: latents.formatFrom ?? (isNamed ? 'file' : 'guess'),
    domain,
    domainFrom: latents.domainFrom === 'default' ? 'guess' : latents.domainFrom,
    layout,
    ...(size && { size }),
    reason,
  };
}
