// The chosen channel: large, with the number at a place, its histogram over the scale, its figures.

import { type Histogram, type Palette, paletteColours, type Range, type Statistics } from '../src/channels/index';
import { brief, type Channels, createBars, drawChannel } from './channel-numbers';
import { make } from './dom';

export interface Detail {
  readonly element: HTMLElement;
  show(what: Channels, channel: number, palette: Palette): void;
}

export function createDetail(): Detail {
  const canvas = make('canvas', { width: 1, height: 1, tabIndex: 0, role: 'application' });
  const cursor = make('i', { className: 'channel-cursor', ariaHidden: 'true' });
  const readout = make('output', { className: 'channel-readout' });
  readout.ariaLive = 'polite';
  const bars = createBars();
  const scale = createScale();
  const figures = make('dl', { className: 'channel-list' });
  const frame = make('div', { className: 'channel-frame' }, canvas, cursor);
  const element = make('div', { className: 'channel-detail' }, frame, readout, scale.element, figures);
  scale.element.prepend(bars.element);

  let shown: { readonly what: Channels; readonly channel: number } | undefined;
  let [x, y] = [-1, -1];

  const read = (): void => {
    if (!shown) return;
    const { what, channel } = shown;
    const { width, height } = what.view;
    if (x < 0) [x, y] = [Math.floor(width / 2), Math.floor(height / 2)];
    x = Math.min(Math.max(x, 0), width - 1);
    y = Math.min(Math.max(y, 0), height - 1);
    const value = what.valueAt(channel, x, y);
    readout.textContent = `x ${x}, y ${y}: ${Number.isFinite(value) ? value.toPrecision(6).replace('-', '−') : brief(value)}`;
    for (const [property, part, whole] of [
      ['--x', x, width],
      ['--y', y, height],
    ] as const)
      frame.style.setProperty(property, String(part / whole));
    frame.style.setProperty('--columns', String(width));
    frame.style.setProperty('--rows', String(height));
  };
  const point = ({ clientX, clientY }: PointerEvent): void => {
    if (!shown) return;
    const { left, top, width, height } = canvas.getBoundingClientRect();
    x = Math.floor(((clientX - left) / width) * shown.what.view.width);
    y = Math.floor(((clientY - top) / height) * shown.what.view.height);
    read();
  };
  canvas.addEventListener('pointermove', point);
  canvas.addEventListener('pointerdown', point);
  canvas.addEventListener('keydown', (event) => {
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const far = event.shiftKey ? 8 : 1;
    x = Math.max(0, x + move[0] * far);
    y = Math.max(0, y + move[1] * far);
    read();
  });

  return {
    element,
    show(what, channel, palette) {
      shown = { what, channel };
      canvas.ariaLabel = `Channel ${channel}; the arrow keys move the place whose number is read`;
      drawChannel(canvas, what, channel);
      read();
      const histogram = what.histograms[channel] as Histogram;
      bars.show(histogram);
      scale.show(what.range, palette);
      figures.replaceChildren(...listFigures(channel, what.statistics[channel] as Statistics, histogram));
    },
  };
}

function listFigures(channel: number, statistics: Statistics, { below, above }: Histogram): readonly HTMLElement[] {
  const { count, nan, plusInfinity, minusInfinity, min, max, mean, std } = statistics;
  const odd = nan + plusInfinity + minusInfinity;
  // Infinities are beyond every scale, and told apart.
  const beyond = below + above - plusInfinity - minusInfinity;
  const share = (part: number): string => `${part.toLocaleString('en')} of ${count.toLocaleString('en')}`;
  return [
    ['Channel', String(channel)],
    ['Mean', brief(mean)],
    ['Std', brief(std)],
    ['Min', brief(min)],
    ['Max', brief(max)],
    ...(beyond > 0 ? [['Beyond the scale', share(beyond)]] : []),
    ...(odd > 0 ? [['Not finite', share(odd)]] : []),
  ].map(([term, value]) => make('div', {}, make('dt', { textContent: term }), make('dd', { textContent: value })));
}

/** The palette from the range's low to its high end, with 0 where it lies. */
function createScale(): { readonly element: HTMLElement; show(range: Range, palette: Palette): void } {
  const bar = make('div', { className: 'channel-scale-bar' });
  const [low, zero, high] = ['low', 'zero', 'high'].map((name) => make('span', { className: name }));
  const labels = make('div', { className: 'channel-scale-labels' }, ...([low, zero, high] as HTMLElement[]));
  const element = make('div', { className: 'channel-scale' }, bar, labels);
  return {
    element,
    show([from, to], palette) {
      bar.style.backgroundImage = `linear-gradient(to right, ${paletteColours(palette).join(', ')})`;
      (low as HTMLElement).textContent = brief(from);
      (high as HTMLElement).textContent = brief(to);
      const place = -from / (to - from);
      // Beside an end it would be written over it.
      (zero as HTMLElement).textContent = place > 0.2 && place < 0.8 ? '0' : '';
      labels.style.setProperty('--zero', `${place * 100}%`);
    },
  };
}
