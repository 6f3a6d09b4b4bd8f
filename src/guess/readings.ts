// The ways in which a tensor can be read as latents of a format: axis orders, sizes of tokens, moments. Each with how
// likely the numbers make it, against the likeliest.

import type { LatentFormat } from '../formats/format';
import type { Latents, Layout } from '../latents';
import { elementAt, type Shape, type Tensor } from '../tensor';
import { type TokenGrid, tokenGrids } from '../token-grids';
import { elementIndex, fittingLayouts, type LatentView, tokenFrames, viewLatents } from '../view';
import { likeness } from './measure';

export interface Reading {
  readonly layout: Layout;
  readonly size?: TokenGrid;
  readonly view: LatentView;
  /** 0 for the likeliest; what its distance is put up by. */
  readonly penalty: number;
  /** Whether half of the channels are taken for variances. */
  readonly moments: boolean;
  /** What a person should know about this reading: clauses of a sentence. */
  readonly notes: readonly string[];
}

const channelsLast: readonly Layout[] = ['HWC', 'NHWC', 'THWC', 'NTHWC'];
/** Sizes of tokens that are told apart. */
const mostGrids = 3;

export function readings(latents: Latents, format: LatentFormat): readonly Reading[] {
  const tensor = latents.tensor as Tensor;
  const { shape } = tensor;
  // A layout that was given for one format may not fit another.
  const given = latents.layout ? fittingLayouts(shape, format, latents.layout) : [];
  const layouts = given.length > 0 ? given : [...fittingLayouts(shape, format), ...lastChannels(shape, format)];
  const found = layouts.flatMap((layout): Reading[] => {
    if (layout.includes('L')) return tokenReadings(latents, format, layout);
    const view = viewLatents({ ...latents, layout }, format);
    return [{ layout, view, ...momentsOrNot(tensor, view, layout, format) }];
  });
  // Items and frames of one axis order are one reading.
  const different = found.filter(
    ({ view, size, penalty }, index) =>
      size ||
      // Channels last, and half of them variances, and nothing that speaks for it.
      (penalty < 1.2 && found.findIndex((other) => other.view.strides.channel === view.strides.channel) === index),
  );
  return withAxisOrder(tensor, different);
}

/** Not of tiny pictures: one that is four pixels wide would look like it. */
const lastChannels = (shape: Shape, format: LatentFormat): readonly Layout[] =>
  channelsLast
    .flatMap((layout) => fittingLayouts(shape, format, layout))
    .filter((layout) => Math.min(shape[layout.indexOf('H')], shape[layout.indexOf('W')]) >= 8);

/** What comes after the mean in a VAE's moments: logarithms of variances, or deviations; latents have both signs. */
function momentsOrNot(
  tensor: Tensor,
  view: LatentView,
  layout: Layout,
  { channels }: LatentFormat,
): Pick<Reading, 'penalty' | 'notes' | 'moments'> {
  const last = channelsLast.includes(layout) ? 0.25 : 0;
  const notes = last > 0 ? ['channels are taken to be the last axis'] : [];
  if (tensor.shape[layout.indexOf('C')] !== 2 * channels) return { penalty: last, notes, moments: false };
  const pixels = view.height * view.width;
  const step = Math.max(1, Math.floor((channels * pixels) / 2048)) | 1;
  let [count, negative] = [0, 0];
  for (let i = 0; i < channels * pixels; i += step, count++) {
    const place = elementIndex(
      view,
      i % channels,
      Math.floor(i / channels / view.width),
      Math.floor(i / channels) % view.width,
    );
    if (elementAt(tensor, place + channels * view.strides.channel) < 0) negative++;
  }
  const share = Math.max(negative, count - negative) / count;
  return share > 0.95
    ? {
        ...{ penalty: last, moments: true },
        notes: [...notes, `the second ${channels} of its ${2 * channels} channels look like a VAE's variances`],
      }
    : {
        ...{ penalty: last + 1, moments: true },
        notes: [...notes, `half of its ${2 * channels} channels are taken for a VAE's variances`],
      };
}

/** Sizes that tokens may have, by how alike each row is to the next, then by aspect ratio. */
function tokenReadings(latents: Latents, format: LatentFormat, layout: Layout): Reading[] {
  const tensor = latents.tensor as Tensor;
  // A size that was given for one format may not fit another.
  if (latents.size && tokenFrames(tensor.shape[layout.indexOf('L')], format, latents.size) === undefined) return [];
  const view = viewLatents({ ...latents, layout }, format);
  const { patch, frames, strides } = view;
  const note = view.frames === 1 && format.dims === 3 ? ['taken for one picture, not a clip'] : [];
  const tokens = tensor.shape[layout.indexOf('L')];
  if (latents.size)
    return [{ layout, view, size: latents.size, penalty: 0, moments: false, notes: frames > 1 ? [] : note }];
  const grids = tokenGrids(tokens, patch).slice(0, 24);
  const channels = Math.min(view.channels, 8);
  const base = (view.items - 1) * strides.item;
  const starts = Array.from({ length: channels }, (_, c) => base + c * strides.channel);
  const ranked = grids
    .map((size, index) => {
      const columns = size.width / patch;
      const alike = likeness(tensor, starts, columns * strides.column, strides.column, tokens - columns);
      return { size, alike, score: alike - 0.01 * index };
    })
    .sort((a, b) => b.score - a.score);
  const [best, second] = ranked;
  const unsure = second !== undefined && best.score - second.score < 0.1;
  return ranked.slice(0, mostGrids).map(({ size, alike, score }) => ({
    layout,
    size,
    view: viewLatents({ ...latents, layout, size }, format),
    penalty: 2 * (best.score - score),
    moments: false,
    notes: [
      ...note,
      ranked.length === 1
        ? `the only size of ${tokens} tokens`
        : unsure
          ? `${tokens} tokens say nothing of their size: likeliest by its aspect ratio`
          : `in rows of ${size.width} neighbours are alike (${alike.toFixed(2)})`,
    ],
  }));
}

/** Where channels and frames could be either way round: frames are like their neighbours, channels are not. */
function withAxisOrder(tensor: Tensor, found: readonly Reading[]): readonly Reading[] {
  const clips = found.filter(({ view }) => view.frames > 1);
  const [one, other] = clips;
  if (!other || one.view.strides.channel === other.view.strides.channel) return found;
  const alike = (reading: Reading): number => {
    const { strides, frames, channels, width } = reading.view;
    const starts = Array.from(
      { length: Math.min(channels, 8) },
      (_, k) => Math.floor((k * channels) / 8) * strides.channel + Math.floor((frames - 1) / 2) * strides.frame,
    );
    return likeness(tensor, starts, strides.frame, strides.column, width * Math.min(reading.view.height, 64));
  };
  const scores = new Map(clips.map((reading) => [reading, alike(reading)]));
  const best = Math.max(...scores.values());
  return found.map((reading) => {
    const score = scores.get(reading);
    if (score === undefined) return reading;
    const others = [...scores].filter(([rival]) => rival !== reading).map(([, value]) => value);
    const unsure = Math.abs(score - Math.max(...others)) < 0.1;
    const order = reading.view.strides.channel > reading.view.strides.frame ? 'channels first' : 'frames first';
    const note = unsure
      ? `both axis orders fit and the numbers do not say which; read as ${order} (${reading.layout})`
      : `both axis orders fit; read as ${order} (${reading.layout}), frames next to each other are alike by ${score.toFixed(2)}`;
    return { ...reading, penalty: reading.penalty + Math.max(0, best - score), notes: [...reading.notes, note] };
  });
}
