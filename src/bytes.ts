// URL, File, Blob, Response or memory → bytes by place, with progress and cancellation. Of a URL whose server can, and of
// a Blob, only the parts that are asked for are read.

import { LatentPreviewError } from './errors';
import { type ByteSource, bytesSource, memorySource } from './files/index';
import type { LoadOptions, Progress, Source } from './source';

/**
 * The first request asks for this much: most latents whole, of large files the header. Checkpoints have headers of some
 * hundred kilobytes.
 */
const headLength = 2 ** 18;

/** Up to this much comes in one piece: another read costs more than the bytes. */
const smallLength = 2 ** 22;

/**
 * @param options.parts of a URL, only the parts that are read; else the whole, in one request
 * @throws LatentPreviewError `file` (as a rejection); rejects with the signal's reason once that aborts
 */
export async function openSource(
  source: Source,
  { parts = false, ...options }: LoadOptions & { parts?: boolean },
): Promise<ByteSource> {
  options.signal?.throwIfAborted();
  if (source instanceof ArrayBuffer)
    return bytesSource({ buffer: source, byteOffset: 0, byteLength: source.byteLength });
  if (ArrayBuffer.isView(source)) return bytesSource(source);
  const meter = new Meter(options);
  if (typeof Blob === 'function' && source instanceof Blob) return openBlob(source, meter);
  if (source instanceof Response) return memorySource(await readResponse(source, meter));
  if (typeof source !== 'string' && !(source instanceof URL))
    throw new LatentPreviewError(
      'file',
      `load: cannot read from ${Object.prototype.toString.call(source).slice(8, -1)}`,
    );
  return parts
    ? openRemote(source, meter)
    : memorySource(await readResponse(await request(source, undefined, meter), meter));
}

/** Counts what comes in, over all parts of one file. */
class Meter {
  readonly signal: AbortSignal | undefined;
  private readonly onProgress: ((progress: Progress) => void) | undefined;
  private loaded = 0;
  /** Of what was asked for; undefined where a server did not say. */
  private total: number | undefined = 0;

  constructor({ signal, onProgress }: LoadOptions) {
    this.signal = signal;
    this.onProgress = onProgress;
  }

  expect(length: number | undefined): void {
    this.total = length === undefined || this.total === undefined ? undefined : this.total + length;
  }

  count(length: number): void {
    this.loaded += length;
    this.onProgress?.({ loaded: this.loaded, total: this.total });
  }

  /** What was counted belongs to an answer that is not used. */
  restart(): void {
    this.loaded = 0;
    this.total = 0;
  }
}

async function openBlob(blob: Blob, meter: Meter): Promise<ByteSource> {
  const read = (begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> =>
    readStream(blob.slice(begin, end).stream(), end - begin, meter).catch((cause: unknown) => {
      meter.signal?.throwIfAborted();
      throw new LatentPreviewError('file', 'load: the file could not be read; it may have been changed or moved', {
        cause,
      });
    });
  return blob.size <= smallLength ? memorySource(await read(0, blob.size)) : { size: blob.size, read };
}

/** A part of a file as a server sends it; undefined where it sends something else. */
interface Part {
  readonly total: number;
  readonly tag: string | null;
}

function partOf({ status, headers }: Response, begin: number, end: number): Part | undefined {
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get('content-range') ?? '');
  if (status !== 206 || !range || headers.get('content-encoding')) return undefined;
  const [first, last, total] = range.slice(1).map(Number) as [number, number, number];
  const asked = first === begin && last === Math.min(end, total) - 1 && Number.isSafeInteger(total);
  return asked ? { total, tag: headers.get('etag') } : undefined;
}

/** Asks for the beginning; the server's answer tells whether the rest can be had in parts. */
async function openRemote(url: string | URL, meter: Meter): Promise<ByteSource> {
  const response = await request(url, [0, headLength], meter).catch(() => undefined);
  meter.signal?.throwIfAborted();
  const part = response && partOf(response, 0, headLength);
  if (response && part) {
    const length = Math.min(headLength, part.total);
    const head = await readBody(response, length, meter);
    if (head.length !== length) throw brokeOff(response);
    return part.total === length ? memorySource(head) : remoteSource(url, head, part, meter);
  }
  // A server without ranges sends the whole. One that answers amiss (416 for an empty file), or not at all because a
  // browser may not ask it for a range, is asked without.
  if (response?.status === 200) return memorySource(await readResponse(response, meter));
  void response?.body?.cancel().catch(() => {});
  return memorySource(await readResponse(await request(url, undefined, meter), meter));
}

