// createWorkerPreviewer(): a previewer in a worker, with the methods of one in the page. Light: the library itself is loaded
// over there.

import { type Canvas, fitCanvas, toImageData } from '../canvas';
import type { Decoder } from '../decoders/decoder';
import { LatentPreviewError } from '../errors';
import type { LatentFormat } from '../formats/format';
import type { Precision } from '../gpu/precision';
import type { Latents } from '../latents';
import type { FrameOptions, PreviewerOptions } from '../previewer';
import type { Tensor } from '../tensor';
import { Connection } from './connection';
import type { Created, DecoderFacts, SentDecoder, SentFrameOptions, SentPicture, Target } from './messages';
import { startWorker } from './start';

export type { DecoderFacts };

export interface WorkerPreviewerOptions
  extends Pick<PreviewerOptions, 'format' | 'decoder' | 'frameBudget' | 'backend' | 'precision'> {
  /**
   * A worker of yours whose script imports `latent-preview/worker/run`, for pages whose policy or origin does not let the
   * library start its own, or for several previewers in one worker, which may then draw on the same canvas. It stays yours:
   * `destroy()` does not end it. Default: a new one, for this previewer alone.
   */
  readonly worker?: Worker;
  /** Aborts the creation, which rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface WorkerFrameOptions extends FrameOptions {
  /**
   * True: the latents' memory goes to the worker without a copy, and the caller's array is empty afterwards. Default: the
   * worker gets a copy of the tensor's own bytes (memory that is a SharedArrayBuffer is shared, not copied). True with an
   * array that is part of a larger buffer copies all the same.
   */
  readonly transfer?: boolean;
}

/**
 * Made by {@link createWorkerPreviewer}. What `Previewer` has, but `record()` and a device: GPU objects stay in the
 * worker. Rejects with what a previewer's methods reject with, and `worker` where the worker fails. Latents in a GPU buffer
 * are refused (`gpu-unavailable`).
 */
export interface WorkerPreviewer {
  readonly format: LatentFormat;
  /** What it is; its layers are over there. */
  readonly decoder: DecoderFacts;
  readonly backend: 'webgpu' | 'cpu';
  /** Always undefined: it is the worker's. */
  readonly device: undefined;
  readonly precision: Precision;
  /**
   * Decodes onto a canvas and sets its size. Resolves once the frame is drawn, the GPU's work included.
   *
   * A canvas without a context goes to the worker for good, which draws on it without the page; its `width` and `height` follow
   * with the browser's next frame. One with a context `2d` or `bitmaprenderer` stays the page's and gets an ImageBitmap.
   */
  toCanvas(latents: Latents, canvas: Canvas, options?: WorkerFrameOptions): Promise<void>;
  /** sRGB, 8 bits, opaque. Its memory is handed over, not copied. */
  toImageData(latents: Latents, options?: WorkerFrameOptions): Promise<ImageData>;
  /** All items of a batch and all frames of a video, item by item. */
  toImageDatas(latents: Latents, options?: WorkerFrameOptions): Promise<ImageData[]>;
  /** Handed over, not copied. `close()` it after use. */
  toImageBitmap(latents: Latents, options?: WorkerFrameOptions): Promise<ImageBitmap>;
  /** An encoded picture; `type` default `image/png`. */
  toBlob(latents: Latents, options?: WorkerFrameOptions & { type?: string; quality?: number }): Promise<Blob>;
  /** Frees what it has over there, and ends the worker unless it is yours. Calls under way and after it reject with `gpu-lost`. */
  destroy(): void;
}

/**
 * A previewer in a worker: decodes neither wait for the page nor hold it up. Decoders are sent over, weights copied once.
 * @throws LatentPreviewError what `createPreviewer` rejects with, and `worker` where the worker cannot be started
 */
export async function createWorkerPreviewer({
  format,
  decoder,
  frameBudget,
  backend,
  precision,
  worker,
  signal,
}: WorkerPreviewerOptions): Promise<WorkerPreviewer> {
  signal?.throwIfAborted();
  const own = worker ? undefined : startWorker();
  const connection = connect(own ?? (worker as Worker));
  const previewer = connection.number();
  const end = (): void => {
    if (own) {
      connection.close(destroyed());
      own.terminate();
    } else connection.post({ kind: 'destroy', previewer });
  };
  const options = {
    format,
    ...(decoder ? { decoder: typeof decoder === 'string' ? decoder : sentDecoder(decoder) } : {}),
    ...(frameBudget === undefined ? {} : { frameBudget }),
    ...(backend ? { backend } : {}),
    ...(precision ? { precision } : {}),
  };
  try {
    const ask = (call: number) => ({ kind: 'create' as const, call, previewer, options });
    const created = (await connection.call(ask, signal ? { signals: [signal] } : {})) as Created;
    return new RemotePreviewer(connection, previewer, created, end);
  } catch (error) {
    end();
    throw error;
  }
}

/** One for all previewers of a worker, so that they know each other's canvases. */
const connections = new WeakMap<Worker, Connection>();

function connect(worker: Worker): Connection {
  const connection = connections.get(worker) ?? new Connection(worker);
  connections.set(worker, connection);
  return connection;
}

const destroyed = (): LatentPreviewError =>
  new LatentPreviewError('gpu-lost', 'previewer: it was destroyed; create a new one');

class RemotePreviewer implements WorkerPreviewer {
  readonly format: LatentFormat;
  readonly decoder: DecoderFacts;
  readonly backend: 'webgpu' | 'cpu';
  readonly device = undefined;
  readonly precision: Precision;
  readonly #connection: Connection;
  readonly #number: number;
  readonly #end: () => void;
  readonly #over = new AbortController();

