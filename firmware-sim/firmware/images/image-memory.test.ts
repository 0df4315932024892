// Chunks in any order, what is missing, and which pages read back unlike what arrived.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ImageMemory, PAGE_BYTES } from './image-memory.ts';

const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, k) => (k * 7 + 1) & 0xff);

describe('ImageMemory', () => {
  it('takes every order and every repeat, and always knows what is missing', () => {
    const image = bytesOf(100);
    const chunks = Array.from({ length: 9 }, (_, k) => k); // 8 of 12 bytes, a last one of 4
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...chunks), { maxLength: 30 }), (sequence) => {
        const memory = new ImageMemory(100, 12);
        const there = new Set<number>();
        for (const chunk of sequence) {
          expect(memory.put(chunk * 12, image.subarray(chunk * 12, chunk * 12 + 12))).toBe('stored');
          there.add(chunk);
        }
        const { ranges, more } = memory.missing(100, 100);
        const missing = chunks.filter((c) => ranges.some((r) => r.from <= c * 12 && c * 12 < r.to));
        expect(missing).toEqual(chunks.filter((c) => !there.has(c)));
        expect(more).toBe(false);
        const size = (c: number): number => (c === 8 ? 4 : 12);
        expect(memory.receivedBytes).toBe([...there].reduce((sum, c) => sum + size(c), 0));
        const first = missing.at(0);
        expect(memory.contiguousTo).toBe(first === undefined ? 100 : first * 12);
        expect(memory.complete).toBe(missing.length === 0);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('refuses what does not lie on the grid', () => {
    const memory = new ImageMemory(100, 12);
    expect(memory.put(6, bytesOf(12))).toBe('bad-offset');
    expect(memory.put(108, bytesOf(12))).toBe('bad-offset');
    expect(memory.put(0, bytesOf(11))).toBe('bad-length');
    expect(memory.put(96, bytesOf(12))).toBe('bad-length');
    expect(memory.put(0, bytesOf(0))).toBe('bad-length');
    expect(memory.receivedBytes).toBe(0);
  });

  it('lists at most as many ranges as asked for, only below a mark, and says that there are more', () => {
    const memory = new ImageMemory(120, 12);
    for (const chunk of [1, 3, 5]) memory.put(chunk * 12, bytesOf(12));
    expect(memory.missing(2, 120)).toEqual({
      ranges: [
        { from: 0n, to: 12n },
        { from: 24n, to: 36n },
      ],
      more: true,
    });
    expect(memory.missing(8, memory.highWater)).toEqual({
      ranges: [
        { from: 0n, to: 12n },
        { from: 24n, to: 36n },
        { from: 48n, to: 60n },
      ],
      more: false,
    });
  });

  it('finds the page that changed behind its back, and forgets its chunks only', () => {
    const total = 3 * PAGE_BYTES - 100;
    const chunk = 4068;
    const memory = new ImageMemory(total, chunk);
    for (let at = 0; at < total; at += chunk) memory.put(at, bytesOf(Math.min(chunk, total - at)));
    expect(memory.pagesUnlikeArrived()).toEqual([]);
    memory.bytes[PAGE_BYTES + 30_000] ^= 1;
    expect(memory.pagesUnlikeArrived()).toEqual([1]);
    memory.forget([1]);
    const { ranges } = memory.missing(8, total);
    expect(ranges).toHaveLength(1);
    // Every chunk that touches the page is to be sent again, also those across its edges.
    expect(Number(ranges[0].from)).toBe(Math.floor(PAGE_BYTES / chunk) * chunk);
    expect(Number(ranges[0].to)).toBe(Math.ceil((2 * PAGE_BYTES) / chunk) * chunk);
  });

  it('names both pages of a chunk that lies across their edge', () => {
    const memory = new ImageMemory(2 * PAGE_BYTES, 4068);
    const at = 16 * 4068; // 65,088 .. 69,156 across 65,536
    for (let from = 0; from < 2 * PAGE_BYTES; from += 4068) {
      memory.put(from, bytesOf(Math.min(4068, 2 * PAGE_BYTES - from)));
    }
    memory.bytes[at] ^= 0x80;
    expect(memory.pagesUnlikeArrived()).toEqual([0, 1]);
  });
});
