// Builds zip files byte by byte, good and lying ones. Without a field of its own, each says the truth.

import { crc32 as nodeCrc } from 'node:zlib';
import { bytesOf, join } from './build';

export interface ZipMember {
  readonly name: string;
  /** What it inflates to. */
  readonly data: Uint8Array;
  /** 0 stored (default), 8 deflate. */
  readonly method?: number;
  /** The compressed bytes; default `data`. */
  readonly packed?: Uint8Array;
  readonly size?: number;
  readonly size64?: bigint;
  readonly compressed?: number;
  readonly crc?: number;
  readonly flags?: number;
  readonly offset?: number;
  readonly rawName?: Uint8Array;
  /** Sizes and checksum behind the data. */
  readonly descriptor?: boolean;
  readonly zip64?: boolean;
  readonly localName?: string;
  readonly localFlags?: number;
  readonly localCrc?: number;
  readonly localExtra?: Uint8Array;
}

interface ZipParts {
  readonly zip64?: boolean;
  readonly comment?: Uint8Array;
  /** In front of the archive, whose offsets know of it. */
  readonly prefix?: Uint8Array;
  /** Where the ZIP64 locator points. */
  readonly locator?: bigint;
}

const u16 = (...values: number[]) => bytesOf(Uint16Array.from(values));
const u32 = (...values: number[]) => bytesOf(Uint32Array.from(values));
const u64 = (...values: (number | bigint)[]) => bytesOf(BigUint64Array.from(values.map(BigInt)));
const text = (value: string) => new TextEncoder().encode(value);

/** The checksum by Node's zlib, bit by bit where that has none (before 22.2). */
export function checksum(bytes: Uint8Array): number {
  if (nodeCrc) return nodeCrc(bytes);
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

export function zipFile(members: readonly ZipMember[], parts: ZipParts = {}): Uint8Array {
  const { zip64 = false, comment = new Uint8Array(), prefix = new Uint8Array() } = parts;
  const bodies: Uint8Array[] = [prefix];
  const directory: Uint8Array[] = [];
  let at = prefix.length;
  for (const member of members) {
    const { name, data, method = 0, packed = data, descriptor = false } = member;
    const raw = member.rawName ?? text(name);
    const localRaw = member.localName === undefined ? raw : text(member.localName);
    const flags = (member.flags ?? 0) | 0x800 | (descriptor ? 8 : 0);
    const crc = member.crc ?? checksum(data);
    const size = member.size ?? data.length;
    const compressed = member.compressed ?? packed.length;
    const wide = member.zip64 ?? false;
    const all = 0xffffffff;
    const wideSizes = join(u16(1, 16), u64(member.size64 ?? size, compressed));
    const localExtra = join(wide ? wideSizes : [], member.localExtra ?? []);
    const localSizes = descriptor
      ? u32(0, 0, 0)
      : u32(member.localCrc ?? crc, wide ? all : compressed, wide ? all : size);
    const local = join(
      ...[u32(0x04034b50), u16(20, (member.localFlags ?? 0) | flags, method, 0, 0x21), localSizes],
      ...[u16(localRaw.length, localExtra.length), localRaw, localExtra, packed],
      ...(descriptor ? [u32(0x08074b50, crc, compressed, size)] : []),
    );
    const extra = wide ? wideSizes : new Uint8Array();
    directory.push(
      join(
        ...[u32(0x02014b50), u16(45, 20, flags, method, 0, 0x21), u32(crc, wide ? all : compressed, wide ? all : size)],
        ...[u16(raw.length, extra.length, 0, 0, 0), u32(0, member.offset ?? at), raw, extra],
      ),
    );
    bodies.push(local);
    at += local.length;
  }
  const listed = join(...directory);
  const count = members.length;
  const end64 = join(
    ...[u32(0x06064b50), u64(44), u16(45, 45), u32(0, 0), u64(count, count, listed.length, at)],
    ...[u32(0x07064b50, 0), u64(parts.locator ?? at + listed.length), u32(1)],
  );
  const short = (value: number) => (zip64 ? 0xffff : value);
  const long = (value: number) => (zip64 ? 0xffffffff : value);
  return join(
    ...[...bodies, listed, zip64 ? end64 : []],
    ...[u32(0x06054b50), u16(0, 0, short(count), short(count)), u32(long(listed.length), long(at))],
    ...[u16(comment.length), comment],
  );
}
