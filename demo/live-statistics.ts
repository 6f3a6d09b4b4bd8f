// What the live page says in numbers: the step, shown and dropped, the time of a decode, the bytes.

import type { LatentStep, StreamStatistics } from '../src/stream/index';
import { byId, duration } from './dom';

export interface LiveStatistics {
  /** Steps since the connection was asked for. */
  readonly received: number;
  reset(): void;
  came(step: LatentStep): void;
  shown(step: LatentStep, statistics: StreamStatistics): void;
}

/** What a rate is measured over. */
const windowMilliseconds = 2000;

export function createLiveStatistics(): LiveStatistics {
  let received = 0;
  let missed = 0;
  let arrivals: { readonly at: number; readonly bytes: number }[] = [];
  const say = (id: string, text: string): void => {
    const element = byId(id, HTMLElement);
    if (element.textContent !== text) element.textContent = text;
  };

  function rate(): void {
    const now = performance.now();
    arrivals = arrivals.filter(({ at }) => now - at < windowMilliseconds);
    const bytes = arrivals.reduce((sum, arrival) => sum + arrival.bytes, 0);
    // Of a connection younger than the window, its age is what it is measured over.
    const span = Math.max(Math.min(windowMilliseconds, now - (arrivals[0]?.at ?? now)), 250);
    say('live-rate', received === 0 ? '–' : `${kilobytes((bytes * 1000) / span)}/s`);
  }
  setInterval(rate, 500);

  return {
    get received() {
      return received;
    },
    reset() {
      received = 0;
      missed = 0;
      arrivals = [];
      for (const id of ['live-shown', 'live-dropped']) say(id, '0');
      for (const id of ['live-time', 'live-size']) say(id, '–');
      say('live-step', 'no step yet');
      byId('live-progress', HTMLProgressElement).value = 0;
      rate();
    },
    came(step) {
      received++;
      missed += step.missed;
      arrivals.push({ at: performance.now(), bytes: step.bytes });
      say('live-size', `${kilobytes(step.bytes)}`);
    },
    shown({ step, steps, sigma, content }, { shown, dropped, milliseconds }) {
      const progress = byId('live-progress', HTMLProgressElement);
      progress.max = steps ?? 1;
      if (steps === undefined) progress.removeAttribute('value');
      else progress.value = step;
      const noise = sigma === undefined ? '' : ` · σ ${sigma.toFixed(2)}`;
      const what = content === 'x0' ? ' · x0' : content === 'sample' ? ' · noisy' : '';
      say('live-step', `step ${step}${steps === undefined ? '' : ` of ${steps}`}${noise}${what}`);
      say('live-shown', String(shown));
      say('live-dropped', String(dropped + missed));
      say('live-time', milliseconds === undefined ? '–' : duration(milliseconds));
    },
  };
}

const kilobytes = (bytes: number): string =>
  bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB`;
