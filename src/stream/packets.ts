// Bytes as they come in, in pieces cut anywhere → whole packets. A packet says its own length, so nothing lies between two.

import { readStart, refuse, startBytes } from './wire';

export class PacketSplitter {
  readonly #maxBytes: number;
  /** What has come of the packet at hand; grows with what comes, not with what a header promises. */
  #held = new Uint8Array(0);
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The packets that `bytes` complete.
   * @throws LatentPreviewError `file` where a packet does not begin as one
   */
  *push(bytes: Uint8Array): Generator<Uint8Array<ArrayBuffer>> {
    this.#append(bytes);
    let at = 0;
    while (this.#length - at >= startBytes) {
      const { packetBytes } = readStart(this.#held.subarray(at, this.#length), this.#maxBytes);
      if (this.#length - at < packetBytes) break;
      // A copy: what it lies in is written again.
      yield this.#held.slice(at, at + packetBytes);
      at += packetBytes;
    }
    this.#held.copyWithin(0, at, this.#length);
    this.#length -= at;
  }

  /** @throws LatentPreviewError `file` where the bytes ended within a packet */
  end(): void {
    if (this.#length === 0) return;
    const { packetBytes } =
      this.#length < startBytes
        ? { packetBytes: 'unknown' }
        : readStart(this.#held.subarray(0, this.#length), this.#maxBytes);
    throw refuse(`the stream ended after ${this.#length} of its ${packetBytes} bytes; the sender or the way broke off`);
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#held.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#held.length));
      grown.set(this.#held.subarray(0, this.#length));
      this.#held = grown;
    }
    this.#held.set(bytes, this.#length);
    this.#length = needed;
  }
}
