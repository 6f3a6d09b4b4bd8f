// The live page's canvas: a previewer of the format that comes, and the stream that keeps up with it.

import { createPreviewer, formats, type Previewer } from '../src/index';
import { createPreviewStream, type LatentStep, type PreviewStream, type StreamStatistics } from '../src/stream/index';
import { byId } from './dom';
import { askedDecoder } from './minis';
import type { Backend } from './state';

export interface LiveShow {
  /** Whether there is a picture. */
  readonly shows: boolean;
  /** Resolves once the step is handed over. @throws Error what can be helped on the page, in words for it */
  push(step: LatentStep, signal: AbortSignal): Promise<void>;
  /** Counts anew; the picture stays. */
  restart(): void;
  /** Settings have changed: the next step begins afresh. */
  free(): void;
}

export interface LiveShowOptions {
  /** What is taken as the steps' format; empty: what the sender says. */
  readonly format: () => string;
  readonly size: () => 'latent' | 'image';
  readonly backend: () => Backend;
  readonly onShown: (step: LatentStep, statistics: StreamStatistics) => void;
  /** A step could not be shown. */
  readonly onError: (error: unknown) => void;
}

interface Made {
  readonly id: string;
  readonly previewer: Previewer;
  readonly canvas: HTMLCanvasElement;
  stream: PreviewStream;
}

export function createLiveShow({ format, size, backend, onShown, onError }: LiveShowOptions): LiveShow {
  let made: Made | undefined;
  let shows = false;

  function streamTo(previewer: Previewer, canvas: HTMLCanvasElement): PreviewStream {
    const stream = createPreviewStream(previewer, canvas, {
      size: size(),
      resample: 'bicubic',
      onShown({ frame }) {
        const step = frame as LatentStep;
        shows = true;
        const { style } = canvas.closest('.picture') as HTMLElement;
        style.setProperty('--width', String(canvas.width));
        style.setProperty('--height', String(canvas.height));
        canvas.ariaLabel = `${previewer.format.name}, step ${step.step}, ${canvas.width}×${canvas.height}`;
        onShown(step, stream.statistics);
      },
    });
    return stream;
  }

  async function make(id: string): Promise<Made> {
    const previewer = await createPreviewer({ format: id, decoder: askedDecoder(), backend: backend() });
    // A canvas keeps its first kind of context.
    const old = byId('live-canvas', HTMLCanvasElement);
    const canvas = old.cloneNode() as HTMLCanvasElement;
    old.replaceWith(canvas);
    const where = previewer.backend === 'cpu' ? 'the CPU' : 'the GPU';
    byId('live-decoder', HTMLElement).textContent =
      `${previewer.format.name}, decoded by ${previewer.decoder.name} on ${where}`;
    return { id, previewer, canvas, stream: streamTo(previewer, canvas) };
  }

  function free(): void {
    made?.stream.destroy();
    made?.previewer.destroy();
    made = undefined;
  }

  return {
    get shows() {
      return shows;
    },
    async push(step, signal) {
      const chosen = format();
      const id = chosen || step.latents.format?.id;
      if (!id)
        throw new Error(
          `The sender ${step.formatId ? `says ‘${step.formatId}’, which is not known here` : 'does not say which format it sends'}; ` +
            'choose one under “How they are shown”.',
        );
      if (made?.id !== id) {
        free();
        const fresh = await make(id);
        // The connection was closed meanwhile.
        if (signal.aborted || made) {
          fresh.stream.destroy();
          return fresh.previewer.destroy();
        }
        made = fresh;
      }
      const latents = chosen ? { ...step.latents, format: formats[chosen] } : step.latents;
      made.stream.push({ ...step, latents } as LatentStep).catch((error: unknown) => {
        if (!signal.aborted) onError(error);
      });
    },
    restart() {
      if (!made) return;
      made.stream.destroy();
      made.stream = streamTo(made.previewer, made.canvas);
    },
    free,
  };
}
