// Gaussian noise of 8 units x 8 replicas: Philox4x32-10 with one replica per lane, then the table.
import { C_INDEX_MASK, C_PHILOX_0, C_PHILOX_1, S_INDEX, S_KEYS, S_NOISE, S_WORDS, TABLE } from './layout';

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
 * Philox4x32-10 of eight counters, four in the lanes of `a0` and four in those of `b0`, whose other words are the same;
 * word q goes to S_WORDS + 32 q. Two chains side by side, because a round waits for the one before.
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
  v128.store(area, a0, S_WORDS);
  v128.store(area, b0, S_WORDS + 16);
  v128.store(area, a1, S_WORDS + 32);
  v128.store(area, b1, S_WORDS + 48);
  v128.store(area, a2, S_WORDS + 64);
  v128.store(area, b2, S_WORDS + 80);
  v128.store(area, a3, S_WORDS + 96);
  v128.store(area, b3, S_WORDS + 112);
}

/** Table addresses of the two halves of word `word` (units 2q and 2q + 1), for 4 replicas. */
@inline function indices(area: usize, word: usize, unit: usize): void {
  const bits = v128.load(area + word, S_WORDS);
  const mask = v128.load32_splat(area, C_INDEX_MASK);
  v128.store(area + unit, v128.and(i32x4.add(bits, bits), mask), S_INDEX);
  v128.store(area + unit, v128.and(i32x4.shr_u(bits, 15), mask), S_INDEX + 32);
}

@inline function lookUp(at: usize): void {
  store<i32>(at, load<i16>(load<u32>(at, S_INDEX), TABLE), S_NOISE);
}

/** Writes the noise codes of replicas `sample`..`sample`+7 (of the first four only if `few`) to S_NOISE, [unit][replica]. */
export function drawNoise(area: usize, sample: u32, octet: u32, step: u32, few: bool): void {
  const first = i32x4.add(i32x4.splat(sample), i32x4(0, 1, 2, 3));
  const second = i32x4.add(first, i32x4.splat(4));
  philox(area, first, second, i32x4.splat(octet), i32x4.splat(step), i32x4.splat(0));
  for (let q: usize = 0; q < 4; q++) {
    indices(area, q << 5, q << 6);
    if (!few) indices(area, (q << 5) + 16, (q << 6) + 16);
  }
  const end = area + 256;
  const stride: usize = few ? 32 : 16;
  for (let at = area; at < end; at += stride) {
    lookUp(at);
    lookUp(at + 4);
    lookUp(at + 8);
    lookUp(at + 12);
  }
}

/** The block of any counter, word q in 8 lanes at S_WORDS + 32 q: for the known-answer tests. */
export function philoxBlock(area: usize, c0: u32, c1: u32, c2: u32, c3: u32, k0: u32, k1: u32): void {
  scheduleKeys(area, k0, k1);
  philox(area, i32x4.splat(c0), i32x4.splat(c0), i32x4.splat(c1), i32x4.splat(c2), i32x4.splat(c3));
}
