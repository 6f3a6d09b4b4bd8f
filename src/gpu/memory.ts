// GPU memory kept between frames, so that a frame like the last one allocates nothing.

/** The most recently used `limit` entries, of at most `mostBytes` together; the others are released. */
export class RecentMap<V> {
  readonly #entries = new Map<string, { readonly value: V; readonly bytes: number }>();
  readonly #limit: number;
  readonly #release: (value: V) => void;
  readonly #mostBytes: number;

  constructor(limit: number, release: (value: V) => void, mostBytes = Number.POSITIVE_INFINITY) {
    this.#limit = limit;
    this.#release = release;
    this.#mostBytes = mostBytes;
  }

  /** @param bytes of a new entry, for which room is made before it is created */
  get(key: string, create: () => V, bytes = 0): V {
    let entry = this.#entries.get(key);
    if (entry) this.#entries.delete(key);
    else {
      this.#makeRoom(bytes);
      entry = { value: create(), bytes };
    }
    // A Map keeps insertion order: the first key is the least recently used.
    this.#entries.set(key, entry);
    return entry.value;
  }

  clear(): void {
    for (const { value } of this.#entries.values()) this.#release(value);
    this.#entries.clear();
  }

  #makeRoom(bytes: number): void {
    let total = bytes;
    for (const entry of this.#entries.values()) total += entry.bytes;
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size < this.#limit && total <= this.#mostBytes) return;
      total -= entry.bytes;
      this.#entries.delete(key);
      this.#release(entry.value);
    }
  }
}

// Small buffers kept by their content. Not destroyed when they fall out: a command encoder that is not yet submitted may
// hold them, and they are a few bytes each.
const keptContents = 256;

/**
 * Small buffers found by what they hold and never written again: several frames may be recorded into one encoder, each
 * with its own numbers.
 */
export class ContentCache {
  readonly #device: GPUDevice;
  readonly #label: string;
  readonly #usage: GPUBufferUsageFlags;
  readonly #buffers = new RecentMap<GPUBuffer>(keptContents, () => {});

  constructor(device: GPUDevice, label: string, usage: GPUBufferUsageFlags) {
    this.#device = device;
    this.#label = label;
    this.#usage = usage;
  }

  get(content: Uint32Array | Float32Array): GPUBuffer {
    return this.#buffers.get(content.join(), () => {
      const buffer = this.#device.createBuffer({
        label: this.#label,
        size: content.byteLength,
        usage: this.#usage,
        mappedAtCreation: true,
      });
      new Uint8Array(buffer.getMappedRange()).set(
        new Uint8Array(content.buffer, content.byteOffset, content.byteLength),
      );
      buffer.unmap();
      return buffer;
    });
  }

  clear(): void {
    this.#buffers.clear();
  }
}
