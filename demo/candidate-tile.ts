// One candidate as a tile: a radio with a small picture, what it takes the numbers for, and why.

import { context2d, make } from './dom';

export interface CandidateTile {
  readonly element: HTMLLabelElement;
  readonly input: HTMLInputElement;
  /** The picture is on the canvas. */
  readonly canvas: HTMLCanvasElement;
  say(state: TileState, text?: string): void;
}

/** `none`: there is no picture of it, and the text says why. */
export type TileState = 'waiting' | 'drawing' | 'drawn' | 'failed' | 'none';

export interface TileTexts {
  readonly name: string;
  readonly detail: string;
  readonly reason: string;
  readonly best: boolean;
}

export function createCandidateTile(value: string, { name, detail, reason, best }: TileTexts): CandidateTile {
  const canvas = make('canvas', { width: 1, height: 1 });
  canvas.ariaHidden = 'true';
  context2d(canvas);
  const why = make('span', { className: 'candidate-why' });
  const input = make('input', { type: 'radio', name: 'candidate', value, className: 'hidden' });
  const picture = make('span', { className: 'candidate-picture' }, canvas, why);
  input.ariaLabel = `${name}, ${detail}${best ? ', likeliest' : ''}`;
  input.ariaDescription = reason;
  if (best) picture.append(make('span', { className: 'candidate-best', textContent: 'likeliest' }));
  const element = make(
    'label',
    { className: 'candidate', title: `${name}, ${detail}: ${reason}` },
    input,
    picture,
    make('span', { className: 'candidate-name', textContent: name }),
    make('span', { className: 'candidate-detail', textContent: detail }),
    make('span', { className: 'candidate-reason', textContent: reason }),
  );
  element.dataset.state = 'waiting';
  return {
    element,
    input,
    canvas,
    say(state, text = '') {
      element.dataset.state = state;
      why.textContent = text;
    },
  };
}
