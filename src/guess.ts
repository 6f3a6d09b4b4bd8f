// Which format latents may be in: ranked, with the reason. Shape alone never decides; per-channel statistics do most of
// the telling. A guess is for a person to confirm: nothing in the library acts on one by itself.

import type { Domain, LatentFormat } from './formats/format';
import { formats } from './formats/index';
import { channelStatistics } from './formats/statistics';
import type { Latents, Layout } from './latents';
import { elementAt, type Tensor } from './tensor';
import { domainMap, elementIndex, fittingLayouts, type LatentView, viewLatents } from './view';

export interface FormatGuess {
  readonly format: LatentFormat;
  readonly domain: Domain;
  /** The axis order in which they are read. */
  readonly layout: Layout;
  /** Latent rows and columns, of token layouts. */
  readonly size?: { readonly height: number; readonly width: number };
  /** These latents, said to be what the guess takes them for: a previewer of its format shows them as they are. */
  readonly latents: Latents;
  /** 0 = the statistics are exactly what this format's latents usually have; guesses come smallest first. */
  readonly distance: number;
  /** One sentence for a person. */
  readonly reason: string;
}

/**
 * Formats that these latents may be in, likeliest first; empty where no format has their channels.
 * The domain is guessed too, unless the caller or the file has said it.
 * @throws LatentPreviewError `shape` for latents in GPU memory
 */
export function guessFormats(latents: Latents): readonly FormatGuess[] {
  const { tensor } = latents;
  if ('buffer' in tensor) return [];
  const candidates = Object.values(formats).filter(
    (format) => format.id === format.base && fittingLayouts(tensor.shape, format).length > 0,
  );
  const domains: readonly Domain[] = latents.domainFrom === 'default' ? ['model', 'vae'] : [latents.domain];
  return candidates
    .flatMap((format) => {
      // A layout that was given for one format may not fit another.
      const [layout] = [latents.layout, undefined].flatMap((given) => fittingLayouts(tensor.shape, format, given));
      const view = viewLatents({ ...latents, layout }, format);
      const found = sampleStatistics(tensor, view);
      const size = layout.includes('L') ? { height: view.height, width: view.width } : undefined;
      return domains
        .filter((domain) => domain === 'model' || !isIdentity(format))
        .map((domain): FormatGuess => {
          const judgement = { format, domain, layout, ...(size && { size }), ...judge(format, domain, found, view) };
          return { ...judgement, latents: describe(latents, judgement) };
        });
    })
    .sort((a, b) => a.distance - b.distance);
}

/** What the caller or the file said stays theirs. */
function describe(latents: Latents, { format, domain, layout, size, reason }: Omit<FormatGuess, 'latents'>): Latents {
  return {
    ...latents,
    format,
    formatFrom: latents.format?.base === format.base ? (latents.formatFrom ?? 'caller') : 'guess',
    domain,
    domainFrom: latents.domainFrom === 'default' ? 'guess' : latents.domainFrom,
    layout,
    ...(size && { size }),
    reason,
  };
}

interface Statistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

function judge(format: LatentFormat, domain: Domain, found: Statistics, view: LatentView) {
  const known = channelStatistics[format.base];
  const usual = known ?? { mean: found.mean.map(() => 0), std: found.std.map(() => 1) };
  // What the family's model latents look like in the domain in question.
  const map = domainMap(format, 'model', domain, view.patch, 0);
  const step = 2 * view.patch ** 2;
  let sum = 0;
  let total = 0;
  found.mean.forEach((mean, c) => {
    const [gain, offset] = [map[c * step], map[c * step + 1]];
    const [usualMean, usualStd] = [usual.mean[c] * gain + offset, usual.std[c] * Math.abs(gain)];
    const std = Math.max(found.std[c], 1e-6);
    sum += ((mean - usualMean) / usualStd) ** 2 + Math.log(std / usualStd) ** 2;
    total += std;
  });
  const count = found.mean.length;
  // Families whose statistics nobody has measured, and raw latents, need to fit a little better to come first. Video
  // formats hold single pictures too, but four axes usually mean a picture.
  const video = format.dims === 3 && view.frames === 1 ? 0.2 : 0;
  const distance = sum / count + (known ? 0 : 0.25) + (domain === 'vae' ? 0.05 : 0) + video;
  const likeness = known ? `like ${format.name} latents of photos` : `like any normalised latents`;
  const fit = distance < 0.6 ? `look ${likeness}` : `do not look much ${likeness}`;
  return {
    distance,
    reason:
      `${view.channels} channels of ${view.width}×${view.height}${view.frames > 1 ? `, ${view.frames} frames` : ''}; ` +
      `their means and deviations (${(total / count).toFixed(2)} on average) ${fit}` +
      `${domain === 'vae' ? ' before scaling (VAE domain)' : ''}`,
  };
}

/** Without scaling the two domains are one. */
const isIdentity = ({ scalingFactor = 1, shiftFactor = 0, latentsMean, latentsStd }: LatentFormat): boolean =>
  scalingFactor === 1 && shiftFactor === 0 && !latentsMean && !latentsStd;

/** Mean and deviation of each unpacked channel of the last item's middle frame, from up to about 4096 pixels. */
function sampleStatistics(tensor: Tensor, view: LatentView): Statistics {
  const { strides, width, height, channels } = view;
  const base = (view.items - 1) * strides.item + Math.floor(view.frames / 2) * strides.frame;
  // An odd step walks all places of a patch and all columns of most widths.
  const step = Math.max(1, Math.floor((width * height) / 4096)) | 1;
  const mean: number[] = [];
  const std: number[] = [];
  for (let c = 0; c < channels; c++) {
    let [count, sum, squares] = [0, 0, 0];
    for (let pixel = 0; pixel < width * height; pixel += step) {
      const place = elementIndex(view, c, Math.floor(pixel / width), pixel % width);
      const value = elementAt(tensor, base + place);
      if (!Number.isFinite(value)) continue;
      count++;
      sum += value;
      squares += value * value;
    }
    const average = count ? sum / count : 0;
    mean.push(average);
    std.push(count ? Math.sqrt(Math.max(0, squares / count - average * average)) : 0);
  }
  return { mean, std };
}
