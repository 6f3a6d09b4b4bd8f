// GPU memory kept between frames, so that a frame like the last one allocates nothing.

/** The most recently used `limit` entries; the others are released. */
export class RecentMap<V> {
  readonly #entries = new Map<string, V>();
  readonly #limit: number;
  readonly #release: (value: V) => void;

  constructor(limit: number, release: (value: V) => void) {
    this.#limit = limit;
    this.#release = release;
  }

  get(key: string, create: () => V): V {
    const value = this.#entries.get(key) ?? create();
    // A Map keeps insertion order: the first key is the least recently used.
    this.#entries.delete(key);
    this.#entries.set(key, value);
    const oldest = this.#entries.keys().next();
    if (this.#entries.size > this.#limit && !oldest.done) {
      const gone = this.#entries.get(oldest.value);
      this.#entries.delete(oldest.value);
      if (gone !== undefined) this.#release(gone);
    }
    return value;
  }

  clear(): void {
    for (const value of this.#entries.values()) this.#release(value);
    this.#entries.clear();
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
