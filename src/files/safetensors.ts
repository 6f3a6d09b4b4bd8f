// .safetensors (also ComfyUI's .latent): header length as u64, JSON header, data. Own parser for the header's one schema:
// JSON.parse keeps the last of two equal keys, rounds large numbers and forgets where an error was.
// Rules: the format's specification and its Rust reader (huggingface/safetensors, Apache-2.0).

import { LatentPreviewError } from '../errors';
import { formatShape, type Tensor } from '../tensor';
import {
  accept,
  type Cursor,
  expect,
  fail,
  found,
  headerCursor,
  peek,
  quoted,
  quotedString,
  wholeNumber,
} from './cursor';
import type { Reader, StoredTensor, TensorFile } from './reader';
import { type StoredType, storedCount, storedSize, tensorFromStored, tensorType } from './stored';

/** The Rust reader's cap on the header. */
const maxHeaderLength = 100_000_000;

const storedTypes = new Map<string, StoredType>([
  ['F64', 'float64'],
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U64', 'uint64'],
  ['U32', 'uint32'],
  ['U16', 'uint16'],
  ['U8', 'uint8'],
  ['BOOL', 'uint8'],
]);

// In the specification, but nothing that latents or preview decoders are kept in.
const refusedTypes = new Map([
  ['F8_E5M2', 'an 8-bit float'],
  ['F8_E4M3', 'an 8-bit float'],
  ['F8_E8M0', 'an 8-bit scale'],
  ['F8_E4M3FNUZ', 'an 8-bit float'],
  ['F8_E5M2FNUZ', 'an 8-bit float'],
  ['F6_E2M3', 'a 6-bit float'],
  ['F6_E3M2', 'a 6-bit float'],
  ['F4', 'a 4-bit float'],
  ['C64', 'complex'],
]);

/** One tensor as the header describes it. `begin` and `end` count from the first byte after the header. */
interface Entry {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export const safetensors = {
  kind: 'safetensors',
  detect(head, byteLength) {
    const first = head[8] ?? 0;
    return byteLength > 8 && headerLength(head) <= maxHeaderLength && '{ \n\r\t'.includes(String.fromCharCode(first));
  },
  async open(source) {
    const { size } = source;
    const dataStart = 8 + checkedHeaderLength(await source.read(0, Math.min(size, 8)), size);
    const { entries, metadata } = parseHeader(await source.read(0, dataStart), dataStart, size);
    const tensors = new Map<string, StoredTensor>();
    for (const entry of entries) {
      const { name, type, shape, begin, end } = entry;
      const read = async () => readEntry(await source.read(dataStart + begin, dataStart + end), entry);
      tensors.set(name, { dtype: tensorType(type), shape, read });
    }
    return { kind: 'safetensors', tensors, metadata };
  },
  /** The same of a whole file in memory, at once. */
  read(bytes: Uint8Array): TensorFile {
    const dataStart = 8 + checkedHeaderLength(bytes, bytes.byteLength);
    const { entries, metadata } = parseHeader(bytes, dataStart, bytes.byteLength);
    const tensors = new Map<string, Tensor>();
    for (const entry of entries)
      tensors.set(entry.name, readEntry(bytes.subarray(dataStart + entry.begin, dataStart + entry.end), entry));
    return { kind: 'safetensors', tensors, metadata };
  },
} satisfies Reader & { read: unknown };

const readEntry = (data: Uint8Array, { name, type, shape }: Entry): Tensor =>
  tensorFromStored(data, type, shape, () => `safetensors: tensor ${quoted(name)}`);

const headerLength = ({ buffer, byteOffset }: Uint8Array) => new DataView(buffer, byteOffset, 8).getBigUint64(0, true);

/** @param bytes the whole file of `size` bytes or its beginning */
function checkedHeaderLength(bytes: Uint8Array, size: number): number {
  if (size < 8)
    throw new LatentPreviewError(
      'file',
      `safetensors: the file has ${size} bytes, its header length alone takes 8; the download is cut short`,
    );
  const length = headerLength(bytes);
  if (length === 0n)
    throw new LatentPreviewError('file', 'safetensors: header length 0 (byte 0); the file is damaged: save it again');
  if (length > maxHeaderLength)
    throw new LatentPreviewError(
      'file',
      `safetensors: header length ${length} (byte 0), at most ${maxHeaderLength} is allowed; ` +
        'the file is damaged or not safetensors',
    );
  if (8 + Number(length) > size)
    throw new LatentPreviewError(
      'file',
      `safetensors: header says ${length} bytes, the file has ${size - 8} after byte 8; the download is cut short`,
    );
  return Number(length);
}

/** @param bytes at least the first `dataStart` bytes of a file of `size` bytes */
function parseHeader(
  bytes: Uint8Array,
  dataStart: number,
  size: number,
): { entries: Entry[]; metadata: Map<string, string> } {
  const cursor = headerCursor('safetensors', bytes, 8, dataStart, 'utf-8');
  const entries: Entry[] = [];
  const metadata = new Map<string, string>();
  const names = new Set<string>();
  eachMember(cursor, 'name', names, (name) => {
    names.add(name);
    if (name === '__metadata__') parseMetadata(cursor, metadata);
    else entries.push(parseEntry(cursor, name));
  });
  if (peek(cursor) !== '') fail(cursor, `nothing may follow the closing brace, found ${found(cursor)}`);
  checkLayout(entries, size - dataStart);
  return { entries, metadata };
}

function parseMetadata(cursor: Cursor, metadata: Map<string, string>): void {
  eachMember(cursor, '__metadata__ key', metadata, (key) => {
    if (peek(cursor) !== '"') fail(cursor, `__metadata__ ${quoted(key)} must be a string, found ${found(cursor)}`);
    metadata.set(key, jsonString(cursor, '__metadata__ value'));
  });
}

function parseEntry(cursor: Cursor, name: string): Entry {
  cursor.tensor = name;
  const start = cursor.position;
  const fields: { dtype?: StoredType; shape?: number[]; data_offsets?: number[] } = {};
  eachMember(cursor, 'key', { has: (key) => Object.hasOwn(fields, key) }, (key) => {
    if (key === 'dtype') fields.dtype = parseType(cursor, name);
    else if (key === 'shape') fields.shape = wholeNumbers(cursor, 'dimension');
    else if (key === 'data_offsets') fields.data_offsets = wholeNumbers(cursor, 'data offset');
    else fail(cursor, `unknown key ${quoted(key)}`);
  });
  const { dtype: type, shape, data_offsets: offsets } = fields;
  if (!type || !shape || !offsets)
    return fail(cursor, `no ${type ? (shape ? 'data_offsets' : 'shape') : 'dtype'}`, start);
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length > 2)
    return fail(cursor, `${offsets.length} data_offsets, needed are 2`, start);
  if (begin > end) fail(cursor, `begins at ${begin}, after its end ${end}`, start);
  const needed = storedCount(shape, () => `safetensors: tensor ${quoted(name)}`) * storedSize(type);
  if (end - begin !== needed)
    fail(
      cursor,
      `${type} of shape ${formatShape(shape)} needs ${needed} bytes, its data_offsets hold ${end - begin}`,
      start,
    );
  cursor.tensor = undefined;
  return { name, type, shape, begin, end };
}

