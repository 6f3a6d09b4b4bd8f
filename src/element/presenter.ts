// From a wish to a picture on the element's canvas. One thing at a time and the newest next, so that an older picture never
// covers a newer one; nothing while nobody can see it. Knows no element and no page: what happens goes to its stage.

import {
  type DeviceLoss,
  type FrameOptions,
  type LatentFormat,
  LatentPreviewError,
  type Latents,
  type LatentView,
  loadLatents,
  type Previewer,
  viewLatents,
} from '../index';
import type { DeviceLostDetail, LoadDetail, ProgressDetail } from './events';
import { type Lease, leasePreviewer, sameWanted, type Wanted } from './shared';
import {
  formatOf,
  isOther,
  pictureSize,
  readBackend,
  readDomain,
  readFrame,
  readUpscale,
  type Size,
  toLatents,
  type Wish,
} from './wish';

/** Where the picture goes, and who is told what happens. */
export interface Stage {
  /** The canvas for one kind of drawing: a canvas has one kind of context for good. */
  canvas(backend: Previewer['backend']): HTMLCanvasElement;
  /** Gives the box the picture's shape. True where it has another size now: a refresh follows once it is measured. */
  shape(format: LatentFormat, view: LatentView): boolean;
  /** The picture's size in the box, in device pixels. */
  sizeOf(picture: Size): Size;
  /** Something is fetched or compiled first. */
  waiting(): void;
  progressed(detail: ProgressDetail): void;
  shown(detail: LoadDetail, format: LatentFormat, view: LatentView): void;
  failed(error: LatentPreviewError): void;
  lost(detail: DeviceLostDetail): void;
}

interface Loaded extends Pick<Wish, 'source' | 'revision'> {
  readonly latents: Latents;
}

/** What is on the canvas; the same again is not decoded again. */
interface Frame {
  readonly previewer: Previewer;
  readonly latents: Latents;
  readonly frame: number;
  readonly size: FrameOptions['size'];
}

export class Presenter {
  readonly #stage: Stage;
  #wish: Wish | undefined;
  #awake = false;
  /** Something changed since the last attempt began. */
  #changed = false;
  #running = false;
  #controller = new AbortController();
  #loaded: Loaded | undefined;
  #lease: Lease | undefined;
  #shown: Frame | undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /**
   * What is to be shown from now on. Another file, format or decoder ends what is under way; another frame or newer latents
   * wait for the decode that is running, for those of a stream would else end each other for ever.
   */
  want(wish: Wish | undefined): void {
    const other = !wish || !this.#wish || isOther(this.#wish, wish);
    this.#wish = wish;
    if (other) this.#startOver();
    if (!wish) this.stop();
    this.refresh();
  }

  /** Whether anybody can see it. */
  set awake(awake: boolean) {
    this.#awake = awake;
    this.#run();
  }

  /** The box, or what else the picture's size depends on, may have changed. */
  refresh(): void {
    this.#changed = true;
    this.#run();
  }

  /** From the start, the file too. */
  reload(): void {
    this.#startOver();
    this.#loaded = undefined;
    this.refresh();
  }

  /** Ends what is under way and gives its share of the GPU back. */
  stop(): void {
    this.#startOver();
    this.#release();
    this.#changed = true;
  }

