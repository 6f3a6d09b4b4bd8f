// One rung of the ladder: a small picture, the decoder's name, and what was measured.

import type { CompareAnswer } from './compare.worker';
import type { DecoderChoice } from './decoders';
import { context2d, duration, make } from './dom';
import type { Reference } from './state';

/** Pixels of the longer side, enough for screens with two to a CSS pixel. */
const largest = 320;

export interface Rung {
  readonly choice: DecoderChoice;
  readonly key: string;
  readonly element: HTMLElement;
  /** Undefined until it was measured. */
  readonly psnr: number | undefined;
  choose(chosen: boolean): void;
  /** The picture and the figures before stay until the new ones come. */
  wait(state: 'waiting' | 'decoding'): void;
  show(image: ImageData, milliseconds: number, answer: CompareAnswer | undefined): Promise<void>;
  fail(message: string): void;
  /** It will not be measured now. */
  leave(): void;
}

export function createRung(choice: DecoderChoice, key: string, onClick: () => void): Rung {
  const { id, group, imported, decoder } = choice;
  const canvas = smallCanvas();
  const figures = make('span', { className: 'figures', textContent: 'waiting' });
  const name = make('span', { className: 'rung-name' }, ...breakable(imported?.file ?? id));
  const kind = imported && decoder ? decoder.name.slice(imported.file.length + 3) : licenceOf(choice);
  const detail = make('span', { className: 'rung-detail', textContent: kind });
  const button = make('button', { type: 'button', className: 'rung' }, canvas, name, detail, figures);
  button.title = imported ? choice.label : `${decoder?.name ?? id}, ${licenceOf(choice)}`;
  if (group === 'opt-in') detail.classList.add('opt-in');
  button.addEventListener('click', onClick);
  const element = make('li', {}, button);
  element.dataset.decoder = id;
  element.dataset.state = 'waiting';
  let psnr: number | undefined;
  const say = (state: string, ...parts: readonly (Node | string)[]): void => {
    element.dataset.state = state;
    figures.replaceChildren(...parts);
  };
  return {
    choice,
    key,
    element,
    get psnr() {
      return psnr;
    },
    choose(chosen) {
      button.ariaPressed = String(chosen);
    },
    wait(state) {
      if (canvas.width > 1 && element.dataset.state !== 'left') element.dataset.state = state;
      else say(state, state === 'waiting' ? 'waiting' : 'decoding …');
    },
    async show(image, milliseconds, answer) {
      await draw(canvas, image);
      psnr = answer?.psnr;
      const time = make('span', { className: 'time', textContent: duration(milliseconds), title: 'Time of a decode' });
      if (!answer) return say('shown', time);
      say(
        'shown',
        figure('psnr', 'PSNR', answer.psnr === Infinity ? '∞' : answer.psnr.toFixed(2)),
        figure('ssim', 'SSIM', answer.ssim.toFixed(3)),
        figure('delta-e', 'ΔE', answer.deltaE.toFixed(2)),
        time,
      );
    },
    fail: (message) => say('failed', message),
    leave() {
      if (element.dataset.state !== 'shown' && element.dataset.state !== 'failed') say('left', 'not decoded');
    },
  };
}

export function referenceRung({ name, image }: Reference): HTMLElement {
  const canvas = smallCanvas();
  void draw(canvas, image);
  const element = make(
    'li',
    { className: 'rung' },
    canvas,
    make('span', { className: 'rung-name', textContent: 'Reference' }),
    make('span', { className: 'rung-detail', textContent: name }),
  );
  element.dataset.state = 'reference';
  return element;
}

/** Names of files break after what joins their words. */
const breakable = (name: string): readonly Node[] =>
  name.split(/(?<=[_.\-/])/).flatMap((part) => [document.createTextNode(part), make('wbr')]);

function licenceOf({ group, format: { source } }: DecoderChoice): string {
  if (group === 'fitted') return 'fitted here, MIT';
  return source.licence === 'NONE' ? 'no licence stated' : source.licence;
}

const figure = (className: string, label: string, value: string): HTMLElement =>
  make(
    'span',
    {},
    make('span', { className: 'label', textContent: `${label} ` }),
    make('span', { className, textContent: value }),
  );

function smallCanvas(): HTMLCanvasElement {
  const canvas = make('canvas', { width: 1, height: 1 });
  canvas.ariaHidden = 'true';
  return canvas;
}

async function draw(canvas: HTMLCanvasElement, image: ImageData): Promise<void> {
  const scale = Math.min(1, largest / Math.max(image.width, image.height));
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.round(side * scale))) as [
    number,
    number,
  ];
  const bitmap = await createImageBitmap(image, { resizeWidth: width, resizeHeight: height, resizeQuality: 'high' });
  canvas.width = width;
  canvas.height = height;
  context2d(canvas)?.drawImage(bitmap, 0, 0);
  bitmap.close();
}
