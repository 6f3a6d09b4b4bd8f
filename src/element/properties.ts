// The element's attributes and properties: what pages say. Strings are attributes, objects are not.

import type { Decoder, LatentFormat } from '../index';
import type { PreviewElementBase } from './events';
import type { LatentsInput, Wish } from './wish';

// Servers have no HTMLElement. There the class can be imported, and nothing more.
const Base = (globalThis.HTMLElement ?? class {}) as unknown as {
  new (): PreviewElementBase;
  prototype: PreviewElementBase;
};

/** Reflected, as strings. */
const attributes = ['src', 'format', 'decoder', 'domain', 'frame', 'upscale', 'backend'] as const;
const properties = [...attributes, 'latents', 'device'] as const;

export abstract class PreviewProperties extends Base {
  /** @internal */
  static readonly observedAttributes: readonly string[] = [...attributes, 'aria-label'];

  #latents: LatentsInput | null = null;
  #format: LatentFormat | undefined;
  #decoder: Decoder | undefined;
  #device: GPUDevice | undefined;
  #revision = 0;

  /** Something is said anew. @internal */
  protected abstract changed(): void;

  /** URL of a file that `loadLatents` reads. */
  get src(): string {
    return this.#text('src');
  }
  set src(url: string) {
    this.setAttribute('src', url);
  }

  /** Shown in place of `src` unless null. Each time it is set, it is decoded, the same object too; of many, the newest. */
  get latents(): LatentsInput | null {
    return this.#latents;
  }
  set latents(latents: LatentsInput | null | undefined) {
    this.#latents = latents ?? null;
    this.#revision++;
    this.changed();
  }

  /** An id, or an object of your own. '': what the latents say. */
  get format(): string | LatentFormat {
    return this.#format ?? this.#text('format');
  }
  set format(format: string | LatentFormat) {
    this.#format = this.#own('format', format);
  }

  /**
   * `auto`, `mini`, `map` or `linear` as in createPreviewer, a name that `loadWeights` knows (`taesdxl`), a URL of weights, or
   * a decoder of your own. '': `auto`.
   */
  get decoder(): string | Decoder {
    return this.#decoder ?? this.#text('decoder');
  }
  set decoder(decoder: string | Decoder) {
    this.#decoder = this.#own('decoder', decoder);
  }

  /** `model` or `vae`. '': what the latents say, else `model`. */
  get domain(): string {
    return this.#text('domain');
  }
  set domain(domain: string) {
    this.setAttribute('domain', domain);
  }

  /** Which latent frame of a video, from 0; '' or `middle`: the middle one. */
  get frame(): string {
    return this.#text('frame');
  }
  set frame(frame: string | number) {
    this.setAttribute('frame', String(frame));
  }

  /**
   * Pixels per latent pixel and side, `latent` (as many as the decoder gives) or `image` (as many as the model's VAE would);
   * '' or `auto`: as many as the box can show, between those two.
   */
  get upscale(): string {
    return this.#text('upscale');
  }
  set upscale(upscale: string | number) {
    this.setAttribute('upscale', String(upscale));
  }

  /** As createPreviewer's: '' or `auto`, `webgpu`, `cpu`. */
  get backend(): string {
    return this.#text('backend');
  }
  set backend(backend: string) {
    this.setAttribute('backend', backend);
  }

  /** Your own, for latents in its buffers. It is never destroyed here, and not replaced where it is lost. */
  get device(): GPUDevice | undefined {
    return this.#device;
  }
  set device(device: GPUDevice | null | undefined) {
    this.#device = device ?? undefined;
    this.changed();
  }

  /** @internal */
  attributeChangedCallback(name: string): void {
    // An attribute that is set takes the place of an object.
    if (name === 'format') this.#format = undefined;
    if (name === 'decoder') this.#decoder = undefined;
    this.changed();
  }

  /** What was set before the element was defined hides what is defined. @internal */
  protected takeOver(): void {
    for (const name of properties) {
      if (!Object.hasOwn(this, name)) continue;
      const value: unknown = this[name];
      Reflect.deleteProperty(this, name);
      Reflect.set(this, name, value);
    }
  }

  /** Undefined where there is nothing to show. @internal */
  protected get wish(): Wish | undefined {
    const source = this.#latents ?? this.src;
    if (source === '') return undefined;
    const { format, decoder, device, backend, domain, frame, upscale } = this;
    return { source, revision: this.#revision, format, decoder, device, backend, domain, frame, upscale };
  }

  #text(name: (typeof attributes)[number]): string {
    return this.getAttribute(name) ?? '';
  }

  /** Strings are attributes; an object takes the attribute's place. */
  #own<T extends object>(name: 'format' | 'decoder', value: string | T): T | undefined {
    if (typeof value === 'string') this.setAttribute(name, value);
    else this.removeAttribute(name);
    this.changed();
    return typeof value === 'string' ? undefined : value;
  }
}
