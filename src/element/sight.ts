// Whether an element can be seen, and how many device pixels its box has.

export class Sight {
  readonly #element: HTMLElement;
  readonly #seen: () => void;
  readonly #resized: () => void;
  #document: Document | undefined;
  #intersection: IntersectionObserver | undefined;
  #resize: ResizeObserver | undefined;
  #screen: MediaQueryList | undefined;
  #entry: ResizeObserverEntry | undefined;
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
      this.#entry = entry;
      this.#measure();
    });
    try {
      this.#resize.observe(this.#element, { box: 'device-pixel-content-box' });
    } catch {
      // Safari has no such box.
      this.#resize.observe(this.#element);
    }
    this.#watchScreen();
  }

  stop(): void {
    this.#document?.removeEventListener('visibilitychange', this.#seen);
    this.#document = undefined;
    this.#intersection?.disconnect();
    this.#resize?.disconnect();
    this.#screen?.removeEventListener('change', this.#screenChanged);
    this.#near = false;
  }

  /** A box in CSS pixels says nothing when the window goes to another screen. */
  #watchScreen(): void {
    this.#screen = this.#window.matchMedia(`(resolution: ${this.#window.devicePixelRatio}dppx)`);
    this.#screen.addEventListener('change', this.#screenChanged, { once: true });
  }

  readonly #screenChanged = (): void => {
    this.#watchScreen();
    this.#measure();
  };

  get #window(): Window {
    return this.#element.ownerDocument.defaultView ?? window;
  }

  #measure(): void {
    if (!this.#entry) return;
    const { devicePixelContentBoxSize, contentBoxSize } = this.#entry;
    const box = (size: ResizeObserverSize | undefined, ratio: number): [number, number] => {
      const [inline, block] = [(size?.inlineSize ?? 0) * ratio, (size?.blockSize ?? 0) * ratio];
      // Latents have no writing direction.
      const vertical = getComputedStyle(this.#element).writingMode.startsWith('vertical');
      return vertical ? [block, inline] : [inline, block];
    };
    const [width, height] = box(contentBoxSize[0], this.#window.devicePixelRatio);
    const exact = box(devicePixelContentBoxSize?.[0], 1);
    // Emulated screens leave that box in CSS pixels.
    const isSane = Math.abs(exact[0] - width) < 2 && Math.abs(exact[1] - height) < 2;
    const [before, now] = [[this.#width, this.#height], isSane ? exact : [width, height]];
    [this.#width, this.#height] = now as [number, number];
    if (now.join() !== before.join()) this.#resized();
  }
}
