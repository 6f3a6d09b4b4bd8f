// URL, File, Blob or bytes → latents or weights, with progress and cancellation. Loaded by load.ts when first used.

import { LatentPreviewError } from './errors';
import { readTensorFile, selectTensor, type TensorFile } from './files/index';
import { describeLatents, type Latents } from './latents';
import type { LoadLatentsOptions, LoadOptions, Source } from './load';
import { type Tensor, tensorFromBytes } from './tensor';

/** What `loadLatents` does. */
export async function openLatents(source: Source, options: LoadLatentsOptions): Promise<Latents> {
  const bytes = await loadBytes(source, options);
  if (options.shape) return describeLatents(tensorFromBytes(bytes, options.dtype ?? 'float32', options.shape), options);
  const file = readTensorFile(bytes);
  const { name, tensor } = selectTensor(file, options.key);
  const latents = { ...describeLatents(tensor, options), metadata: file.metadata };
  const implied = options.domain ? undefined : comfyDomain(file, name, tensor);
  return implied ? { ...latents, domain: implied, domainFrom: 'file' } : latents;
}

/** What `loadWeights` does. */
export async function openWeights(source: Source, options: LoadOptions): Promise<ReadonlyMap<string, Tensor>> {
  return readTensorFile(await loadBytes(source, options)).tensors;
}

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