function parseType(cursor: Cursor, owner: string): StoredType {
  const name = jsonString(cursor, 'dtype');
  const type = storedTypes.get(name);
  if (type) return type;
  const refused = refusedTypes.get(name);
  throw new LatentPreviewError(
    'file',
    `safetensors: tensor ${quoted(owner)} has dtype ${quoted(name)}, ${refused ?? 'which is unknown'}; ` +
      (refused === 'complex'
        ? 'latents are real numbers: save its real part as float32'
        : 'convert the tensor to float16, bfloat16 or float32 (in PyTorch: tensor.half()) and save it again'),
  );
}

/** Sorted by place, the tensors must fill the data from its first byte to its last: no hole, no overlap, nothing behind. */
function checkLayout(entries: readonly Entry[], dataLength: number): void {
  let filled = 0;
  let previous: Entry | undefined;
  for (const entry of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const place = `tensor ${quoted(entry.name)} (data bytes ${entry.begin} to ${entry.end})`;
    if (entry.begin < filled)
      throw layoutError(`${place} overlaps ${quoted(previous?.name ?? '')}, which ends at ${filled}`);
    if (entry.begin > filled)
      throw layoutError(`data bytes ${filled} to ${entry.begin} belong to no tensor, a hole in front of ${place}`);
    if (entry.end > dataLength)
      throw new LatentPreviewError(
        'file',
        `safetensors: ${place} ends beyond the file, which has ${dataLength} data bytes; the download is cut short`,
      );
    filled = entry.end;
    previous = entry;
  }
  if (filled < dataLength)
    throw layoutError(
      `the tensors end at data byte ${filled}, ${dataLength - filled} bytes follow that no tensor owns`,
    );
}

const layoutError = (message: string) =>
  new LatentPreviewError(
    'file',
    `safetensors: ${message}; the file is damaged or forged: save it again with safetensors`,
  );

/** Walks a JSON object whose keys, `what`, must differ; `visit` takes the value of each and makes `taken` know it. */
function eachMember(
  cursor: Cursor,
  what: string,
  taken: { has(key: string): boolean },
  visit: (key: string) => void,
): void {
  expect(cursor, '{');
  if (accept(cursor, '}')) return;
  do {
    const start = cursor.position;
    const key = jsonString(cursor, what);
    if (taken.has(key)) fail(cursor, `the ${what} ${quoted(key)} stands twice`, start);
    expect(cursor, ':');
    visit(key);
  } while (accept(cursor, ','));
  expect(cursor, '}');
}

function wholeNumbers(cursor: Cursor, what: string): number[] {
  const numbers: number[] = [];
  expect(cursor, '[');
  if (accept(cursor, ']')) return numbers;
  do numbers.push(wholeNumber(cursor, what));
  while (accept(cursor, ','));
  expect(cursor, ']');
  return numbers;
}

// Without escapes and control characters.
const plainString = /^"[ !#-[\]-~\u00a0-\uffff]*"$/;

function jsonString(cursor: Cursor, what: string): string {
  const literal = quotedString(cursor, '"', what);
  // JSON.parse checks and decodes the others: it costs most of the time of a header of 100 000 names.
  if (plainString.test(literal)) return literal.slice(1, -1);
  try {
    return JSON.parse(literal) as string;
  } catch {
    return fail(cursor, `the ${what} is not a JSON string`, cursor.position - literal.length);
  }
}
