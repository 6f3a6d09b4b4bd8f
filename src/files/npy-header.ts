// The header of an .npy file: a Python dict with exactly the keys descr, fortran_order and shape. Read token by token,
// never evaluated and never searched, so that text inside a string cannot pass for a key.

import { LatentPreviewError } from '../errors';
import { accept, type Cursor, expect, fail, found, peek, quoted, quotedString, wholeNumber, word } from './cursor';

export interface NpyHeader {
  /** As written, quoted for messages: `'<f4'`. */
  readonly descr: string;
  /** `<`, `>`, `=`, `|` or '' where the dtype names none. */
  readonly order: string;
  /** The dtype without its byte order: `f4`. */
  readonly code: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Whether all strings stand in single quotes, as numpy writes them. */
  readonly singleQuotes: boolean;
}

/** @throws LatentPreviewError `file` */
export function parseNpyHeader(cursor: Cursor): NpyHeader {
  let descr: string | undefined;
  let fortranOrder: boolean | undefined;
  let shape: number[] | undefined;
  const seen = new Set<string>();
  expect(cursor, '{');
  while (!accept(cursor, '}')) {
    const start = cursor.position;
    const key = pythonString(cursor, 'key');
    if (seen.has(key)) fail(cursor, `the key ${quoted(key)} stands twice`, start);
    seen.add(key);
    expect(cursor, ':');
    if (key === 'descr') descr = parseDescr(cursor);
    else if (key === 'fortran_order') fortranOrder = parseBoolean(cursor);
    else if (key === 'shape') shape = parseShape(cursor);
    else fail(cursor, `unknown key ${quoted(key)}; known are descr, fortran_order and shape`, start);
    if (accept(cursor, ',')) continue;
    expect(cursor, '}');
    break;
  }
  if (peek(cursor) !== '') fail(cursor, `nothing may follow the closing brace, found ${found(cursor)}`);
  if (descr === undefined) return fail(cursor, "no key 'descr'");
  if (fortranOrder === undefined) return fail(cursor, "no key 'fortran_order'");
  if (shape === undefined) return fail(cursor, "no key 'shape'");
  const order = /^[<>=|]?/.exec(descr)?.[0] ?? '';
  const code = descr.slice(order.length);
  return { descr: quoted(descr), order, code, fortranOrder, shape, singleQuotes: !cursor.text.includes('"') };
}

function pythonString(cursor: Cursor, what: string): string {
  return quotedString(cursor, '\'"', what).slice(1, -1);
}

function parseDescr(cursor: Cursor): string {
  if (accept(cursor, '[')) throw structuredError(cursor);
  return pythonString(cursor, "dtype 'descr'");
}

// The list is [('name', 'dtype'), …]; its names are all that the message needs.
function structuredError(cursor: Cursor): LatentPreviewError {
  const names: string[] = [];
  for (;;) {
    const open = cursor.text.indexOf('(', cursor.position);
    if (open < 0 || names.length === 8) break;
    cursor.position = open + 1;
    const next = peek(cursor);
    if (next === "'" || next === '"') names.push(quoted(pythonString(cursor, 'field name')));
  }
  return new LatentPreviewError(
    'file',
    `npy: structured dtype with the fields ${names.join(', ')}; save the one field that holds the latents: ` +
      "numpy.save('latents.npy', array['field'])",
  );
}

function parseBoolean(cursor: Cursor): boolean {
  const value = word(cursor);
  if (value === 'True' || value === 'False') return value === 'True';
  return fail(cursor, `fortran_order must be True or False, found ${value ? quoted(value) : found(cursor)}`);
}

function parseShape(cursor: Cursor): number[] {
  const shape: number[] = [];
  const start = cursor.position;
  if (!accept(cursor, '(')) fail(cursor, `shape must be a tuple such as (1, 4, 64, 64), found ${found(cursor)}`);
  let commas = 0;
  while (!accept(cursor, ')')) {
    shape.push(wholeNumber(cursor, 'dimension', { longSuffix: true }));
    if (accept(cursor, ',')) {
      commas++;
      continue;
    }
    expect(cursor, ')');
    break;
  }
  // (3) is a number in Python, (3,) a tuple.
  if (shape.length === 1 && commas === 0) fail(cursor, `shape must be a tuple: (${shape[0]},)`, start);
  return shape;
}
