// A cursor over the text of a file's header: the small steps that the header grammars share (npy's Python dict,
// safetensors' JSON). It knows which byte of the file it stands on, so that every error can name it.

import { LatentPreviewError } from '../errors';

export interface Cursor {
  /** The reader's name, which opens every message. */
  readonly kind: string;
  readonly text: string;
  /** Index in `text` of the next character. */
  position: number;
  /** The name of the tensor that the text at hand describes, for messages. */
  tensor?: string | undefined;
  /** Byte of the file at which the character at `index` stands. */
  readonly byteAt: (index: number) => number;
}

/** A name or a piece of text from a file, quoted and short enough for a message. */
export function quoted(text: string): string {
  const visible = text.slice(0, 81).replace(/\p{Cc}/gu, '\ufffd');
  return `'${text.length > 80 ? `${visible.slice(0, 80)}…` : visible}'`;
}

/**
 * A cursor over bytes `start` to `end`.
 * @throws LatentPreviewError `file` where they are not valid UTF-8, with the first bad byte
 */
export function headerCursor(
  kind: string,
  bytes: Uint8Array,
  start: number,
  end: number,
  encoding: 'latin1' | 'utf-8',
): Cursor {
  const part = bytes.subarray(start, end);
  // Browsers refuse to decode shared memory.
  const header = part.buffer instanceof ArrayBuffer ? part : new Uint8Array(part);
  if (encoding === 'latin1')
    return { kind, text: new TextDecoder('latin1').decode(header), position: 0, byteAt: (index) => start + index };
  const text = decodes(header);
  if (text === undefined) {
    const bad = start + validPrefix(header);
    throw new LatentPreviewError(
      'file',
      `${kind}: the header is not UTF-8 text (byte ${bad} is 0x${(bytes[bad] ?? 0).toString(16).padStart(2, '0')}); ` +
        'the file is damaged: download or save it again',
    );
  }
  const byteAt = (index: number) => start + new TextEncoder().encode(text.slice(0, index)).length;
  return { kind, text, position: 0, byteAt };
}

function decodes(bytes: Uint8Array, options?: TextDecodeOptions): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, options);
  } catch {
    return undefined;
  }
}

// Length of the longest prefix that valid UTF-8 could begin with, by bisection.
function validPrefix(bytes: Uint8Array): number {
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (decodes(bytes.subarray(0, middle), { stream: true }) === undefined) bad = middle;
    else good = middle;
  }
  return good;
}

/** Throws a `file` error that names the byte at `at` (default: where the cursor stands). */
export function fail(cursor: Cursor, message: string, at = cursor.position): never {
  const owner = cursor.tensor === undefined ? '' : `tensor ${quoted(cursor.tensor)}: `;
  throw new LatentPreviewError(
    'file',
    `${cursor.kind}: header, byte ${cursor.byteAt(at)}: ${owner}${message}; ` +
      'the file is damaged or its writer is broken: save it again',
  );
}

/** The character after spaces, without taking it; '' at the end. */
export function peek(cursor: Cursor): string {
  const { text } = cursor;
  for (;;) {
    const character = text[cursor.position] ?? '';
    if (character !== ' ' && character !== '\n' && character !== '\t' && character !== '\r') return character;
    cursor.position++;
  }
}

/** Takes `character` if it comes next. */
export function accept(cursor: Cursor, character: string): boolean {
  if (peek(cursor) !== character) return false;
  cursor.position++;
  return true;
}

/** Takes `character`, which must come next. */
export function expect(cursor: Cursor, character: string): void {
  if (!accept(cursor, character)) fail(cursor, `expected '${character}', found ${found(cursor)}`);
}

/** What comes next, for a message. */
export function found(cursor: Cursor): string {
  const next = peek(cursor);
  return next === '' ? 'the end of the header' : quoted(cursor.text.slice(cursor.position, cursor.position + 12));
}

const wordPattern = /[\w.+-]*/y;
const wholePattern = /^(?:0|[1-9]\d*)$/;

/** Takes letters, digits, signs and points: a number or a word such as True. May be ''. */
export function word(cursor: Cursor): string {
  peek(cursor);
  const start = cursor.position;
  wordPattern.lastIndex = start;
  wordPattern.test(cursor.text);
  cursor.position = wordPattern.lastIndex;
  return cursor.text.slice(start, cursor.position);
}

/** Takes a whole number that a JavaScript number holds exactly. Python 2 wrote long integers as 1L: `longSuffix` allows it. */
export function wholeNumber(cursor: Cursor, what: string, { longSuffix = false } = {}): number {
  const text = word(cursor);
  const at = cursor.position - text.length;
  const digits = longSuffix && text.endsWith('L') ? text.slice(0, -1) : text;
  if (!wholePattern.test(digits))
    fail(cursor, `${what} must be a whole number from 0, found ${text ? quoted(text) : found(cursor)}`, at);
  const value = Number(digits);
  if (!Number.isSafeInteger(value)) fail(cursor, `${what} ${quoted(digits)} is beyond 2^53`, at);
  return value;
}

/** Takes a string in one of `quotes`, escapes left as they are; returns it with its quotes. */
export function quotedString(cursor: Cursor, quotes: string, what: string): string {
  const quote = peek(cursor);
  if (quote === '' || !quotes.includes(quote)) fail(cursor, `expected the ${what} in quotes, found ${found(cursor)}`);
  const { text, position } = cursor;
  let end = position;
  for (;;) {
    end = text.indexOf(quote, end + 1);
    if (end < 0) fail(cursor, `the ${what} has no closing quote`);
    // An odd number of backslashes in front escapes the quote.
    let backslashes = end;
    while (text[backslashes - 1] === '\\') backslashes--;
    if ((end - backslashes) % 2 === 0) break;
  }
  cursor.position = end + 1;
  return text.slice(position, end + 1);
}
