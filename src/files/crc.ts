// CRC-32 as zip and PNG check it (polynomial 0xedb88320).

let table: Uint32Array | undefined;

/** The checksum of `bytes`; `before` continues that of the bytes in front of them. */
export function crc32(bytes: Uint8Array, before = 0): number {
  // 1 KiB, built on first use.
  if (!table) {
    table = new Uint32Array(256);
    for (let i = 0; i < 256; i++) {
      let value = i;
      for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
      table[i] = value;
    }
  }
  let crc = ~before;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
