// One channel among the others: small, with its histogram, mean and deviation.

import type { Histogram, Statistics } from '../src/channels/index';
import { brief, type Channels, createBars, drawChannel } from './channel-numbers';
import { make } from './dom';

export interface Card {
  readonly channel: number;
  readonly element: HTMLElement;
  show(what: Channels): void;
  choose(chosen: boolean): void;
}

export function createCard(channel: number, onChoose: () => void): Card {
  const input = make('input', { type: 'radio', name: 'channel', value: String(channel) });
  input.addEventListener('change', onChoose);
  const canvas = make('canvas', { width: 1, height: 1 });
  const bars = createBars();
  const name = make('span', { className: 'channel-name', textContent: String(channel) });
  const figures = make('span', { className: 'channel-figures' });
  const element = make('label', { className: 'channel-card' }, input, canvas, name, figures);
  name.before(bars.element);
  return {
    channel,
    element,
    show(what) {
      const { mean, std } = what.statistics[channel] as Statistics;
      input.ariaLabel = `Channel ${channel}: mean ${brief(mean)}, deviation ${brief(std)}`;
      drawChannel(canvas, what, channel);
      bars.show(what.histograms[channel] as Histogram);
      figures.textContent = `${brief(mean, 2)} ± ${brief(std, 2)}`;
      element.title = `Channel ${channel}: mean ${brief(mean)}, standard deviation ${brief(std)}`;
    },
    choose(chosen) {
      input.checked = chosen;
    },
  };
}
