// URL, File, Blob or bytes → latents or weights, with progress and cancellation.

import { LatentPreviewError } from './errors';
import type { TensorFile } from './files/index';
import { describeLatents, type LatentOptions, type Latents } from './latents';
import { type DType, type Shape, type Tensor, tensorFromBytes } from './tensor';

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

export interface LoadLatentsOptions extends LoadOptions, LatentOptions {
  /** Which tensor of a file with several. */
  readonly key?: string;
  /** For raw bytes without a header, together with `dtype` (default `float32`, little-endian, C order). */
  readonly shape?: Shape;
  readonly dtype?: DType;
}

/**
 * Latents from a .npy or .safetensors (ComfyUI's .latent too) file, found by its magic bytes, or from raw bytes where
 * `shape` is given. Halves stay packed.
 * The domain is the option's, else what a ComfyUI .latent file implies, else `model`.
 * @throws LatentPreviewError `file`, `shape`, `format`
 */
export async function loadLatents(source: Source, options: LoadLatentsOptions = {}): Promise<Latents> {
  const bytes = await loadBytes(source, options);
  if (options.shape) return describeLatents(tensorFromBytes(bytes, options.dtype ?? 'float32', options.shape), options);
  const { readTensorFile, selectTensor } = await readers();
  const file = readTensorFile(bytes);
  const { name, tensor } = selectTensor(file, options.key);
  const latents = { ...describeLatents(tensor, options), metadata: file.metadata };
  const implied = options.domain ? undefined : comfyDomain(file, name, tensor);
  return implied ? { ...latents, domain: implied, domainFrom: 'file' } : latents;
}

/**
 * A state dict, by tensor name.
 * @throws LatentPreviewError `file`
 */
export async function loadWeights(source: Source, options: LoadOptions = {}): Promise<ReadonlyMap<string, Tensor>> {
  const { readTensorFile } = await readers();
  return readTensorFile(await loadBytes(source, options)).tensors;
}

/** Loaded on the first file: who feeds tensors from a sampler never needs them. */
const readers = (): Promise<typeof import('./files/index')> => import('./files/index');

/**
 * ComfyUI's SaveLatent writes VAE latents beside an empty marker tensor; files from before the marker hold SD latents as
 * the sampler saw them; FLUX.2's process_out changes nothing, so its 128 channels stay normalised.
 */
function comfyDomain({ tensors }: TensorFile, name: string, { shape }: Tensor): Latents['domain'] | undefined {
  if (name !== 'latent_tensor') return undefined;
  const normalised = shape.length === 4 && shape[1] === 128;
  return tensors.has('latent_format_version_0') && !normalised ? 'vae' : 'model';
}

async function loadBytes(source: Source, { signal, onProgress }: LoadOptions): Promise<Uint8Array<ArrayBuffer>> {
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
      `load: ${source} could not be fetched; the server may be down, offline, or not allow this page (CORS)`,
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
