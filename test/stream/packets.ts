// Packets written by hand, byte after byte as docs/wire-format.md says, for tests that must not trust the encoder.

import { readFileSync } from 'node:fs';

/** The document's worked example. */
export function documentedPacket(): Uint8Array<ArrayBuffer> {
  const text = readFileSync(new URL('../../docs/wire-format.md', import.meta.url), 'utf8');
  const [, hex] = text.match(/```hex\n([\s\S]+?)```/) ?? [];
  if (!hex) throw new Error('docs/wire-format.md has no example');
  const lines = hex.trim().split('\n');
  return Uint8Array.from(
    lines.flatMap((line) =>
      line
        .slice(4)
        .split(' ')
        .map((byte) => Number.parseInt(byte, 16)),
    ),
  );
}

/** What is different from a small packet of uint8 (1, 4, 2, 3). */
export interface Written {
  readonly bytes?: Uint8Array;
  readonly text?: string;
  /** By offset: [bytes, value], little-endian, after all else. */
  readonly fields?: Readonly<Record<number, readonly [1 | 2 | 4, number]>>;
}

export function packet({ bytes = new Uint8Array(24), text = '', fields = {} }: Written = {}): Uint8Array<ArrayBuffer> {
  const encoded = new TextEncoder().encode(text);
  const header = 80 + Math.ceil(encoded.length / 8) * 8;
  const out = new Uint8Array(header + bytes.length).fill(0x20, 80);
  out.set(encoded, 80);
  out.set(bytes, header);
  const all: Written['fields'] = {
    ...{ 4: [1, 1], 5: [1, 1], 6: [2, header], 8: [4, out.length], 12: [1, 4], 14: [1, 4] },
    ...{ 16: [4, 1], 20: [4, 4], 24: [4, 2], 28: [4, 3], 48: [4, 0x7fc00000], 52: [4, 0x7fc00000], 68: [4, 1] },
    ...fields,
  };
  out.set(new TextEncoder().encode('LATP'));
  for (const [offset, [size, value]] of Object.entries(all))
    for (let k = 0; k < size; k++) out[Number(offset) + k] = Math.floor(value / 256 ** k) & 255;
  return out;
}
