// The life of <latent-preview>. What pages say is properties.ts's, what it shows presenter.ts's, what is inside of it parts.ts's.

import type { LatentFormat, LatentPreviewError, LatentView } from '../index';
import type { ElementState, LatentPreviewEventMap } from './events';
import { Parts } from './parts';
import { Presenter } from './presenter';
import { PreviewProperties } from './properties';
import { Sight } from './sight';
import { readFrame, type Size } from './wish';

/** A window that is being dragged changes size many times a second. */
const resizeMilliseconds = 100;

/**
 * Latents on show, in a box of the page's: from `src` or, before that, `latents`. It decodes while it is connected and can
 * be seen, and shares device and previewers with the other elements of the page. Errors are events, and shown in the
 * element; nothing here throws.
 *
 * Register it by importing `latent-preview/element/define`, or under a name of your own:
 * `customElements.define('my-preview', class extends LatentPreviewElement {})`.
 */
export class LatentPreviewElement extends PreviewProperties {
  readonly #internals = this.attachInternals();
  readonly #parts: Parts;
  readonly #presenter: Presenter;
  readonly #sight: Sight;
  #queued = false;
  #resizing: ReturnType<typeof setTimeout> | undefined;
  #state: ElementState = 'empty';
  #frames = 1;
  #description = 'Latent preview';

  constructor() {
    super();
    this.#parts = new Parts(this.attachShadow({ mode: 'open' }), {
      onRetry: () => this.reload(),
      onFrame: (frame) => {
        this.frame = frame;
      },
    });
    this.#presenter = new Presenter({
      canvas: (backend) => this.#parts.canvasFor(backend),
      shape: (format, view) => this.#shape(format, view),
      sizeOf: (picture) => this.#sizeOf(picture),
      waiting: () => this.#enter('loading'),
      progressed: (detail) => {
        this.#parts.progress = detail;
        this.#dispatch('progress', detail);
      },
      shown: (detail, format, view) => {
        this.#describe(format, view, detail.frame);
        this.#enter('shown');
        this.#dispatch('load', detail);
      },
      failed: (error) => this.#fail(error),
      lost: (detail) => this.#dispatch('devicelost', detail),
    });
    this.#sight = new Sight(this, {
      seen: () => this.#wake(),
      resized: () => {
        clearTimeout(this.#resizing);
        const wait = this.#state === 'shown' ? resizeMilliseconds : 0;
        // What failed does not mend by another size.
        this.#resizing = setTimeout(() => this.#state !== 'error' && this.#presenter.refresh(), wait);
      },
    });
    this.#parts.style(this.ownerDocument);
    this.#enter('empty');
  }

  /** What it is doing. */
  get state(): ElementState {
    return this.#state;
  }

  /** Loads and decodes again, after an error for instance. */
  reload(): void {
    this.#presenter.reload();
  }

  /** @internal */
  connectedCallback(): void {
    this.takeOver();
    this.#sight.start();
    this.changed();
  }

  /** @internal */
  disconnectedCallback(): void {
    // Who moves an element takes it out first: what is put back in the same task keeps all.
    queueMicrotask(() => {
      if (this.isConnected) return;
      clearTimeout(this.#resizing);
      this.#sight.stop();
      this.#wake();
      this.#presenter.stop();
    });
  }

  /** @internal */
  adoptedCallback(): void {
    this.#parts.style(this.ownerDocument);
  }

  /** @internal */
  override attributeChangedCallback(name: string): void {
    if (name === 'aria-label') this.#label();
    else super.attributeChangedCallback(name);
  }

  /** Once for all that is set in one task. @internal */
  protected override changed(): void {
    if (this.#queued || !this.isConnected) return;
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      if (!this.isConnected) return;
      const { wish } = this;
      if (!wish) this.#enter('empty');
      this.#presenter.want(wish);
      this.#wake();
    });
  }

  #wake(): void {
    this.#presenter.awake = this.isConnected && this.#sight.visible;
  }

  #fail(error: LatentPreviewError): void {
    this.#parts.error = error;
    this.#enter('error');
    this.#dispatch('error', error);
  }

  #enter(state: ElementState): void {
    // Browsers of before refuse names without dashes.
    if (CSS.supports('selector(:state(x))')) {
      this.#internals.states.delete(this.#state);
      this.#internals.states.add(state);
    }
    this.#state = state;
    this.#parts.state = state;
    this.#label();
  }

  #shape({ spatialDownscale }: LatentFormat, { width, height }: LatentView): boolean {
    const { offsetWidth, offsetHeight } = this;
    if (!this.#parts.shape(width * spatialDownscale, height * spatialDownscale)) return false;
    if (offsetWidth === this.offsetWidth && offsetHeight === this.offsetHeight) return false;
    // Boxes are measured between the two.
    requestAnimationFrame(() => setTimeout(() => this.#presenter.refresh()));
    return true;
  }

  #sizeOf({ width, height }: Size): Size {
    const { width: columns, height: rows } = this.#sight;
    const exact = Math.abs(columns * (height / width) - rows) < 1;
    this.#parts.exact = exact;
    if (exact) return { width: Math.round(columns), height: Math.round(rows) };
    const scales = [columns / width, rows / height];
    const scale = this.#parts.fills ? Math.max(...scales) : Math.min(...scales);
    return { width: Math.round(width * scale), height: Math.round(height * scale) };
  }

  /** Slider and words for what is on show. */
  #describe({ name, spatialDownscale }: LatentFormat, { width, height, frames }: LatentView, frame: number): void {
    this.#frames = frames;
    // Not back to the one on show, where a person has moved on.
    this.#parts.frames(readFrame(this.frame) ?? frame, frames);
    const place = frames > 1 ? `, frame ${frame + 1} of ${frames}` : '';
    const size = `${width * spatialDownscale} × ${height * spatialDownscale}`;
    this.#description = `${name} latent preview, ${size}${place}`;
  }

  /** To screen readers it is one picture, or a group where there is more in it to reach. */
  #label(): void {
    const shown = this.#state === 'shown';
    const several = this.#frames > 1;
    this.#internals.role = shown && !several ? 'img' : 'group';
    this.#internals.ariaLabel = this.#description;
    this.#internals.ariaBusy = String(this.#state === 'loading');
    this.#parts.label = shown && several ? this.ariaLabel || this.#description : undefined;
  }

  #dispatch<Name extends 'load' | 'progress' | 'error' | 'devicelost'>(
    name: Name,
    detail: LatentPreviewEventMap[Name]['detail'],
  ): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
