// How a job that stops early is cut into batches: their sizes, their seeds and the digest over them. Pure.
import { createHash } from 'node:crypto';

/** The first batch chooses the slowest units, and no observable is believed from fewer than 51 samples. */
const FIRST_MIN = 64;
const FIRST_MAX = 1024;
const BATCH_MIN = 32;
/** Every batch adds this share at least: the number of batches grows with the logarithm of `count` alone. */
const GROWTH_MIN = 1 / 8;
const SEED_BYTES = 8;

/** Samples of the first batch: half the target, so that a second one can be fitted to what it measured. */
export function firstBatch(targetEss: number, count: number): number {
  return Math.min(count, FIRST_MAX, Math.max(FIRST_MIN, Math.ceil(targetEss / 2)));
}

/**
 * Samples of the next batch: up to `needed` samples in all, but no more than there are already, for `needed` is a guess.
 * @param needed as the last estimate says; may be infinite
 * @returns 0 when `done` samples are all of `count`
 */
export function nextBatch(done: number, needed: number, count: number): number {
  const least = Math.max(BATCH_MIN, Math.ceil(done * GROWTH_MIN));
  return Math.min(count - done, Math.max(least, Math.min(needed - done, done)));
}

/**
 * Batch 0 has the seed of the job; batch k the first eight bytes, big-endian, of the SHA-256 of the text `SEED/k` with
 * both numbers in decimal. Without a seed there is none.
 * @param seed decimal
 */
export function batchSeed(seed: string | null, batch: number): string | null {
  if (seed === null || batch === 0) return seed;
  return seedOf(`${seed}/${batch}`);
}

/**
 * Of the parts that heat cuts a batch, a rounding or a whole job into: part 0 has its seed, part k that of the text
 * `SEED/part/k`, so that no part meets the noise of another batch.
 * @param seed decimal, of what is cut
 */
export function partSeed(seed: string | null, part: number): string | null {
  if (seed === null || part === 0) return seed;
  return seedOf(`${seed}/part/${part}`);
}

function seedOf(text: string): string {
  const digest = createHash('sha256').update(text).digest();
  return BigInt(`0x${digest.toString('hex', 0, SEED_BYTES)}`).toString();
}

/**
 * Of one batch its own; of several the SHA-256 over their digests (32 bytes each), in order.
 * @param digests hexadecimal
 * @returns hexadecimal
 */
export function digestOfBatches(digests: readonly string[]): string {
  if (digests.length === 1) return digests[0];
  const all = createHash('sha256');
  for (const digest of digests) all.update(Buffer.from(digest, 'hex'));
  return all.digest('hex');
}
