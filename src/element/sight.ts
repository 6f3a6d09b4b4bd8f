// Whether an element can be seen, and how many device pixels its box has.

export class Sight {
  readonly #element: HTMLElement;
  readonly #seen: () => void;
  readonly #resized: () => void;
  #document: Document | undefined;
  #intersection: IntersectionObserver | undefined;
  #resize: ResizeObserver | undefined;
  #near = false;
  #width = 0;
  #height = 0;

  /** @param seen when `visible` may have changed; @param resized when `width` or `height` did */
  constructor(element: HTMLElement, { seen, resized }: { seen: () => void; resized: () => void }) {
    this.#element = element;
    this.#seen = seen;
    this.#resized = resized;
  }

  get visible(): boolean {
    return this.#near && this.#document?.visibilityState === 'visible';
  }

  /** Of the content box, in device pixels. */
  get width(): number {
    return this.#width;
  }

  get height(): number {
    return this.#height;
  }

  start(): void {
    this.stop();
    this.#document = this.#element.ownerDocument;
    this.#document.addEventListener('visibilitychange', this.#seen);
    this.#intersection = new IntersectionObserver(
      (entries) => {
        this.#near = entries.at(-1)?.isIntersecting ?? false;
        this.#seen();
      },
      // So near that the next moment may show it.
      { rootMargin: '100px' },
    );
    this.#intersection.observe(this.#element);
    this.#resize = new ResizeObserver(([entry]) => {
      if (entry) this.#measure(entry);
    });
    try {
      this.#resize.observe(this.#element, { box: 'device-pixel-content-box' });
    } catch {
      // Safari has no such box.
      this.#resize.observe(this.#element);
    }
  }

  stop(): void {
    this.#document?.removeEventListener('visibilitychange', this.#seen);
    this.#document = undefined;
    this.#intersection?.disconnect();
    this.#resize?.disconnect();
    this.#near = false;
  }

  #measure({ devicePixelContentBoxSize, contentBoxSize }: ResizeObserverEntry): void {
    const [exact] = devicePixelContentBoxSize ?? [];
    const [logical] = contentBoxSize;
    const ratio = exact ? 1 : (this.#element.ownerDocument.defaultView?.devicePixelRatio ?? 1);
    const { inlineSize = 0, blockSize = 0 } = exact ?? logical ?? {};
    // Latents have no writing direction.
    const vertical = getComputedStyle(this.#element).writingMode.startsWith('vertical');
    const [width, height] = (vertical ? [blockSize, inlineSize] : [inlineSize, blockSize]).map((size) => size * ratio);
    if (width === this.#width && height === this.#height) return;
    [this.#width, this.#height] = [width, height];
    this.#resized();
  }
}
