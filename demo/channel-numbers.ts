// What the Channels panel shows of one picture's latents, and how its numbers, pictures and histograms are drawn.

import {
  channelHistogram,
  channelImage,
  channelRange,
  channelStatistics,
  type Histogram,
  type Palette,
  type Range,
  type Statistics,
} from '../src/channels/index';
import { elementAt } from '../src/tensor';
import { elementIndex, type LatentView, viewLatents } from '../src/view';
import { familyOf } from './decoders';
import { context2d } from './dom';
import { latentsOf } from './entry';
import type { Entry } from './state';

const bins = 48;

/** All that the panel shows of one picture's latents. */
export interface Channels {
  readonly view: LatentView;
  readonly item: number;
  readonly frame: number;
  readonly range: Range;
  readonly sheet: ImageData;
  readonly columns: number;
  readonly statistics: readonly Statistics[];
  readonly histograms: readonly Histogram[];
  valueAt(channel: number, x: number, y: number): number;
}

export function readChannels(entry: Entry, palette: Palette): Channels {
  const latents = latentsOf(entry);
  const { tensor } = latents;
  if ('buffer' in tensor) throw new Error('These latents lie in GPU memory.');
  const format = familyOf(entry.format);
  const view = viewLatents(latents, format);
  const { item, frame } = entry.position;
  const place = { item: Math.min(item, view.items - 1), frame: Math.min(frame, view.frames - 1) };
  const range = channelRange(latents, { palette });
  const columns = Math.ceil(Math.sqrt(view.channels));
  return {
    ...{ view, ...place, range, columns },
    sheet: channelImage(latents, { ...place, format, palette, range, columns }),
    statistics: channelStatistics(latents, { ...place, format }),
    histograms: channelHistogram(latents, { ...place, format, range, bins }),
    valueAt: (channel, x, y) => {
      const { strides } = view;
      const base = place.item * strides.item + place.frame * strides.frame;
      return elementAt(tensor, base + elementIndex(view, channel, y, x));
    },
  };
}

/** A channel's part of the sheet. */
export function drawChannel(canvas: HTMLCanvasElement, { sheet, columns, view }: Channels, channel: number): void {
  const { width, height } = view;
  canvas.width = width;
  canvas.height = height;
  const [left, top] = [(channel % columns) * (width + 1), Math.floor(channel / columns) * (height + 1)];
  context2d(canvas)?.putImageData(sheet, -left, -top, left, top, width, height);
}

/** Three figures are enough to compare by. */
export const brief = (value: number, figures = 3): string => {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+∞' : '−∞';
  const [size, text] = [Math.abs(value), value.toPrecision(figures)];
  const short = size !== 0 && (size >= 1e5 || size < 1e-3) ? value.toExponential(1) : String(Number(text));
  return short.replace('-', '−');
};

/** A histogram as one shape, as wide and high as it is laid out. */
export function createBars(): { readonly element: SVGSVGElement; show(histogram: Histogram): void } {
  const name = 'http://www.w3.org/2000/svg';
  const element = document.createElementNS(name, 'svg');
  element.classList.add('channel-bars');
  element.setAttribute('viewBox', `0 0 ${bins} 1`);
  element.setAttribute('preserveAspectRatio', 'none');
  element.ariaHidden = 'true';
  const path = document.createElementNS(name, 'path');
  element.append(path);
  return {
    element,
    show({ counts }) {
      const most = counts.reduce((larger, count) => Math.max(larger, count), 1);
      const tops = [...counts].map((count, k) => `M${k} 1V${(1 - count / most).toFixed(4)}h1V1z`);
      path.setAttribute('d', tops.join(''));
    },
  };
}
