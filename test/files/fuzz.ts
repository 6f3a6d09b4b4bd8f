// A seeded fuzzer of the readers of files and of streamed packets: good ones of every kind, changed in ways that files break or are forged. Each must
// end in tensors or in a LatentPreviewError, within a second and 64 MB over the file's size. Run by fuzz.test.ts (few) and
// `npm run fuzz` (as many as one likes).

import { readdirSync, readFileSync } from 'node:fs';
import { deflateRawSync, deflateSync } from 'node:zlib';
import { LatentPreviewError } from '../../src/errors';
import { bytesSource, openTensorFile } from '../../src/files';
import { decodeLatents } from '../../src/stream/index';
import { elementCount, itemSize } from '../../src/tensor';
import { packet } from '../stream/packets';
import { join } from './build';
import { checksum, type ZipMember, zipFile } from './build-zip';

export const limits = { seconds: 1, bytes: 64e6 };

export interface FuzzResult {
  readonly tensors: number;
  readonly errors: number;
  /** Of one mutant, in seconds of processor time and bytes over its own size. */
  readonly slowest: number;
  readonly largest: number;
  /** What broke a promise, with the seed file and the mutant's number. */
  readonly failures: readonly string[];
}

/** What is changed, and what is done with it before it is read: checksums made right again, say. */
interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly wrap: (bytes: Uint8Array) => Uint8Array;
  /** Default: as a file of whatever kind. */
  readonly read?: (bytes: Uint8Array) => Promise<void>;
}

const folder = new URL('../fixtures/files/', import.meta.url);
const fixture = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, folder)));
const same = (bytes: Uint8Array): Uint8Array => bytes;

function seeds(): Seed[] {
  const plain = readdirSync(folder)
    .filter((name) => !name.endsWith('.json'))
    .map((name) => ({ name, bytes: fixture(name), wrap: same }));
  // A change inside of a checked container mostly ends at its checksum: these change what the container holds.
  const member = (name: string, bytes: Uint8Array, more: ZipMember[] = [], deflated = false): Seed => ({
    name: `${name} in a zip`,
    bytes,
    wrap: (data) =>
      zipFile([{ name, data, ...(deflated ? { method: 8, packed: deflateRawSync(data) } : {}) }, ...more]),
  });
  const inner = ['torch-nested.pt', 'torch-views.pt', 'torch-parameters.pt', 'torch-state-dict.pt'].map((name) => {
    const members = storedMembers(fixture(name));
    const pickle = members.find((one) => one.name.endsWith('data.pkl')) as ZipMember;
    return member(
      pickle.name,
      pickle.data,
      members.filter((one) => one !== pickle),
    );
  });
  const arrays = ['float32.npy', 'float16-fortran-5d-big-endian.npy'].flatMap((name) => [
    member('x.npy', fixture(name)),
    member('x.npy', fixture(name), [], true),
  ]);
  return [...plain, ...inner, ...arrays, ...pngs(), ...packets()];
}

/** PNGs whose rows, and whose header, are changed below their compression and their checksums. */
function pngs(): Seed[] {
  const chunk = (type: string, data: Uint8Array) => {
    const crc = checksum(join(type, data));
    const word = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
    return join(word(data.length), type, data, word(crc));
  };
  const rows = Uint8Array.from({ length: 5 * 13 }, (_, k) => (k % 13 ? 60 + k : Math.floor(k / 13)));
  const header = join([0, 0, 0, 3, 0, 0, 0, 5, 8, 6, 0, 0, 0]);
  const file = (ihdr: Uint8Array, data: Uint8Array) =>
    join('\x89PNG\r\n\x1a\n', chunk('IHDR', ihdr), chunk('IDAT', deflateSync(data)), chunk('IEND', join()));
  return [
    { name: 'rows of a png', bytes: rows, wrap: (data) => file(header, data) },
    { name: 'header of a png', bytes: header, wrap: (data) => file(data, rows) },
  ];
}

