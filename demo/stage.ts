// The stage: the preview's canvas, the reference over or beside it, the compare slider, zoom, and what is said when
// there is no picture.

import type { Previewer } from '../src/index';
import type { Shown, Surface } from './decode';
import { Cancelled, NoDecoder } from './decode';
import { choicesFor, familyOf, shortName } from './decoders';
import { announce, byId, context2d, duration, errorText, find, make, radios } from './dom';
import { referenceOf, viewOf } from './entry';
import { createProgress } from './progress';
import { currentEntry, type Mode, type Reference, type State, type Store } from './state';

export interface Stage extends Surface {
  /** The difference picture of what is shown. */
  difference(image: ImageData): void;
}

export function createStage(store: Store, onShown: (shown: Shown | undefined) => void): Stage {
  const stage = byId('stage', HTMLElement);
  const picture = byId('picture', HTMLElement);
  const notice = byId('notice', HTMLElement);
  const canvases = {
    reference: find(stage, '.pane-reference canvas', HTMLCanvasElement),
    difference: find(stage, '.pane-difference canvas', HTMLCanvasElement),
  };
  let preview = find(stage, '.pane-preview canvas', HTMLCanvasElement);
  let kind: Previewer['backend'] | undefined;
  let device: GPUDevice | undefined;
  let drawn: Reference | undefined;
  const progress = createProgress();

  connectSplit(picture);
  const showMode = radios('mode', (mode) => store.set({ mode: mode as Mode }));
  const showZoom = radios('zoom', (zoom) => store.set({ zoom: zoom as State['zoom'] }));
  const amplify = byId('amplify', HTMLSelectElement);
  amplify.addEventListener('change', () => store.set({ amplify: Number(amplify.value) }));

  store.listen((state) => {
    const entry = currentEntry(state);
    const reference = entry && referenceOf(entry);
    const mode = reference ? state.mode : 'preview';
    stage.dataset.mode = mode;
    stage.dataset.zoom = state.zoom;
    stage.dataset.filter = state.filter;
    showMode(mode);
    showZoom(state.zoom);
    amplify.value = String(state.amplify);
    byId('amplify-field', HTMLElement).hidden = mode !== 'difference';
    for (const input of document.querySelectorAll<HTMLInputElement>('input[name=mode]'))
      input.disabled = (!reference && input.value !== 'preview') || entry?.sheet?.open === true;
    if (reference && reference !== drawn) {
      draw(canvases.reference, reference.image);
      canvases.reference.ariaLabel = `Reference ${reference.name}, ${reference.image.width}×${reference.image.height}`;
    }
    drawn = reference;
  });

  return {
    canvas(wanted, on) {
      // A canvas keeps its first kind of context, and a lost device's context shows nothing more.
      if (kind && (kind !== wanted || device !== on)) {
        const fresh = preview.cloneNode() as HTMLCanvasElement;
        preview.replaceWith(fresh);
        preview = fresh;
      }
      if (kind !== wanted && wanted === 'cpu') context2d(preview);
      kind = wanted;
      device = on;
      return preview;
    },

    decoding() {
      stage.dataset.state = 'decoding';
    },

    waiting: progress.start,
    progress: progress.at,

    shown(shown) {
      const { entry, choice } = shown;
      const view = viewOf(entry, choice.format);
      const scale = shown.options.size === 'image' ? choice.format.spatialDownscale : (choice.decoder?.upscale ?? 1);
      const [width, height] = [(view?.width ?? 1) * scale, (view?.height ?? 1) * scale];
      picture.style.setProperty('--width', String(width));
      picture.style.setProperty('--height', String(height));
      picture.style.setProperty('--pixel', `${1 / devicePixelRatio}px`);
      preview.ariaLabel =
        `${shortName(choice.format)} latents ${entry.title}, decoded by ${choice.label}, ` + `${width}×${height}`;
      notice.hidden = true;
      progress.end(`decoded in ${duration(shown.milliseconds)}`);
      stage.dataset.state = 'shown';
      stage.dataset.entry = entry.title;
      stage.dataset.count = String(Number(stage.dataset.count ?? 0) + 1);
      onShown(shown);
    },

    failed(error) {
      const entry = currentEntry(store.state);
      stage.dataset.state = 'error';
      progress.end();
      if (entry) stage.dataset.entry = entry.title;
      notice.replaceChildren(...noticeFor(store, error));
      notice.hidden = false;
      announce(errorText(error));
      onShown(undefined);
    },

    difference(image) {
      draw(canvases.difference, image);
    },
  };
}

function draw(canvas: HTMLCanvasElement, image: ImageData): void {
  canvas.width = image.width;
  canvas.height = image.height;
  context2d(canvas)?.putImageData(image, 0, 0);
}

/** What is wrong with the picture, and where there is a way on, the button for it. */
function noticeFor(store: Store, error: unknown): readonly Node[] {
  const text = make('p', { textContent: errorText(error) });
  const entry = currentEntry(store.state);
  if (error instanceof Cancelled) {
    const again = make('button', { type: 'button', textContent: 'Decode' });
    again.addEventListener('click', error.again);
    return [text, again];
  }
  if (!entry || !(error instanceof NoDecoder)) return [text];
  const optIn = choicesFor(familyOf(entry.format), []).filter(({ group }) => group === 'opt-in');
  if (optIn.length === 0)
    return [
      text,
      make('p', {
        textContent: 'Drop a decoder: TAESD, VAEApprox or an MLP as .safetensors, or coefficients as JSON.',
      }),
    ];
  const buttons = optIn.map(({ id, format }) => {
    const button = make('button', { type: 'button', textContent: `Use ${id} (${format.source.licence})` });
    button.addEventListener('click', () => store.setEntry(entry.id, { decoder: id }));
    return button;
  });
  return [
    text,
    make('p', { textContent: 'There are tables under other terms:' }),
    make('div', { className: 'buttons' }, ...buttons),
  ];
}

/** The slider is a native range for the keyboard; the pointer drags anywhere on the picture. */
function connectSplit(picture: HTMLElement): void {
  const split = byId('split', HTMLInputElement);
  const show = (): void => {
    picture.style.setProperty('--split', `${split.value}%`);
    split.ariaValueText = `${Math.round(Number(split.value))} % preview`;
  };
  const drag = ({ clientX }: PointerEvent): void => {
    const { left, width } = picture.getBoundingClientRect();
    split.value = String(((clientX - left) / width) * 100);
    show();
  };
  split.addEventListener('input', show);
  picture.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || getComputedStyle(split).display === 'none') return;
    event.preventDefault();
    picture.setPointerCapture(event.pointerId);
    split.focus({ preventScroll: true });
    drag(event);
  });
  picture.addEventListener('pointermove', (event) => {
    if (picture.hasPointerCapture(event.pointerId)) drag(event);
  });
  show();
}
