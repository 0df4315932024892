// How a dithered job is cut into roundings: their samples, their seeds, and which of them are pairs. Pure.
import { createHash } from 'node:crypto';
import { batchSeed } from '../early-stop/plan.ts';

const SEED_BYTES = 8;

export interface PlannedRounding {
  samples: number;
  /** Of the noise, decimal; null: the device draws its own. */
  seed: string | null;
  /** Of the rounding, decimal. */
  roundingSeed: string;
  mirrored: boolean;
}

/**
 * Samples as even as they go, the first ones one more. Roundings 2p and 2p + 1 are a pair, the second one mirrored: their
 * seed is the first eight bytes, big-endian, of the SHA-256 of the text `SEED/dither/p`, both numbers in decimal. The noise of
 * rounding k has the seed of batch k.
 * @param seed of the job, decimal; null: it has none
 * @param drawn SEED for a job without one
 */
export function planRoundings(
  count: number,
  roundings: number,
  seed: string | null,
  drawn: bigint,
): PlannedRounding[] {
  const least = Math.floor(count / roundings);
  return Array.from({ length: roundings }, (_, k) => ({
    samples: least + (k < count % roundings ? 1 : 0),
    seed: batchSeed(seed, k),
    roundingSeed: pairSeed(seed ?? drawn.toString(), Math.floor(k / 2)),
    mirrored: k % 2 === 1,
  }));
}

function pairSeed(seed: string, pair: number): string {
  const digest = createHash('sha256').update(`${seed}/dither/${pair}`).digest();
  return BigInt(`0x${digest.toString('hex', 0, SEED_BYTES)}`).toString();
}
