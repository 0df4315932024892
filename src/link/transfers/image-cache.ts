// Images that were loaded lately, by their id: what a patch can be made against. Bounded, least recently used first out.

/** Banks are few; this holds what several devices' banks may hold of the largest images. */
export const CACHED_IMAGES_MAX = 8;
export const CACHED_BYTES_MAX = 16 * 1024 * 1024;

export class ImageCache {
  readonly #maxBytes: number;
  /** In the order of use. */
  readonly #images = new Map<string, Uint8Array>();
  #size_bytes = 0;

  constructor(maxBytes = CACHED_BYTES_MAX) {
    this.#maxBytes = maxBytes;
  }

  get size_bytes(): number {
    return this.#size_bytes;
  }

  /** Keeps a copy of an image under its hexadecimal id; one that is larger than the whole cache is not kept. */
  put(id: string, image: Uint8Array): void {
    if (this.#images.has(id)) return this.#touch(id);
    if (image.length > this.#maxBytes) return;
    this.#images.set(id, image.slice());
    this.#size_bytes += image.length;
    for (const [oldest, { length }] of this.#images) {
      if (this.#size_bytes <= this.#maxBytes && this.#images.size <= CACHED_IMAGES_MAX) return;
      this.#images.delete(oldest);
      this.#size_bytes -= length;
    }
  }

  /** The image of that id, which must not be changed. */
  get(id: string): Uint8Array | undefined {
    this.#touch(id);
    return this.#images.get(id);
  }

  #touch(id: string): void {
    const image = this.#images.get(id);
    if (image === undefined) return;
    this.#images.delete(id);
    this.#images.set(id, image);
  }
}
