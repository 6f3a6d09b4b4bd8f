// The zip container behind .npz and .pt: its members' bytes. Own code for its strictness: libraries take lying sizes,
// wrong checksums, duplicate names and encryption without a word.

import { crc32 } from './crc';
import { quoted } from './cursor';
import { inflate } from './inflate';
import type { ByteSource } from './source';
import { type Entry, localLength, readDirectory, viewOf, zipError } from './zip-directory';

export interface Member {
  readonly name: string;
  /** Bytes once inflated. */
  readonly size: number;
  /** @throws LatentPreviewError `file` (as a rejection) where they are damaged or not as the directory says */
  read(): Promise<Uint8Array<ArrayBuffer>>;
  /** The first `length` bytes, or all where there are fewer; the checksum is not checked. */
  readStart(length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * The members of a zip file, in the order of its directory.
 * @throws LatentPreviewError `file` (as a rejection)
 */
export async function openArchive(source: ByteSource): Promise<readonly Member[]> {
  const { entries, start } = await readDirectory(source);
  return entries.map((entry) => ({
    name: entry.name,
    size: entry.size,
    read: () => readMember(source, entry, start),
    readStart: (wanted) => readStart(source, entry, start, wanted),
  }));
}

/** Where a member's data begin, once its own header has been held against the directory. */
async function dataStart(source: ByteSource, entry: Entry, directory: number): Promise<number> {
  const { name, rawName, offset, compressed } = entry;
  const header = await source.read(offset, Math.min(directory, offset + localLength + rawName.length));
  const view = viewOf(header);
  const own = header.subarray(localLength);
  if (
    header.length < localLength + rawName.length ||
    view.getUint32(0, true) !== 0x04034b50 ||
    view.getUint16(8, true) !== entry.method ||
    (view.getUint16(6, true) ^ entry.flags) & 0x2041 ||
    view.getUint16(26, true) !== rawName.length ||
    own.some((byte, k) => byte !== rawName[k])
  )
    throw zipError(`the header of member ${quoted(name)} at byte ${offset} is not as the directory says`);
  // With a data descriptor (bit 3) these stand behind the data; in ZIP64 they are all ones.
  const agrees = (at: number, value: number): boolean => {
    const found = view.getUint32(at, true);
    return found === value || found === 0xffffffff || ((entry.flags & 8) !== 0 && found === 0);
  };
  if (!agrees(14, entry.crc) || !agrees(18, compressed) || !agrees(22, entry.size))
    throw zipError(`the sizes or the checksum of member ${quoted(name)} at byte ${offset} differ from the directory's`);
  const start = offset + localLength + rawName.length + view.getUint16(28, true);
  if (start + compressed > directory)
    throw zipError(`the data of member ${quoted(name)} end beyond the directory's start`);
  return start;
}

async function readMember(source: ByteSource, entry: Entry, directory: number): Promise<Uint8Array<ArrayBuffer>> {
  const { name, method, crc, compressed, size } = entry;
  const start = await dataStart(source, entry, directory);
  const stored = await source.read(start, start + compressed);
  const bytes = method === 0 ? stored : await inflate(stored, 'deflate-raw', size, `zip: member ${quoted(name)}`);
  const found = crc32(bytes);
  if (found !== crc)
    throw zipError(`member ${quoted(name)} has the checksum ${hex(found)}, the directory says ${hex(crc)}`);
  return bytes;
}

async function readStart(
  source: ByteSource,
  entry: Entry,
  directory: number,
  wanted: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { name, method, compressed, size } = entry;
  const start = await dataStart(source, entry, directory);
  const length = Math.min(wanted, size);
  if (method === 0) return source.read(start, start + length);
  // A code has 15 bits at most, and the tables in front of them some hundred bytes.
  const enough = Math.min(compressed, length * 2 + 1024);
  const part = await source.read(start, start + enough);
  return inflate(part, 'deflate-raw', length, `zip: member ${quoted(name)}`, { exact: false });
}

const hex = (value: number): string => value.toString(16).padStart(8, '0');
