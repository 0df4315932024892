// Gaussian noise of 8 units x 8 replicas: Philox4x32-10 with one replica per lane, then the table.
import { C_INDEX_MASK, C_PHILOX_0, C_PHILOX_1, S_INDEX, S_KEYS, S_NOISE, TABLE } from './layout';

/** The keys of the ten rounds, to S_KEYS: read from memory, a key costs no instruction of its own. */
export function scheduleKeys(area: usize, keyLow: u32, keyHigh: u32): void {
  for (let at: usize = 0; at < 80; at += 8) {
    store<u32>(area + at, keyLow, S_KEYS);
    store<u32>(area + at, keyHigh, S_KEYS + 4);
    keyLow += 0x9e3779b9;
    keyHigh += 0xbb67ae85;
  }
}

/**
 * Philox4x32-10 of eight counters, four in the lanes of `a0` and four in those of `b0`, whose other words are the same.
 * Leaves table addresses at S_INDEX. Two chains side by side, because a round waits for the one before.
 */
function philox(area: usize, a0: v128, b0: v128, word1: v128, word2: v128, word3: v128): void {
  const m0 = v128.load32_splat(area, C_PHILOX_0);
  const m1 = v128.load32_splat(area, C_PHILOX_1);
  let a1 = word1;
  let a2 = word2;
  let a3 = word3;
  let b1 = word1;
  let b2 = word2;
  let b3 = word3;
  const end = area + 80;
  for (let key = area; key < end; key += 8) {
    let low = i64x2.extmul_low_i32x4_u(a0, m0);
    let high = i64x2.extmul_high_i32x4_u(a0, m0);
    const aOdd = v128.xor(v128.shuffle<i32>(low, high, 1, 3, 5, 7), a3);
    a3 = v128.shuffle<i32>(low, high, 0, 2, 4, 6);
    low = i64x2.extmul_low_i32x4_u(a2, m1);
    high = i64x2.extmul_high_i32x4_u(a2, m1);
    a0 = v128.xor(v128.xor(v128.shuffle<i32>(low, high, 1, 3, 5, 7), a1), v128.load32_splat(key, S_KEYS));
    a1 = v128.shuffle<i32>(low, high, 0, 2, 4, 6);
    a2 = v128.xor(aOdd, v128.load32_splat(key, S_KEYS + 4));
    low = i64x2.extmul_low_i32x4_u(b0, m0);
    high = i64x2.extmul_high_i32x4_u(b0, m0);
    const bOdd = v128.xor(v128.shuffle<i32>(low, high, 1, 3, 5, 7), b3);
    b3 = v128.shuffle<i32>(low, high, 0, 2, 4, 6);
    low = i64x2.extmul_low_i32x4_u(b2, m1);
    high = i64x2.extmul_high_i32x4_u(b2, m1);
    b0 = v128.xor(v128.xor(v128.shuffle<i32>(low, high, 1, 3, 5, 7), b1), v128.load32_splat(key, S_KEYS));
    b1 = v128.shuffle<i32>(low, high, 0, 2, 4, 6);
    b2 = v128.xor(bOdd, v128.load32_splat(key, S_KEYS + 4));
  }
  const mask = v128.load32_splat(area, C_INDEX_MASK);
  indices(area, a0, mask);
  indices(area + 16, b0, mask);
  indices(area + 64, a1, mask);
  indices(area + 80, b1, mask);
  indices(area + 128, a2, mask);
  indices(area + 144, b2, mask);
  indices(area + 192, a3, mask);
  indices(area + 208, b3, mask);
}

/** Table addresses of the two halves of a word (units 2q and 2q + 1) of 4 replicas. */
@inline function indices(at: usize, word: v128, mask: v128): void {
  v128.store(at, v128.and(i32x4.add(word, word), mask), S_INDEX);
  v128.store(at, v128.and(i32x4.shr_u(word, 15), mask), S_INDEX + 32);
}

/** Writes the noise codes of replicas `sample`..`sample`+7 (of the first four only if `few`) to S_NOISE, [unit][replica]. */
export function drawNoise(area: usize, sample: u32, octet: u32, step: u32, few: bool): void {
  const first = i32x4.add(i32x4.splat(sample), i32x4(0, 1, 2, 3));
  const second = i32x4.add(first, i32x4.splat(4));
  philox(area, first, second, i32x4.splat(octet), i32x4.splat(step), i32x4.splat(0));
  const end = area + 256;
  const stride: usize = few ? 32 : 16;
  for (let at = area; at < end; at += stride) {
    store<i32>(at, load<i16>(load<u32>(at, S_INDEX), TABLE), S_NOISE);
    store<i32>(at, load<i16>(load<u32>(at, S_INDEX + 4), TABLE), S_NOISE + 4);
    store<i32>(at, load<i16>(load<u32>(at, S_INDEX + 8), TABLE), S_NOISE + 8);
    store<i32>(at, load<i16>(load<u32>(at, S_INDEX + 12), TABLE), S_NOISE + 12);
  }
}

/** The block of any counter, its words as drawNoise has them: for the known-answer tests. */
export function philoxBlock(area: usize, c0: u32, c1: u32, c2: u32, c3: u32, k0: u32, k1: u32): void {
  scheduleKeys(area, k0, k1);
  philox(area, i32x4.splat(c0), i32x4.splat(c0), i32x4.splat(c1), i32x4.splat(c2), i32x4.splat(c3));
}
