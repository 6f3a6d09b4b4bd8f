// Pictures as UIs send them, in bytes or base64 → a Blob that says what it is. The bytes say it, not the label beside them.

import { LatentPreviewError } from '../index';

const kinds: readonly (readonly [type: string, offset: number, magic: string])[] = [
  ['image/jpeg', 0, '\xff\xd8\xff'],
  ['image/png', 0, '\x89PNG\r\n\x1a\n'],
  ['image/webp', 8, 'WEBP'],
  ['image/gif', 0, 'GIF8'],
  ['image/avif', 4, 'ftypavi'],
];

/**
 * @param where for the message, such as `comfyui: event 1`
 * @throws LatentPreviewError `file` where the bytes do not begin as a picture does
 */
export function pictureOf(bytes: Uint8Array, where: string): Blob {
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  const type = kinds.find(([, offset, magic]) => head.startsWith(magic, offset))?.[0];
  if (type) return new Blob([bytes as Uint8Array<ArrayBuffer>], { type });
  const first = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  throw new LatentPreviewError(
    'file',
    `${where}: ${bytes.length} bytes${first && ` that begin with ${first}`} are no JPEG, PNG, WebP, GIF or AVIF`,
  );
}

/** The same of base64, alone or in a data URL. @throws LatentPreviewError `file` */
export function pictureOfText(text: string, where: string): Blob {
  const [, label, content] = /^data:([^,]*),(.*)$/s.exec(text) ?? ['', 'base64', text];
  if (!/(^|;)base64$/i.test(label ?? ''))
    throw new LatentPreviewError('file', `${where}: a data URL 'data:${label?.slice(0, 40)}', not one in base64`);
  let decoded: string;
  try {
    decoded = atob(content ?? '');
  } catch (cause) {
    throw new LatentPreviewError('file', `${where}: ${content?.length} characters are not base64`, { cause });
  }
  return pictureOf(
    Uint8Array.from(decoded, (character) => character.charCodeAt(0)),
    where,
  );
}