/** Packets of the wire format, whole and with what they hold changed below their deflate. */
function packets(): Seed[] {
  const bytes = Uint8Array.from({ length: 24 }, (_, k) => k * 10);
  const text = '{"format":"sdxl","run":"1"}';
  const deflated: [1, number] = [1, 1];
  const seed = (name: string, bytes: Uint8Array, wrap = same): Seed => ({ name, bytes, wrap, read: readPacket });
  return [
    seed('packet', packet({ bytes, text })),
    seed('deflated packet', packet({ bytes: deflateSync(bytes), text, fields: { 13: deflated } })),
    seed('numbers of a packet', bytes, (data) => packet({ bytes: deflateSync(data), fields: { 13: deflated } })),
    // The lengths made right again: what changes is what they are lengths of.
    seed('header of a packet', packet({ bytes, text }), (data) => {
      const whole = join(data.subarray(0, 8), word(data.length), data.subarray(12));
      return data.length < 12 ? data : whole;
    }),
  ];
}

const word = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);

async function readPacket(bytes: Uint8Array): Promise<void> {
  const { latents } = await decodeLatents(bytes);
  if ('buffer' in latents.tensor) throw new Error('a packet that is in GPU memory');
  const { dtype, shape, data } = latents.tensor;
  if (data.length !== elementCount(shape) || data.byteLength !== data.length * itemSize(dtype))
    throw new Error(`a packet of ${data.length} elements of shape (${shape})`);
}

