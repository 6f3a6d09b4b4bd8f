// The directory of a zip file: which members it has, how they are packed and where they lie. Nothing is taken on trust:
// what does not fit together is an error, names are labels and never paths.
// Format: PKWARE's APPNOTE 6.3.10; ZIP64 included.

import { LatentPreviewError } from '../errors';
import { quoted } from './cursor';
import type { ByteSource } from './source';

/** A member as the directory describes it. */
export interface Entry {
  readonly name: string;
  readonly rawName: Uint8Array;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  /** Where its local header begins. */
  readonly offset: number;
}

/** Bounds what a small file may make of itself. */
const caps = { entries: 10_000, freeInflated: 2 ** 25, ratio: 20 };

const endLength = 22;
const end64Length = 56;
const locatorLength = 20;
const headerLength = 46;
/** Of a member's own header, without its name. */
export const localLength = 30;

/** Compression methods, to name what is refused. APPNOTE 4.4.5. */
const methods = new Map([
  [0, 'stored'],
  [1, 'shrunk'],
  [6, 'imploded'],
  [8, 'deflate'],
  [9, 'Deflate64'],
  [12, 'bzip2'],
  [14, 'LZMA'],
  [93, 'Zstandard'],
  [95, 'XZ'],
  [98, 'PPMd'],
  [99, 'AES encryption'],
]);

const damaged = 'the file is damaged or forged: download or save it again';

export const zipError = (message: string, remedy = damaged, cause?: unknown): LatentPreviewError =>
  new LatentPreviewError('file', `zip: ${message}; ${remedy}`, { cause });

interface Place {
  readonly count: number;
  readonly start: number;
  readonly length: number;
}

/** What {@link readDirectory} found. */
export interface Directory {
  readonly entries: readonly Entry[];
  /** Where the members end and the directory begins. */
  readonly start: number;
}

/** @throws LatentPreviewError `file` (as a rejection) */
export async function readDirectory(source: ByteSource): Promise<Directory> {
  const { count, start, length } = await findDirectory(source);
  const entries = parseDirectory(await source.read(start, start + length), count, start);
  checkPlaces(entries, start);
  return { entries, start };
}

async function findDirectory(source: ByteSource): Promise<Place> {
  const { size } = source;
  const tailStart = Math.max(0, size - endLength - 0xffff - locatorLength);
  const tail = await source.read(tailStart, size);
  const view = viewOf(tail);
  let problem: LatentPreviewError | undefined;
  // The record may stand inside a comment too: the last that fits where it stands counts.
  for (let at = tail.length - endLength; at >= 0; at--) {
    if (view.getUint32(at, true) !== 0x06054b50 || at + endLength + view.getUint16(at + 20, true) !== tail.length)
      continue;
    try {
      return await readEnd(source, tail, at, tailStart);
    } catch (error) {
      if (!(error instanceof LatentPreviewError)) throw error;
      problem ??= error;
    }
  }
  throw problem ?? zipError('no end-of-directory record', 'the download is cut short, or bytes follow the archive');
}

async function readEnd(source: ByteSource, tail: Uint8Array, at: number, tailStart: number): Promise<Place> {
  const view = viewOf(tail);
  const place = tailStart + at;
  const field = (offset: number) => view.getUint16(at + offset, true);
  let disks = field(4) || field(6);
  let here = field(8);
  let count = field(10);
  let length = view.getUint32(at + 12, true);
  let start = view.getUint32(at + 16, true);
  let end = place;
  const locator = at - locatorLength;
  if (locator >= 0 && view.getUint32(locator, true) === 0x07064b50) {
    const where = wide(view, locator + 8, 'the ZIP64 record');
    if (where + end64Length > place - locatorLength)
      throw zipError(`the ZIP64 locator at byte ${place - locatorLength} points at byte ${where}, behind itself`);
    const record = viewOf(await source.read(where, where + end64Length));
    if (record.getUint32(0, true) !== 0x06064b50) throw zipError(`no ZIP64 record at byte ${where}`);
    disks = record.getUint32(16, true) || record.getUint32(20, true);
    here = wide(record, 24, 'the number of members');
    count = wide(record, 32, 'the number of members');
    length = wide(record, 40, 'the length of the directory');
    start = wide(record, 48, 'the place of the directory');
    end = where;
  }
  if (disks !== 0 || here !== count) throw zipError('the archive is in several parts', 'join them into one file');
  if (start + length !== end)
    throw zipError(`the directory of ${length} bytes is said to begin at byte ${start} and to end at ${end}`);
  if (count > caps.entries)
    throw zipError(`${count} members, at most ${caps.entries} are read`, 'save fewer arrays in one file');
  if (length < count * headerLength || length > count * (headerLength + 3 * 0xffff))
    throw zipError(`${count} members do not fit a directory of ${length} bytes`);
  return { count, start, length };
}

