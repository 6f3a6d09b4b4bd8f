// Inflates by the platform's DecompressionStream, never more than it is told to expect: a bomb stops there.

import { LatentPreviewError } from '../errors';

const pieceLength = 2 ** 16;

/**
 * Up to `size` inflated bytes. `exact`: they must be exactly that many; else the first `size` are enough.
 * @param format `deflate-raw` in zip files, `deflate` (with zlib's header) in PNG
 * @param where opens every message
 * @throws LatentPreviewError `file` (as a rejection) where the data are damaged or their length is not what was said
 */
export async function inflate(
  compressed: Uint8Array<ArrayBuffer>,
  format: 'deflate-raw' | 'deflate',
  size: number,
  where: string,
  { exact = true } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = pieces(compressed).pipeThrough(new DecompressionStream(format)).getReader();
  const out = new Uint8Array(size);
  let length = 0;
  try {
    while (exact ? length <= size : length < size) {
      const { done, value } = await reader.read();
      if (done) break;
      out.set(value.subarray(0, Math.max(0, size - length)), Math.min(length, size));
      length += value.byteLength;
    }
  } catch (cause) {
    throw new LatentPreviewError(
      'file',
      `${where}: the compressed data are damaged after ${length} bytes; download or save the file again`,
      { cause },
    );
  } finally {
    reader.cancel().catch(() => {});
  }
  if (exact && length !== size)
    throw new LatentPreviewError(
      'file',
      `${where}: said to have ${size} bytes, its data inflate to ${length > size ? 'more' : length}; ` +
        'the file is damaged or forged: save it again',
    );
  return out.subarray(0, length);
}

// In pieces, so that little is inflated beyond the place where reading stops.
function pieces(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(bytes.subarray(at, at + pieceLength));
      else controller.close();
      at += pieceLength;
    },
  });
}