  constructor(connection: Connection, number: number, created: Created, end: () => void) {
    this.#connection = connection;
    this.#number = number;
    this.#end = end;
    ({ format: this.format, decoder: this.decoder, backend: this.backend, precision: this.precision } = created);
  }

  async toCanvas(latents: Latents, canvas: Canvas, options: WorkerFrameOptions = {}): Promise<void> {
    // Before the canvas goes over: there is no way back for it.
    options.signal?.throwIfAborted();
    this.#over.signal.throwIfAborted();
    tensorInMemory(latents);
    const there = this.#connection.canvas(canvas);
    if (there !== undefined) {
      await this.#decode(latents, options, { method: 'toCanvas', canvas: there });
      return;
    }
    const draw = drawer(canvas);
    draw(await this.toImageBitmap(latents, options));
  }

  async toImageData(latents: Latents, options: WorkerFrameOptions = {}): Promise<ImageData> {
    const [picture] = (await this.#decode(latents, options, { method: 'toImageData' })) as SentPicture[];
    return toImageData(picture);
  }

  async toImageDatas(latents: Latents, options: WorkerFrameOptions = {}): Promise<ImageData[]> {
    return ((await this.#decode(latents, options, { method: 'toImageDatas' })) as SentPicture[]).map(toImageData);
  }

  async toImageBitmap(latents: Latents, options: WorkerFrameOptions = {}): Promise<ImageBitmap> {
    return (await this.#decode(latents, options, { method: 'toImageBitmap' })) as ImageBitmap;
  }

  async toBlob(
    latents: Latents,
    { type, quality, ...options }: WorkerFrameOptions & { type?: string; quality?: number } = {},
  ): Promise<Blob> {
    const asked = { ...(type === undefined ? {} : { type }), ...(quality === undefined ? {} : { quality }) };
    return (await this.#decode(latents, options, { method: 'toBlob', ...asked })) as Blob;
  }

  destroy(): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort(destroyed());
    this.#end();
  }

  async #decode(
    latents: Latents,
    { signal, onProgress, transfer, ...options }: WorkerFrameOptions,
    target: Target,
  ): Promise<unknown> {
    const signals = [this.#over.signal, ...(signal ? [signal] : [])];
    // Not emptied for a call that comes to nothing.
    for (const one of signals) one.throwIfAborted();
    const [sent, handedOver] = sentLatents(latents, transfer === true);
    const ask = (call: number) => ({
      ...{ kind: 'decode' as const, call, previewer: this.#number, latents: sent, target },
      options: plainOptions(options),
      progress: onProgress !== undefined,
    });
    return this.#connection.call(ask, { signals, ...(onProgress ? { onProgress } : {}) }, handedOver);
  }
}

const plainOptions = ({ item, frame, size, resample }: FrameOptions): SentFrameOptions => ({
  ...(item === undefined ? {} : { item }),
  ...(frame === undefined ? {} : { frame }),
  ...(size === undefined ? {} : { size }),
  ...(resample === undefined ? {} : { resample }),
});

const sentDecoder = ({ layers, ...decoder }: Decoder): SentDecoder => ({
  ...decoder,
  layers: layers.map(({ name, bound, from, add }) => ({
    ...{ op: name, params: bound.params },
    ...(from === undefined ? {} : { from }),
    ...(add === undefined ? {} : { add }),
  })),
});

/** The tensor of latents in CPU memory. @throws LatentPreviewError `gpu-unavailable` for others */
function tensorInMemory({ tensor }: Latents): Tensor {
  if (!('buffer' in tensor)) return tensor;
  throw new LatentPreviewError(
    'gpu-unavailable',
    "latents: they lie in a buffer of the page's GPU device, which a worker cannot reach; use createPreviewer with that device",
  );
}

/** What a decode needs of them, and what is handed over. @throws LatentPreviewError `gpu-unavailable` */
function sentLatents(latents: Latents, transfer: boolean): [Latents, Transferable[]] {
  const { metadata: _workflow, hints: _hints, reason: _reason, ...needed } = latents;
  const tensor = tensorInMemory(latents);
  const { data } = tensor;
  const { buffer } = data;
  // A copy of a part of a buffer would be a copy of the whole of it.
  const part = buffer instanceof ArrayBuffer && data.byteLength < buffer.byteLength;
  const sent = part ? data.slice() : data;
  const handedOver = part || (transfer && buffer instanceof ArrayBuffer) ? [sent.buffer as ArrayBuffer] : [];
  return [{ ...needed, tensor: { ...tensor, data: sent } as Tensor }, handedOver];
}

/** How a picture gets onto a canvas that stays in the page. @throws LatentPreviewError `gpu-unavailable` */
function drawer(canvas: Canvas): (bitmap: ImageBitmap) => void {
  const context = contextOf(canvas);
  if (!context)
    throw new LatentPreviewError(
      'gpu-unavailable',
      'canvas: it has a context of another kind, or went to another worker; use a fresh canvas, or one `worker` for all ' +
        'previewers that draw on it',
    );
  return (bitmap) => {
    fitCanvas(canvas, bitmap.width, bitmap.height);
    if ('transferFromImageBitmap' in context) return context.transferFromImageBitmap(bitmap);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
  };
}

type PageContext = ImageBitmapRenderingContext | CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

function contextOf(canvas: Canvas): PageContext | null {
  try {
    const get = (kind: 'bitmaprenderer' | '2d') => canvas.getContext(kind) as PageContext | null;
    return get('bitmaprenderer') ?? get('2d');
  } catch {
    // It went to another worker.
    return null;
  }
}
