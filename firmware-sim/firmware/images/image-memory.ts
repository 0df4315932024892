// The memory that one transfer fills, a bank's image or a patch: its bytes, a map of the chunks that arrived, and the CRC
// of each as it arrived, so that a read-back that differs names its page.
import { crc32c } from '../../../src/link/frame/index.ts';
import type { Range } from '../../../src/link/messages/index.ts';

export const PAGE_BYTES = 64 * 1024;

export type PutResult = 'stored' | 'bad-offset' | 'bad-length';

export class ImageMemory {
  readonly bytes: Uint8Array;
  readonly #chunkBytes: number;
  readonly #arrived: Uint8Array;
  readonly #crc: Uint32Array;
  #receivedBytes = 0;
  /** First chunk that is missing. */
  #firstMissing = 0;
  /** Behind the last chunk that arrived, bytes. */
  #highWater = 0;

  constructor(totalBytes: number, chunkBytes: number) {
    this.bytes = new Uint8Array(totalBytes);
    this.#chunkBytes = chunkBytes;
    const chunks = Math.ceil(totalBytes / chunkBytes);
    this.#arrived = new Uint8Array(chunks);
    this.#crc = new Uint32Array(chunks);
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }
  get highWater(): number {
    return this.#highWater;
  }
  get complete(): boolean {
    return this.#receivedBytes === this.bytes.length;
  }
  get contiguousTo(): number {
    return Math.min(this.#firstMissing * this.#chunkBytes, this.bytes.length);
  }

  /** Stores a chunk; other bytes for a chunk that is there overwrite it, and the hash decides. */
  put(offset: number, data: Uint8Array): PutResult {
    if (offset % this.#chunkBytes !== 0 || offset >= this.bytes.length) return 'bad-offset';
    if (data.length !== Math.min(this.#chunkBytes, this.bytes.length - offset)) return 'bad-length';
    this.bytes.set(data, offset);
    const chunk = offset / this.#chunkBytes;
    this.#crc[chunk] = crc32c(data);
    if (this.#arrived[chunk] === 0) {
      this.#arrived[chunk] = 1;
      this.#receivedBytes += data.length;
    }
    while (this.#arrived[this.#firstMissing] === 1) this.#firstMissing += 1;
    this.#highWater = Math.max(this.#highWater, offset + data.length);
    return 'stored';
  }

  /** At most `most` missing ranges that begin below `below` bytes. */
  missing(most: number, below: number): { ranges: Range[]; more: boolean } {
    const ranges: Range[] = [];
    const end = Math.ceil(below / this.#chunkBytes);
    for (let chunk = this.#firstMissing; chunk < end; chunk++) {
      if (this.#arrived[chunk] === 1) continue;
      if (ranges.length === most) return { ranges, more: true };
      const from = chunk;
      while (chunk < end && this.#arrived[chunk] === 0) chunk += 1;
      ranges.push({ from: BigInt(from * this.#chunkBytes), to: BigInt(this.#end(chunk - 1)) });
    }
    return { ranges, more: false };
  }

  /** Pages that hold a chunk whose bytes are not those that arrived. */
  pagesUnlikeArrived(): number[] {
    const pages = new Set<number>();
    for (let chunk = 0; chunk < this.#arrived.length; chunk++) {
      const [from, to] = [chunk * this.#chunkBytes, this.#end(chunk)];
      if (crc32c(this.bytes.subarray(from, to)) === this.#crc[chunk]) continue;
      for (let page = pageOf(from); page <= pageOf(to - 1); page++) pages.add(page);
    }
    return [...pages].sort((a, b) => a - b);
  }

  allPages(): number[] {
    return Array.from({ length: pageOf(this.bytes.length - 1) + 1 }, (_, page) => page);
  }

  /** Forgets every chunk that touches one of the pages. */
  forget(pages: readonly number[]): void {
    const wanted = new Set(pages);
    for (let chunk = 0; chunk < this.#arrived.length; chunk++) {
      const [from, to] = [chunk * this.#chunkBytes, this.#end(chunk)];
      if (this.#arrived[chunk] === 0 || !(wanted.has(pageOf(from)) || wanted.has(pageOf(to - 1)))) continue;
      this.#arrived[chunk] = 0;
      this.#receivedBytes -= to - from;
    }
    const first = this.#arrived.indexOf(0);
    this.#firstMissing = first === -1 ? this.#arrived.length : first;
    this.#highWater = this.bytes.length; // all of it was sent once: what is missing now is to be sent again
  }

  #end(chunk: number): number {
    return Math.min((chunk + 1) * this.#chunkBytes, this.bytes.length);
  }
}

const pageOf = (offset: number): number => Math.floor(offset / PAGE_BYTES);
