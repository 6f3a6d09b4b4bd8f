// What readers read from: bytes by place, wherever they lie. A reader asks for the parts that it needs, so that one tensor
// of a large file costs its own bytes. Files, Blobs and URLs become sources in src/source.ts.

export interface ByteSource {
  /** Bytes in all. */
  readonly size: number;
  /** Bytes `begin` to `end`, which lie within the file. May share memory with the source: not to be written. */
  read(begin: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Bytes in memory, shared with what is read. */
export const memorySource = (bytes: Uint8Array<ArrayBuffer>): ByteSource => ({
  size: bytes.byteLength,
  read: async (begin, end) => bytes.subarray(begin, end),
});