function remoteSource(
  url: string | URL,
  head: Uint8Array<ArrayBuffer>,
  { total, tag }: Part,
  meter: Meter,
): ByteSource {
  let known = head;
  async function read(begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    if (end <= known.length) return known.subarray(begin, end);
    if (total <= smallLength && (begin > 0 || end < total)) return (await read(0, total)).subarray(begin, end);
    const from = Math.max(begin, known.length);
    const response = await request(url, [from, end], meter);
    const part = partOf(response, from, end);
    if (part && (part.total !== total || part.tag !== tag))
      throw new LatentPreviewError('file', `load: ${response.url || url} changed while it was read; load it again`);
    if (!part) {
      if (response.status === 206) void response.body?.cancel().catch(() => {});
      // The whole after all, from this answer or from one more.
      meter.restart();
      known = await readResponse(response.status === 206 ? await request(url, undefined, meter) : response, meter);
      if (known.length !== total)
        throw new LatentPreviewError('file', `load: ${response.url || url} changed while it was read; load it again`);
      return known.subarray(begin, end);
    }
    const tail = await readBody(response, end - from, meter);
    if (tail.length !== end - from) throw brokeOff(response);
    const bytes = from === begin ? tail : joined(known.subarray(begin), tail);
    if (begin === 0) known = bytes;
    return bytes;
  }
  return { size: total, read };
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

/** @param range bytes, the end not included */
async function request(
  url: string | URL,
  range: readonly [number, number] | undefined,
  { signal }: Meter,
): Promise<Response> {
  const headers = range && { range: `bytes=${range[0]}-${range[1] - 1}` };
  const file = await readNodeFile(url, signal);
  if (file) return file;
  return fetch(url, { ...(headers ? { headers } : {}), ...(signal ? { signal } : {}) }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw new LatentPreviewError(
      'file',
      `load: ${url} could not be fetched; the server may be down, offline, or not allow this page (CORS); ` +
        'a File that was saved from there can be given instead',
      { cause },
    );
  });
}

interface NodeFiles {
  readFile(url: URL, options: { signal: AbortSignal | undefined }): Promise<Uint8Array<ArrayBuffer>>;
}

/** What file: URLs lead to in Node, whose fetch takes none: there the package's own weights have such. */
async function readNodeFile(url: string | URL, signal: AbortSignal | undefined): Promise<Response | undefined> {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  const files = `${url}`.startsWith('file:') ? process?.getBuiltinModule?.('node:fs/promises') : undefined;
  if (!files) return undefined;
  const bytes = await (files as NodeFiles).readFile(new URL(url), { signal }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw new LatentPreviewError('file', `load: ${url} could not be read: ${(cause as Error).message}`, { cause });
  });
  return new Response(bytes, { headers: { 'content-length': `${bytes.length}` } });
}

/** The whole file. */
async function readResponse(response: Response, meter: Meter): Promise<Uint8Array<ArrayBuffer>> {
  if (!response.ok)
    throw new LatentPreviewError(
      'file',
      `load: ${response.url || 'the response'} answered ${response.status} ${response.statusText}`.trimEnd(),
    );
  // With a content encoding the length is that of the compressed bytes.
  const length = response.headers.get('content-encoding') ? null : response.headers.get('content-length');
  return readBody(response, length === null ? undefined : Number(length), meter);
}

async function readBody(
  response: Response,
  length: number | undefined,
  meter: Meter,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!response.body) return new Uint8Array(await response.arrayBuffer());
  return readStream(response.body, length, meter).catch((cause: unknown) => {
    meter.signal?.throwIfAborted();
    throw brokeOff(response, cause);
  });
}

const brokeOff = ({ url }: Response, cause?: unknown): LatentPreviewError =>
  new LatentPreviewError('file', `load: ${url || 'the response'} broke off while it was read; try again`, { cause });

async function readStream(
  stream: ReadableStream<Uint8Array>,
  length: number | undefined,
  meter: Meter,
): Promise<Uint8Array<ArrayBuffer>> {
  const { signal } = meter;
  meter.expect(length);
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  const reader = stream.getReader();
  const cancel = (): void => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      chunks.push(part.value);
      loaded += part.value.byteLength;
      meter.count(part.value.byteLength);
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
