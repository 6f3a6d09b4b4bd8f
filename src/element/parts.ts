// What is inside of the element: canvas, the two covers, the frames' slider. Built without markup in strings and styled without
// style attributes, for pages whose policy forbids both.

import type { LatentPreviewError } from '../index';
import type { ElementState, ProgressDetail } from './events';
import { styles } from './styles';

const texts = { start: 'Loading', latents: 'Loading latents', weights: 'Loading decoder', decode: 'Decoding' } as const;

/** One style sheet for all elements of a document. */
const sheets = new WeakMap<Document, CSSStyleSheet>();

export class Parts {
  readonly #root: ShadowRoot;
  #canvas = element('canvas', { part: 'canvas' });
  #drawnBy: string | undefined;
  readonly #progress = element('progress', { part: 'progress' });
  readonly #status = element('span', { part: 'status' });
  readonly #loading: HTMLElement;
  readonly #message = element('span', { part: 'message' });
  readonly #error: HTMLElement;
  readonly #frames = element('input', { part: 'frames', type: 'range', min: '0', 'aria-label': 'Frame' });
  readonly #bar = element('div', { class: 'frames', hidden: '' });
  #ratio = '';

  /** @param onRetry, onFrame what the person does */
  constructor(root: ShadowRoot, { onRetry, onFrame }: { onRetry: () => void; onFrame: (frame: number) => void }) {
    this.#root = root;
    const retry = element('button', { part: 'retry', type: 'button' });
    retry.textContent = 'Try again';
    retry.addEventListener('click', onRetry);
    this.#frames.addEventListener('input', () => onFrame(this.#frames.valueAsNumber));
    this.#loading = cover('loading', 'cover late', [this.#progress, this.#status]);
    this.#error = cover('error', 'cover', [this.#message, retry]);
    this.#error.role = 'alert';
    const natural = element('div', { class: 'natural' });
    this.#bar.append(this.#frames);
    root.append(natural, this.#canvas, this.#bar, this.#loading, this.#error);
  }

  /** Style sheets belong to one document. */
  style(document: Document): void {
    const { defaultView: window } = document;
    if (!window) return;
    const shared = sheets.get(document) ?? new window.CSSStyleSheet();
    if (!sheets.has(document)) shared.replaceSync(styles);
    sheets.set(document, shared);
    const own = new window.CSSStyleSheet();
    own.replaceSync(this.#ratio);
    this.#root.adoptedStyleSheets = [shared, own];
  }

  /** The element's shape where the page does not say, as an image's: that of the picture. False: as before. */
  shape(width: number, height: number): boolean {
    const ratio = `:host { aspect-ratio: ${width} / ${height}; } .natural { inline-size: ${width}px; }`;
    if (ratio === this.#ratio) return false;
    this.#ratio = ratio;
    this.#root.adoptedStyleSheets.at(-1)?.replaceSync(ratio);
    return true;
  }

  /** A canvas that has drawn one way cannot draw the other. */
  canvasFor(backend: string): HTMLCanvasElement {
    if (this.#drawnBy !== undefined && this.#drawnBy !== backend) {
      const fresh = this.#canvas.cloneNode() as HTMLCanvasElement;
      this.#canvas.replaceWith(fresh);
      this.#canvas = fresh;
    }
    this.#drawnBy = backend;
    return this.#canvas;
  }

  /** Whether the box has the picture's shape. */
  set exact(exact: boolean) {
    this.#canvas.classList.toggle('exact', exact);
  }

  /** Whether the picture fills the box, rather than lies within. */
  get fills(): boolean {
    return getComputedStyle(this.#canvas).objectFit !== 'contain';
  }

  set state(state: ElementState) {
    this.#canvas.hidden = state === 'empty';
    this.#loading.hidden = state !== 'loading';
    this.#error.hidden = state !== 'error';
    this.#bar.hidden = state !== 'shown' || this.#frames.max === '0';
    if (state !== 'error') this.#message.textContent = '';
    if (state !== 'loading') return;
    this.#progress.removeAttribute('value');
    this.#say(texts.start);
  }

  set progress({ phase, loaded, total }: ProgressDetail) {
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
    const share = total ? loaded / total : undefined;
    if (share === undefined) this.#progress.removeAttribute('value');
    else this.#progress.value = share;
    const amount = phase === 'decode' ? '' : `, ${megabytes(loaded)}${total ? ` of ${megabytes(total)}` : ''} MB`;
    this.#say(texts[phase], amount);
  }

  #say(what: string, amount = ''): void {
    this.#status.textContent = what + amount;
    this.#progress.ariaLabel = what;
  }

  set error({ message }: LatentPreviewError) {
    this.#message.textContent = message;
  }

  /** The canvas's name; undefined where the element as a whole is the picture. */
  set label(label: string | undefined) {
    this.#canvas.role = label === undefined ? null : 'img';
    this.#canvas.ariaLabel = label ?? null;
    this.#canvas.ariaHidden = label === undefined ? 'true' : null;
  }

  /** The slider is there where there is something to choose, and a picture. */
  frames(frame: number, frames: number): void {
    this.#frames.max = String(frames - 1);
    this.#frames.value = String(frame);
    this.#frames.ariaValueText = `${frame + 1} of ${frames}`;
  }
}

/** A part whose content the page may replace by an element with its name as `slot`. */
function cover(name: string, className: string, content: readonly HTMLElement[]): HTMLElement {
  const part = element('div', { part: name, class: className, hidden: '' });
  const slot = element('slot', { name });
  slot.append(...content);
  part.append(slot);
  return part;
}

function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>>,
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}