  #startOver(): void {
    this.#controller.abort();
    this.#shown = undefined;
  }

  #release(): void {
    this.#lease?.release();
    this.#lease = undefined;
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    while (this.#changed && this.#awake && this.#wish) {
      this.#changed = false;
      this.#controller = new AbortController();
      const { signal } = this.#controller;
      try {
        await this.#present(this.#wish, signal);
      } catch (error) {
        if (!signal.aborted) this.#fail(error);
      }
    }
    this.#running = false;
  }

  async #present(wish: Wish, signal: AbortSignal): Promise<void> {
    const [domain, asked, upscale] = [readDomain(wish.domain), readFrame(wish.frame), readUpscale(wish.upscale)];
    // Both at once where the format need not be read from the file.
    if (wish.format !== '') this.#leaseFor(wish, wish.format);
    const loaded = await this.#load(wish, signal);
    const wanted = wish.format === '' ? await formatOf(loaded) : wish.format;
    signal.throwIfAborted();
    const previewer = await this.#leaseFor(wish, wanted).previewer;
    signal.throwIfAborted();
    // Hidden, or something newer came, while this one waited.
    this.#changed ||= !this.#awake;
    if (this.#changed) return;
    const { format, decoder, backend } = previewer;
    const latents: Latents = domain ? { ...loaded, domain, domainFrom: 'caller' } : loaded;
    const view = viewLatents(latents, format);
    if (this.#stage.shape(format, view)) return;
    const frame = asked ?? Math.floor(view.frames / 2);
    const size = pictureSize(upscale, view, previewer, (picture) => this.#stage.sizeOf(picture));
    const next: Frame = { previewer, latents: loaded, frame, size };
    if (this.#shown && isSame(this.#shown, next)) return;
    const canvas = this.#stage.canvas(backend);
    const started = performance.now();
    const onProgress = (done: number): void => this.#stage.progressed({ phase: 'decode', loaded: done, total: 1 });
    await previewer.toCanvas(latents, canvas, { frame, size, resample: 'bicubic', signal, onProgress });
    const milliseconds = performance.now() - started;
    this.#shown = next;
    const { width, height } = canvas;
    const names = { format: format.id, decoder: decoder.name, backend };
    this.#stage.shown({ width, height, frame, frames: view.frames, ...names, milliseconds }, format, view);
  }

  async #load({ source, revision, device }: Wish, signal: AbortSignal): Promise<Latents> {
    if (this.#loaded?.source === source && this.#loaded.revision === revision) return this.#loaded.latents;
    this.#shown = undefined;
    let latents: Latents;
    if (typeof source === 'string') {
      this.#stage.waiting();
      const onProgress = (progress: Omit<ProgressDetail, 'phase'>): void =>
        this.#stage.progressed({ phase: 'latents', ...progress });
      latents = await loadLatents(source, { signal, onProgress });
    } else latents = toLatents(source, device);
    this.#loaded = { source, revision, latents };
    return latents;
  }

  /** The lease there is, or another one in its place. */
  #leaseFor({ decoder, device, backend }: Wish, format: Wanted['format']): Lease {
    const wanted: Wanted = { format, decoder, device, backend: readBackend(backend) };
    const before = this.#lease;
    if (before && sameWanted(before.wanted, wanted)) return before;
    this.#stage.waiting();
    this.#shown = undefined;
    const lease = leasePreviewer(wanted, {
      progressed: (progress) => this.#stage.progressed({ phase: 'weights', ...progress }),
      lost: (loss) => {
        if (this.#lease === lease) this.#lose(loss, lease.wanted);
      },
    });
    this.#lease = lease;
    // Where the file fails first, nobody asks.
    lease.previewer.catch(() => {});
    // After the new one is taken, so that both share the device.
    before?.release();
    return lease;
  }

  /** The device went, at work or idle. What was on the canvas may have gone with it. */
  #lose({ reason, message, recovering, error }: DeviceLoss, { device, backend }: Wanted): void {
    this.#shown = undefined;
    // Where no GPU is left, `auto` is the CPU.
    const cause = error?.cause;
    const onCpu =
      !device && backend === 'auto' && cause instanceof LatentPreviewError && cause.code === 'gpu-unavailable';
    this.#stage.lost({ reason, message, recovering: recovering || onCpu });
    if (!recovering) {
      this.#release();
      this.#controller.abort();
    }
    if (recovering || onCpu) {
      this.#stage.waiting();
      this.refresh();
    } else {
      // Nor what the losses before asked for.
      this.#changed = false;
      this.#stage.failed(lostError(message, device));
    }
  }

  #fail(error: unknown): void {
    this.#release();
    this.#shown = undefined;
    this.#stage.failed(error instanceof LatentPreviewError ? error : unexpected(error));
  }
}

/** In the words of who writes HTML. */
function lostError(message: string, device: GPUDevice | undefined): LatentPreviewError {
  const said = message || 'no reason given';
  return new LatentPreviewError(
    'gpu-lost',
    device
      ? `latent-preview: the page's device was lost (${said}); set \`device\` to a new one`
      : `latent-preview: the GPU was lost (${said}), and new devices did not help; reload the page, or set backend="cpu"`,
  );
}

const isSame = (a: Frame, b: Frame): boolean =>
  a.previewer === b.previewer &&
  a.latents === b.latents &&
  a.frame === b.frame &&
  JSON.stringify(a.size) === JSON.stringify(b.size);

const unexpected = (cause: unknown): LatentPreviewError =>
  new LatentPreviewError('format', `latent-preview: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause,
  });
