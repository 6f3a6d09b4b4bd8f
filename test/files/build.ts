// Builds tensor files byte by byte, good and broken ones, without the code under test; and reads any file as users do.

import { expect } from 'vitest';
import { LatentPreviewError } from '../../src/errors';
import { bytesSource, openTensorFile, readAll, type TensorFile } from '../../src/files';

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

export function join(...parts: (Uint8Array | string | readonly number[])[]): Uint8Array {
  const bytes = parts.map((part) => (typeof part === 'string' ? latin1(part) : Uint8Array.from(part)));
  const out = new Uint8Array(bytes.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of bytes) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

export const floats = (...values: number[]) => bytesOf(Float32Array.from(values));

interface NpyParts {
  descr?: string;
  fortranOrder?: boolean;
  shape?: string;
  /** The whole dict, instead of the three above. */
  dict?: string;
  version?: number;
  /** What the file says, where it lies. */
  headerLength?: number;
  /** Spaces up to a multiple of 64, as numpy writes. */
  padded?: boolean;
  data?: Uint8Array;
}

export function npyFile({
  descr = "'<f4'",
  fortranOrder = false,
  shape = '(2, 3)',
  dict = `{'descr': ${descr}, 'fortran_order': ${fortranOrder ? 'True' : 'False'}, 'shape': ${shape}, }`,
  version = 1,
  headerLength,
  padded = true,
  data = floats(1, 2, 3, 4, 5, 6),
}: NpyParts = {}): Uint8Array {
  const start = version === 1 ? 10 : 12;
  const body = latin1(dict);
  const pad = padded ? 63 - ((start + body.length) % 64) : 0;
  const header = join(body, ' '.repeat(pad), '\n');
  const length = headerLength ?? header.length;
  const bits = [length & 255, (length >>> 8) & 255, (length >>> 16) & 255, (length >>> 24) & 255];
  return join('\x93NUMPY', [version, 0], bits.slice(0, start - 8), header, data);
}

/** `header`: an object, or the JSON text as it shall stand. `length`: what the file says, where it lies. */
export function safetensorsFile(
  header: object | string | Uint8Array,
  data: Uint8Array = new Uint8Array(),
  length?: bigint,
): Uint8Array {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  const json = header instanceof Uint8Array ? header : new TextEncoder().encode(text);
  return join(bytesOf(BigUint64Array.of(length ?? BigInt(json.length))), json, data);
}

export const entry = (dtype: string, shape: readonly number[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

/** Runs `read`, which must throw a `file` error that says `message`. */
export function expectFileError(read: () => unknown, message: RegExp | string): void {
  let error: unknown;
  try {
    read();
  } catch (thrown) {
    error = thrown;
  }
  isFileError(error, message);
}

/** The same of a promise that must be rejected. */
export async function expectRejection(reading: Promise<unknown>, message: RegExp | string): Promise<void> {
  isFileError(
    await reading.then(
      () => undefined,
      (thrown: unknown) => thrown,
    ),
    message,
  );
}

function isFileError(error: unknown, message: RegExp | string): void {
  expect(error, 'no error').toBeInstanceOf(LatentPreviewError);
  expect((error as LatentPreviewError).code).toBe('file');
  expect((error as LatentPreviewError).message).toMatch(message);
}

/** Every tensor of a file of any kind, as `loadWeights` reads it. */
export const readWhole = async (bytes: Uint8Array): Promise<TensorFile> =>
  readAll(await openTensorFile(bytesSource(bytes)));
