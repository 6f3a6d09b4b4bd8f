// Says what a file is that no reader takes, and what to do instead. What people drop or download by mistake is a short
// list: an error page instead of the file, a picture, a container that is not read yet.

import { LatentPreviewError } from '../errors';
import { quoted } from './cursor';

/**
 * A kind of file that is known but not read. `start` is the file's beginning, one character per byte; `text` the same
 * as UTF-8 text, '' where it is no text.
 */
interface Known {
  matches(start: string, text: string): boolean;
  describe(text: string): string;
}

const startsWith =
  (...magics: string[]) =>
  (start: string) =>
    magics.some((magic) => start.startsWith(magic));

const picture = (name: string, ...magics: string[]): Known => ({
  matches: startsWith(...magics),
  describe: () => `a ${name} picture, not a latent; previews need the latent itself, saved as .npy or .safetensors`,
});

/** How a file of PyTorch becomes one that can be read. */
export const resave =
  "re-save it in Python: safetensors.torch.save_file(tensors, 'file.safetensors'), where tensors is the dict that " +
  "torch.load(path, map_location='cpu', weights_only=True) returns, or {'latents': tensor} for a single tensor";

/** The first that matches speaks. */
const known: readonly Known[] = [
  {
    matches: startsWith('\x1f\x8b'),
    describe: () => 'gzip-compressed data; unpack it first, or serve it with the header Content-Encoding: gzip',
  },
  picture('JPEG', '\xff\xd8\xff'),
  picture('GIF', 'GIF8'),
  { ...picture('WebP'), matches: (start) => start.startsWith('RIFF') && start.startsWith('WEBP', 8) },
  {
    // torch.save before PyTorch 1.6 begins with this pickled number.
    matches: startsWith('\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19'),
    describe: () => `a PyTorch file of the old pickle form, which is never loaded; ${resave}`,
  },
  {
    matches: startsWith('\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05'),
    describe: () => `a Python pickle, which can run code and is never loaded; ${resave}`,
  },
  {
    matches: startsWith('GGUF'),
    describe: () => 'a GGUF model, which is not read; use the .safetensors file of the model',
  },
  {
    matches: startsWith('\x89HDF'),
    describe: () => "an HDF5 file, which is not read; re-save one array in Python: numpy.save('latents.npy', array)",
  },
  {
    matches: startsWith('\xc2\x93NUMPY', '\xef\xbf\xbdNUMPY'),
    describe: () =>
      'an .npy file that was read as text on its way, which destroys it; fetch it as bytes, with response.arrayBuffer()',
  },
  {
    matches: startsWith('version https://git-lfs'),
    describe: () =>
      "a Git LFS pointer, not the file itself; run 'git lfs pull' or use the download address of the file",
  },
  {
    matches: (_, text) => /^\s*<[!?a-z]/i.test(text),
    describe: (text) => {
      const title = /<title[^>]*>([^<]*)/i.exec(text)?.[1]?.trim();
      return (
        `an HTML or XML page${title ? ` titled ${quoted(title)}` : ''}, not a tensor file; ` +
        'the address is wrong (404?), needs a login, or shows a page about the file: use its download address'
      );
    },
  },
  {
    matches: (_, text) => /^\s*[{[]/.test(text),
    describe: (text) => `JSON, not a tensor file: ${quoted(text)}; from a server, it is its error message`,
  },
  {
    matches: (_, text) => text !== '',
    describe: (text) => `text, not a tensor file: ${quoted(text)}; from a server, it is its error message`,
  },
  {
    matches: (start) => start.startsWith('{"', 8),
    describe: () =>
      'a safetensors header behind a header length (its first 8 bytes) that is beyond every limit; ' +
      'the file is damaged: download or save it again',
  },
];

// Without a byte order mark; '' where the bytes are not UTF-8 or hold control characters. The last character may be cut.
function asText(bytes: Uint8Array): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return /[^\P{Cc}\t\n\r]/u.test(text) ? '' : text.trim();
  } catch {
    return '';
  }
}

/** The error for a file of `size` bytes that no reader takes, from its first 2048. */
export function unreadable(first: Uint8Array, size: number): LatentPreviewError {
  if (size === 0) return new LatentPreviewError('file', 'file: empty, 0 bytes; the download or the save failed');
  const start = String.fromCharCode(...first);
  const text = asText(first);
  const description = known.find(({ matches }) => matches(start, text))?.describe(text);
  if (description) return new LatentPreviewError('file', `file: ${description}`);
  const hex = Array.from(first.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return new LatentPreviewError(
    'file',
    `file: unknown kind, ${size} bytes, the first are ${hex}; read are .npy, .npz, .safetensors, .latent, .pt and RGBA .png; ` +
      'for raw numbers pass shape and dtype',
  );
}
