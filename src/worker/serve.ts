// The worker's side: previewers and canvases by the numbers that the page gave them. Knows no worker, only a port to the page.

import { createPreviewer, formats, type LatentFormat, LatentPreviewError, type Previewer } from '../index';
import { receivedDecoder } from './decoder';
import { type Answer, type Created, type Request, type SentOptions, type SentPicture, sentError } from './messages';

/** A result, and what of it is handed over rather than copied. */
interface Result {
  readonly value: unknown;
  readonly transfer?: Transferable[];
}

type Decode = Extract<Request, { kind: 'decode' }>;

/** Answers what comes through the port until its other end is gone. */
export function serve(port: MessagePort): void {
  const previewers = new Map<number, Promise<Previewer>>();
  const canvases = new Map<number, OffscreenCanvas>();
  const calls = new Map<number, AbortController>();

  const post = (answer: Answer, transfer: Transferable[] = []): void => port.postMessage(answer, transfer);

  async function answer(call: number, run: (signal: AbortSignal) => Promise<Result>): Promise<void> {
    const controller = new AbortController();
    calls.set(call, controller);
    try {
      const { value, transfer } = await run(controller.signal);
      post({ call, value }, transfer);
    } catch (error) {
      // The page knows already, and has forgotten the call.
      if (!controller.signal.aborted) post({ call, error: sentError(error) });
    } finally {
      calls.delete(call);
    }
  }

  async function decode(request: Decode, signal: AbortSignal): Promise<Result> {
    const { call, latents, target } = request;
    const previewer = await previewers.get(request.previewer);
    if (!previewer) throw new LatentPreviewError('gpu-lost', 'previewer: it was destroyed; create a new one');
    const onProgress = (progress: number): void => post({ call, progress });
    const options = { ...request.options, signal, ...(request.progress ? { onProgress } : {}) };
    switch (target.method) {
      case 'toCanvas': {
        const canvas = canvases.get(target.canvas);
        if (!canvas) throw new LatentPreviewError('worker', 'worker: the canvas did not arrive');
        await previewer.toCanvas(latents, canvas, options);
        // The page has no device to ask when the frame is done; who waits for one before the next needs to know.
        // Where the device is lost meanwhile, the next frame says so.
        await previewer.device?.queue.onSubmittedWorkDone().catch(() => {});
        return { value: undefined };
      }
      case 'toImageData':
        return pictures([await previewer.toImageData(latents, options)]);
      case 'toImageDatas':
        return pictures(await previewer.toImageDatas(latents, options));
      case 'toImageBitmap': {
        const value = await previewer.toImageBitmap(latents, options);
        return { value, transfer: [value] };
      }
      case 'toBlob': {
        const { type, quality } = target;
        const asked = { ...(type === undefined ? {} : { type }), ...(quality === undefined ? {} : { quality }) };
        return { value: await previewer.toBlob(latents, { ...options, ...asked }) };
      }
    }
  }

  port.onmessage = ({ data: request }: MessageEvent<Request>) => {
    switch (request.kind) {
      case 'create': {
        const created = create(request.options);
        previewers.set(request.previewer, created);
        created.catch(() => previewers.delete(request.previewer));
        void answer(request.call, async () => ({ value: facts(await created) }));
        return;
      }
      case 'decode':
        void answer(request.call, (signal) => decode(request, signal));
        return;
      case 'abort':
        calls.get(request.call)?.abort();
        return;
      case 'destroy': {
        const previewer = previewers.get(request.previewer);
        previewers.delete(request.previewer);
        previewer?.then(
          (made) => made.destroy(),
          () => {},
        );
        return;
      }
      case 'canvas':
        canvases.set(request.id, request.canvas);
        return;
      case 'forget':
        canvases.delete(request.id);
    }
  };
}

async function create({ format, decoder, ...options }: SentOptions): Promise<Previewer> {
  return createPreviewer({
    ...options,
    format: known(format),
    ...(decoder ? { decoder: typeof decoder === 'string' ? decoder : receivedDecoder(decoder) } : {}),
  });
}

/** The package's own format where a copy of it was sent: a previewer chooses its map by that. */
function known(format: string | LatentFormat): string | LatentFormat {
  if (typeof format === 'string') return format;
  const own = formats[format.id];
  return own && JSON.stringify(own) === JSON.stringify(format) ? own : format;
}

function facts({ format, decoder, backend, precision }: Previewer): Created {
  const { layers: _, output: __, ...about } = decoder;
  return { format, decoder: about, backend, precision };
}

function pictures(images: readonly ImageData[]): Result {
  const value = images.map(
    ({ width, height, data }): SentPicture => ({ width, height, data: data as Uint8ClampedArray<ArrayBuffer> }),
  );
  return { value, transfer: value.map(({ data }) => data.buffer) };
}