function parseDirectory(bytes: Uint8Array, count: number, start: number): Entry[] {
  const view = viewOf(bytes);
  const entries: Entry[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let index = 0; index < count; index++) {
    const where = `directory entry ${index} at byte ${start + at}`;
    if (at + headerLength > bytes.length || view.getUint32(at, true) !== 0x02014b50) throw zipError(`no ${where}`);
    const nameEnd = at + headerLength + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const next = extraEnd + view.getUint16(at + 32, true);
    if (next > bytes.length) throw zipError(`${where} ends beyond the directory`);
    const flags = view.getUint16(at + 8, true);
    const rawName = bytes.subarray(at + headerLength, nameEnd);
    const name = decodeName(rawName, flags, where);
    if (names.has(name)) throw zipError(`two members are named ${quoted(name)}`);
    names.add(name);
    const sizes = {
      size: view.getUint32(at + 24, true),
      compressed: view.getUint32(at + 20, true),
      offset: view.getUint32(at + 42, true),
    };
    const wideSizes = readZip64(bytes.subarray(nameEnd, extraEnd), sizes, name);
    const entry = { name, rawName, flags, method: view.getUint16(at + 10, true), crc: view.getUint32(at + 16, true) };
    checkEntry({ ...entry, ...wideSizes });
    entries.push({ ...entry, ...wideSizes });
    at = next;
  }
  if (at !== bytes.length) throw zipError(`${bytes.length - at} bytes of the directory belong to no member`);
  const deflated = entries.filter(({ method }) => method === 8);
  const sum = (key: 'compressed' | 'size') => deflated.reduce((total, entry) => total + entry[key], 0);
  checkInflated('the members inflate', sum('compressed'), sum('size'));
  return entries;
}

/** Of the three, those that do not fit 32 bits stand in the extra field 1, in this order. */
function readZip64<T extends Record<'size' | 'compressed' | 'offset', number>>(
  extra: Uint8Array,
  sizes: T,
  name: string,
): T {
  const wanted = (['size', 'compressed', 'offset'] as const).filter((key) => sizes[key] === 0xffffffff);
  if (wanted.length === 0) return sizes;
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    const length = view.getUint16(at + 2, true);
    if (length < wanted.length * 8 || at + 4 + length > extra.length) break;
    const found = wanted.map((key, k) => [key, wide(view, at + 4 + k * 8, `${key} of member ${quoted(name)}`)]);
    return { ...sizes, ...Object.fromEntries(found) };
  }
  throw zipError(`member ${quoted(name)} has no ZIP64 field for its sizes`);
}

function checkEntry({ name, flags, method, compressed, size }: Entry): void {
  if (flags & 0x2041) throw zipError(`member ${quoted(name)} is encrypted`, 'save it without a password');
  if (method !== 0 && method !== 8)
    throw zipError(
      `member ${quoted(name)} is compressed with ${methods.get(method) ?? 'an unknown method'} (method ${method})`,
      'only stored and deflated members are read: zip it again without options',
    );
  if (method === 0 && compressed !== size)
    throw zipError(`member ${quoted(name)} is stored, but has ${size} bytes in ${compressed}`);
  if (method === 8) checkInflated(`member ${quoted(name)} inflates`, compressed, size);
}

function checkInflated(what: string, compressed: number, size: number): void {
  const most = Math.max(caps.freeInflated, compressed * caps.ratio);
  if (size > most)
    throw zipError(
      `${what} from ${compressed} to ${size} bytes, at most ${most} are allowed`,
      'a bomb, or very even data: save the arrays uncompressed (numpy.savez)',
    );
}

/** Members may not overlap each other or the directory, and the first begins with the file. */
function checkPlaces(entries: readonly Entry[], directory: number): void {
  const sorted = [...entries].sort((a, b) => a.offset - b.offset);
  const first = sorted[0]?.offset ?? directory;
  if (first !== 0) throw zipError(`${first} bytes stand in front of the archive`, 'remove them');
  sorted.forEach(({ name, offset, rawName, compressed }, k) => {
    const next = sorted[k + 1];
    const least = offset + localLength + rawName.length + compressed;
    if (least > (next?.offset ?? directory))
      throw zipError(`member ${quoted(name)} overlaps ${next ? `member ${quoted(next.name)}` : 'the directory'}`);
  });
}

function decodeName(bytes: Uint8Array, flags: number, where: string): string {
  // Without bit 11 the names are of an unknown code page: as latin1 they stay apart from each other.
  const encoding = flags & 0x800 ? 'utf-8' : 'latin1';
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw zipError(`the name of ${where} is not UTF-8`, damaged, cause);
  }
}

/** 64 bits as a number. */
function wide(view: DataView, at: number, what: string): number {
  const value = view.getBigUint64(at, true);
  if (value > Number.MAX_SAFE_INTEGER) throw zipError(`${what} is ${value}, beyond 2^53`);
  return Number(value);
}

export const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);
