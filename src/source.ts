// Where bytes come from: a URL, File, Blob, response or memory → bytes, with progress and cancellation. Nothing here knows
// what they mean.

import { LatentPreviewError } from './errors';

/** Where bytes come from: a URL, a File or Blob, bytes in memory, or a fetch's response. */
export type Source = string | URL | Blob | ArrayBuffer | ArrayBufferView | Response;

export interface Progress {
  /** Bytes so far. */
  readonly loaded: number;
  /** Undefined where the server does not say. */
  readonly total: number | undefined;
}

export interface LoadOptions {
  /** Aborts the download; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** A file of a repository on huggingface.co. */
export interface HubFile {
  /** `owner/name`. */
  readonly repo: string;
  /** Its path in the repository. */
  readonly file: string;
  /** A commit, which pins the file, or a branch or tag; default `main`. */
  readonly revision?: string;
  /** Of the whole file, 64 hexadecimal digits. */
  readonly sha256?: string;
}

export interface LoadWeightsOptions extends LoadOptions {
  /** Of the whole file, 64 hexadecimal digits; anything else is refused. */
  readonly sha256?: string;
  /**
   * Whether a download is kept in the browser's Cache Storage, under `latent-preview-weights`, and taken from there the next
   * time. Default: true where a sha256 or a commit says which file it is, else false, for nothing tells when a URL's file
   * has changed. Where there is no such storage, or no room in it, weights are loaded all the same.
   */
  readonly cache?: boolean;
}

/** @throws LatentPreviewError `file` */
export async function readSource(
  source: Source,
  { signal, onProgress }: LoadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  signal?.throwIfAborted();
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (ArrayBuffer.isView(source)) return copyIfShared(source);
  if (typeof Blob === 'function' && source instanceof Blob)
    return readStream(source.stream(), source.size, signal, onProgress);
  if (source instanceof Response) return readResponse(source, signal, onProgress);
  if (typeof source !== 'string' && !(source instanceof URL))
    throw new LatentPreviewError(
      'file',
      `load: cannot read from ${Object.prototype.toString.call(source).slice(8, -1)}`,
    );
  const response = await fetch(source, signal ? { signal } : {}).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw new LatentPreviewError(
      'file',
      `load: ${source} could not be fetched; the server may be down, offline, or not allow this page (CORS); ` +
        'a File that was saved from there can be given instead',
      { cause },
    );
  });
  return readResponse(response, signal, onProgress);
}

/** Views of shared memory may change while they are read. */
function copyIfShared(view: ArrayBufferView): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
  return view.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes);
}

async function readResponse(
  response: Response,
  signal: AbortSignal | undefined,
  onProgress: LoadOptions['onProgress'],
): Promise<Uint8Array<ArrayBuffer>> {
  const where = response.url || 'the response';
  if (!response.ok)
    throw new LatentPreviewError('file', `load: ${where} answered ${response.status} ${response.statusText}`.trimEnd());
  if (!response.body) return new Uint8Array(await response.arrayBuffer());
  // With a content encoding the length is that of the compressed bytes.
  const length = response.headers.get('content-encoding') ? null : response.headers.get('content-length');
  return readStream(response.body, length === null ? undefined : Number(length), signal, onProgress).catch(
    (cause: unknown) => {
      signal?.throwIfAborted();
      throw new LatentPreviewError('file', `load: ${where} broke off while it was read; try again`, { cause });
    },
  );
}

async function readStream(
  stream: ReadableStream<Uint8Array>,
  total: number | undefined,
  signal: AbortSignal | undefined,
  onProgress: LoadOptions['onProgress'],
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  const reader = stream.getReader();
  const cancel = (): void => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      chunks.push(part.value);
      loaded += part.value.byteLength;
      onProgress?.({ loaded, total });
    }
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
  signal?.throwIfAborted();
  const bytes = new Uint8Array(loaded);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
