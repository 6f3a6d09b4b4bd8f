// Whether a file is the one that was asked for.

import { LatentPreviewError } from '../errors';

/** Hexadecimal, lower case. Needs `crypto.subtle`. */
export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Browsers have it in secure contexts alone. */
export const canHash = (): boolean => globalThis.crypto?.subtle !== undefined;

/**
 * @param what who is spoken of
 * @throws LatentPreviewError `weights` where nothing can be checked here
 */
export function expectHashing(what: string): void {
  if (canHash()) return;
  throw new LatentPreviewError(
    'weights',
    `weights: the sha256 of ${what} cannot be checked, for this page has no crypto.subtle; browsers give it to pages from ` +
      'https or localhost. Serve the page so, or ask for the file by its URL, without a sha256',
  );
}

/** @throws LatentPreviewError `weights` naming both hashes */
export async function expectSha256(what: string, bytes: Uint8Array<ArrayBuffer>, sha256: string): Promise<void> {
  expectHashing(what);
  const found = await sha256Of(bytes);
  if (found === sha256.toLowerCase()) return;
  throw new LatentPreviewError(
    'weights',
    `weights: ${what} has sha256 ${found} (${bytes.length} bytes), needed is ${sha256}; it is another file than was asked ` +
      'for, or something on the way answered in its place',
  );
}
