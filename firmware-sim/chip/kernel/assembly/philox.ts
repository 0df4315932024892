// Gaussian noise of 8 units x 4 replicas: Philox4x32-10 with one replica per lane, then the table.
import { S_WORDS, TABLE } from './layout';

/** Philox4x32-10 of four counters (one per lane) under one key; word q goes to `to` + 16 q. */
function philox(c0: v128, c1: v128, c2: v128, c3: v128, keyLow: u32, keyHigh: u32, to: usize): void {
  const m0 = i32x4.splat(0xd2511f53);
  const m1 = i32x4.splat(0xcd9e8d57);
  let k0 = keyLow;
  let k1 = keyHigh;
  for (let round = 0; round < 10; round++) {
    const a = i64x2.extmul_low_i32x4_u(c0, m0);
    const b = i64x2.extmul_high_i32x4_u(c0, m0);
    const c = i64x2.extmul_low_i32x4_u(c2, m1);
    const d = i64x2.extmul_high_i32x4_u(c2, m1);
    c0 = v128.xor(v128.xor(v128.shuffle<i32>(c, d, 1, 3, 5, 7), c1), i32x4.splat(k0));
    c1 = v128.shuffle<i32>(c, d, 0, 2, 4, 6);
    c2 = v128.xor(v128.xor(v128.shuffle<i32>(a, b, 1, 3, 5, 7), c3), i32x4.splat(k1));
    c3 = v128.shuffle<i32>(a, b, 0, 2, 4, 6);
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  v128.store(to, c0);
  v128.store(to, c1, 16);
  v128.store(to, c2, 32);
  v128.store(to, c3, 48);
}

/** Writes the noise codes of replicas `sample`..`sample`+3 to `noise` (row stride 32 bytes); `scratch`: 64 bytes. */
export function drawNoise(
  sample: u32,
  octet: u32,
  step: u32,
  keyLow: u32,
  keyHigh: u32,
  scratch: usize,
  noise: usize,
): void {
  const samples = i32x4.add(i32x4.splat(sample), i32x4(0, 1, 2, 3));
  philox(samples, i32x4.splat(octet), i32x4.splat(step), i32x4.splat(0), keyLow, keyHigh, scratch);
  // Word q of a block holds unit 2q in its low and unit 2q + 1 in its high half.
  for (let word = 0; word < 4; word++) {
    for (let lane = 0; lane < 4; lane++) {
      const bits = load<u32>(scratch + (word << 4) + (lane << 2));
      const to = noise + (word << 6) + (lane << 2);
      store<i32>(to, load<i16>((bits & 0xffff) << 1, TABLE));
      store<i32>(to, load<i16>((bits >>> 16) << 1, TABLE), 32);
    }
  }
}

/** The block of any counter, word q in all lanes at scratch + 16 q: for the known-answer tests. */
export function philoxBlock(area: usize, c0: u32, c1: u32, c2: u32, c3: u32, k0: u32, k1: u32): void {
  philox(i32x4.splat(c0), i32x4.splat(c1), i32x4.splat(c2), i32x4.splat(c3), k0, k1, area + S_WORDS);
}