/** The members of a zip that torch.save wrote: stored, one behind the other, sizes behind the data. */
function storedMembers(bytes: Uint8Array): ZipMember[] {
  const view = new DataView(bytes.buffer);
  const members: ZipMember[] = [];
  let at = view.getUint32(bytes.length - 6, true);
  while (view.getUint32(at, true) === 0x02014b50) {
    const [nameLength, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const local = view.getUint32(at + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    members.push({ name, data: bytes.slice(start, start + view.getUint32(at + 24, true)) });
    at += 46 + nameLength + extra + comment;
  }
  return members;
}

/** Numbers from 0 to 1, the same for the same seed (Mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

function mutate(bytes: Uint8Array, all: readonly Seed[], next: () => number): Uint8Array {
  const whole = (limit: number) => Math.floor(next() * limit);
  const pick = <T>(items: readonly T[]): T => items[whole(items.length)] as T;
  // Headers and directories, where most of the meaning is, lie at the ends.
  const place = (length: number) => {
    const near = Math.min(length, 300);
    const kind = whole(3);
    return kind === 0 ? whole(near) : kind === 1 ? Math.max(0, length - 1 - whole(near)) : whole(length);
  };
  const sizes = [0, 1, 2, 255, 256, 32_767, 65_535, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, bytes.length];
  const digits = ['0', '1', '-1', '3', '65536', '4294967296', '9007199254740993', '1e9', '99999999999999999999', '2.5'];
  let out: Uint8Array = bytes.slice();
  // Most have one fault: with several, the first found hides the others.
  for (let round = whole(2) ? 1 : 1 + whole(4); round > 0; round--) {
    const at = place(out.length + 1);
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    const kind = whole(10);
    if ((kind === 0 || kind > 7) && at < out.length) out[at] = (out[at] as number) ^ (1 << whole(8));
    else if (kind === 1 && at < out.length) out[at] = whole(256);
    else if (kind === 2) out = whole(2) ? out.slice(0, at) : out.slice(at);
    else if (kind === 3) out = join(out.subarray(0, at), out.subarray(at + 1 + whole(16)));
    else if (kind === 4) {
      const { bytes: other } = pick(all);
      const from = place(other.length);
      const part = other.subarray(from, from + 1 + whole(64));
      out = join(out.subarray(0, at), part, out.subarray(at + (whole(2) ? part.length : 0)));
    } else if (kind === 5) {
      const size = pick([2, 4, 8] as const);
      const value = Math.max(0, pick(sizes) + whole(3) - 1);
      if (at + size > out.length) continue;
      if (size === 2) view.setUint16(at, value, whole(4) > 0);
      else if (size === 4) view.setUint32(at, value, whole(4) > 0);
      else view.setBigUint64(at, BigInt(value) << BigInt(pick([0, 0, 31])), whole(4) > 0);
    } else if (kind === 6) {
      const found = out.subarray(at).findIndex((byte) => byte >= 48 && byte < 58);
      if (found < 0) continue;
      let end = at + found;
      while (end < out.length && (out[end] as number) >= 48 && (out[end] as number) < 58) end++;
      out = join(out.subarray(0, at + found), pick(digits), out.subarray(end));
    } else {
      // A part again, many times.
      const part = out.subarray(at, at + 1 + whole(32));
      out = join(out.subarray(0, at), ...Array.from({ length: 1 + whole(200) }, () => part), out.subarray(at));
    }
  }
  return out;
}

/** Reads everything; what is no promise of the readers is thrown. */
async function readsOrRefuses(file: Uint8Array, read?: Seed['read']): Promise<'tensors' | 'error'> {
  try {
    if (read) {
      await read(file);
      return 'tensors';
    }
    const { tensors } = await openTensorFile(bytesSource(file));
    for (const [name, stored] of tensors) {
      const { dtype, shape, data } = await stored.read();
      if (dtype !== stored.dtype || String(shape) !== String(stored.shape))
        throw new Error(`tensor '${name}' is not what the file said it was`);
      if (data.length !== elementCount(shape) || data.byteLength !== data.length * itemSize(dtype))
        throw new Error(`tensor '${name}' has ${data.length} elements of shape (${shape})`);
    }
    return 'tensors';
  } catch (error) {
    if (!(error instanceof LatentPreviewError)) throw error;
    if (error.message.length > 2000) throw new Error(`a message of ${error.message.length} characters`);
    return 'error';
  }
}

const memory = (): number => {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** @param onProgress told of every thousandth mutant */
export async function fuzz(mutants: number, seed: number, onProgress?: (done: number) => void): Promise<FuzzResult> {
  const all = seeds();
  const counts = { tensors: 0, errors: 0 };
  const failures: string[] = [];
  let [slowest, largest] = [0, 0];
  // What is loaded and compiled on first use is no mutant's.
  for (const { bytes, wrap, read } of all) await readsOrRefuses(wrap(bytes), read).catch(() => 'error');
  for (let number = 0; number < mutants; number++) {
    // Each mutant has its own numbers, so that one alone can be made again.
    const next = random(seed * 1_000_003 + number);
    const { name, bytes, wrap, read } = all[Math.floor(next() * all.length)] as Seed;
    const file = wrap(mutate(bytes, all, next));
    const mutant = `mutant ${number} of seed ${seed}, of ${name}, ${file.length} bytes`;
    const cpu = process.cpuUsage();
    const before = memory();
    try {
      counts[(await readsOrRefuses(file, read)) === 'tensors' ? 'tensors' : 'errors']++;
    } catch (error) {
      failures.push(`${mutant}: ${error instanceof Error ? error.stack : String(error)}`);
    }
    const grown = memory() - before - file.length;
    const { user, system } = process.cpuUsage(cpu);
    const seconds = (user + system) / 1e6;
    slowest = Math.max(slowest, seconds);
    largest = Math.max(largest, grown);
    if (seconds > limits.seconds) failures.push(`${mutant}: took ${seconds.toFixed(2)} s`);
    if (grown > limits.bytes) failures.push(`${mutant}: took ${(grown / 1e6).toFixed(1)} MB over its size`);
    if ((number + 1) % 1000 === 0) onProgress?.(number + 1);
  }
  return { ...counts, slowest, largest, failures };
}
