// The product J c of one tile: 4 rows x 8 replicas, exact in 64 bits as a low (6 bits per block) and a high word.
import { EXACT_COLUMNS, S_HIGH, S_LOW } from './layout';

@inline function split(p: v128, area: usize, at: usize): void {
  const low = area + S_LOW + at;
  const high = area + S_HIGH + at;
  v128.store(low, i32x4.add(v128.load(low), v128.and(p, i32x4.splat(63))));
  v128.store(high, i32x4.add(v128.load(high), i32x4.shr_s(p, 6)));
}

/** `pairs` column pairs; `j` advances 16 bytes a pair (4 rows), `codes` 32 bytes (8 replicas). */
export function rowSums(area: usize, j: usize, codes: usize, pairs: i32): void {
  const zero = i32x4.splat(0);
  memory.fill(area + S_LOW, 0, 256);
  while (pairs > 0) {
    const now = min(pairs, EXACT_COLUMNS / 2);
    pairs -= now;
    const end = codes + ((<usize>now) << 5);
    let p00 = zero;
    let p01 = zero;
    let p10 = zero;
    let p11 = zero;
    let p20 = zero;
    let p21 = zero;
    let p30 = zero;
    let p31 = zero;
    // Not unrolled: V8 would spill the accumulators.
    while (codes < end) {
      const a = v128.load(codes);
      const b = v128.load(codes, 16);
      let w = v128.load32_splat(j);
      p00 = i32x4.add(p00, i32x4.dot_i16x8_s(w, a));
      p01 = i32x4.add(p01, i32x4.dot_i16x8_s(w, b));
      w = v128.load32_splat(j, 4);
      p10 = i32x4.add(p10, i32x4.dot_i16x8_s(w, a));
      p11 = i32x4.add(p11, i32x4.dot_i16x8_s(w, b));
      w = v128.load32_splat(j, 8);
      p20 = i32x4.add(p20, i32x4.dot_i16x8_s(w, a));
      p21 = i32x4.add(p21, i32x4.dot_i16x8_s(w, b));
      w = v128.load32_splat(j, 12);
      p30 = i32x4.add(p30, i32x4.dot_i16x8_s(w, a));
      p31 = i32x4.add(p31, i32x4.dot_i16x8_s(w, b));
      j += 16;
      codes += 32;
    }
    split(p00, area, 0);
    split(p01, area, 16);
    split(p10, area, 32);
    split(p11, area, 48);
    split(p20, area, 64);
    split(p21, area, 80);
    split(p30, area, 96);
    split(p31, area, 112);
  }
}
