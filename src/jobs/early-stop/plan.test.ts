import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { batchSeed, digestOfBatches, firstBatch, nextBatch } from './plan.ts';

describe('the sizes of batches', () => {
  it('begin with half the target, within bounds and never above the count', () => {
    expect(firstBatch(1000, 5000)).toBe(500);
    expect(firstBatch(3, 5000)).toBe(64);
    expect(firstBatch(3, 10)).toBe(10);
    expect(firstBatch(1e6, 1e6)).toBe(1024);
  });

  it('go to what is needed, double at most, grow by an eighth at least, and end at the count', () => {
    expect(nextBatch(500, 900, 5000)).toBe(400);
    expect(nextBatch(500, 9000, 5000)).toBe(500);
    expect(nextBatch(500, Infinity, 5000)).toBe(500);
    expect(nextBatch(800, 801, 5000)).toBe(100);
    expect(nextBatch(64, 1, 5000)).toBe(32);
    expect(nextBatch(4990, 9000, 5000)).toBe(10);
    expect(nextBatch(5000, 9000, 5000)).toBe(0);
  });

  it('need few batches for a million samples, however badly they are guessed', () => {
    let batches = 1;
    for (let done = firstBatch(2, 1e6); done < 1e6; done += nextBatch(done, done + 1, 1e6)) batches++;
    expect(batches).toBeLessThan(100);
  });
});

describe('the seeds of batches', () => {
  it('are the seed of the job, then the first eight bytes of SHA-256 of "SEED/k"', () => {
    expect(batchSeed('7', 0)).toBe('7');
    const bytes = createHash('sha256').update('7/1').digest();
    expect(batchSeed('7', 1)).toBe(bytes.readBigUInt64BE().toString());
    // printf %s 7/1 | sha256sum
    expect(
      BigInt(batchSeed('7', 1) ?? '')
        .toString(16)
        .padStart(16, '0'),
    ).toBe('d3d2f5798ea0625e');
    expect(batchSeed(null, 3)).toBeNull();
  });

  it('differ between batches and between jobs', () => {
    const seeds = ['0', '1', '18446744073709551615'].flatMap((seed) =>
      Array.from({ length: 50 }, (_, k) => batchSeed(seed, k)),
    );
    expect(new Set(seeds).size).toBe(150);
    for (const seed of seeds) expect(BigInt(seed ?? -1) < 1n << 64n).toBe(true);
  });
});

describe('the digest over batches', () => {
  it('is its own for one, and the SHA-256 of the digests one after another for several', () => {
    const [a, b] = ['a', 'b'].map((text) => createHash('sha256').update(text).digest());
    const [first, second] = [a.toString('hex'), b.toString('hex')];
    expect(digestOfBatches([first])).toBe(first);
    const both = createHash('sha256')
      .update(Buffer.concat([a, b]))
      .digest('hex');
    expect(digestOfBatches([first, second])).toBe(both);
    expect(digestOfBatches([second, first])).not.toBe(both);
  });
});
