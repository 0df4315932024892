// The product J c of one tile of 4 rows, exact in 64 bits as a low (12 bits per partial sum) and a high word, for 8 replicas
// at once or, over the same packed couplings, for one (lanes = rows).
import { LOW_BITS, S_HIGH, S_LOW } from './layout';

/** Adds a partial sum, exact in i32, to the words at `at`. */
@inline function split(p: v128, area: usize, at: usize): void {
  const low = area + S_LOW + at;
  const high = area + S_HIGH + at;
  v128.store(low, i32x4.add(v128.load(low), v128.and(p, i32x4.splat((1 << LOW_BITS) - 1))));
  v128.store(high, i32x4.add(v128.load(high), i32x4.shr_s(p, LOW_BITS)));
}

/**
 * Sums `pairs` column pairs into S_LOW and S_HIGH, [row][replica]; at most `exactPairs` of them between two splits.
 * `j` advances 16 bytes a pair (4 rows), `codes` 32 bytes (8 replicas).
 */
export function rowSums(area: usize, j: usize, codes: usize, pairs: i32, exactPairs: i32): void {
  const zero = i32x4.splat(0);
  memory.fill(area + S_LOW, 0, 256);
  while (pairs > 0) {
    const now = min(pairs, exactPairs);
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

/** Adds lane `row` of the partial sums of one replica to its place among those of the group. */
@inline function splitRow(p: i32, area: usize, at: usize): void {
  const low = area + S_LOW + at;
  const high = area + S_HIGH + at;
  store<i32>(low, load<i32>(low) + (p & ((1 << LOW_BITS) - 1)));
  store<i32>(high, load<i32>(high) + (p >> LOW_BITS));
}

/** The same sums for the one replica whose codes start at `codes` (its place in the group: `at` = 4 x replica). */
function rowSumsOfOne(area: usize, j: usize, codes: usize, pairs: i32, exactPairs: i32, at: usize): void {
  while (pairs > 0) {
    const now = min(pairs, exactPairs);
    pairs -= now;
    let end = codes + ((<usize>(now & ~3)) << 5);
    // Four chains of additions, so that none waits for the latency of the one before.
    let p0 = i32x4.splat(0);
    let p1 = p0;
    let p2 = p0;
    let p3 = p0;
    while (codes < end) {
      p0 = i32x4.add(p0, i32x4.dot_i16x8_s(v128.load(j), v128.load32_splat(codes)));
      p1 = i32x4.add(p1, i32x4.dot_i16x8_s(v128.load(j, 16), v128.load32_splat(codes, 32)));
      p2 = i32x4.add(p2, i32x4.dot_i16x8_s(v128.load(j, 32), v128.load32_splat(codes, 64)));
      p3 = i32x4.add(p3, i32x4.dot_i16x8_s(v128.load(j, 48), v128.load32_splat(codes, 96)));
      j += 64;
      codes += 128;
    }
    end += (<usize>(now & 3)) << 5;
    while (codes < end) {
      p0 = i32x4.add(p0, i32x4.dot_i16x8_s(v128.load(j), v128.load32_splat(codes)));
      j += 16;
      codes += 32;
    }
    const p = i32x4.add(i32x4.add(p0, p1), i32x4.add(p2, p3));
    splitRow(i32x4.extract_lane(p, 0), area, at);
    splitRow(i32x4.extract_lane(p, 1), area, at + 32);
    splitRow(i32x4.extract_lane(p, 2), area, at + 64);
    splitRow(i32x4.extract_lane(p, 3), area, at + 96);
  }
}

/** The sums of rowSums for the first `live` replicas of a group, one after the other; 0 for the rest. */
export function rowSumsOfFew(
  area: usize,
  j: usize,
  codes: usize,
  pairs: i32,
  exactPairs: i32,
  live: i32,
): void {
  memory.fill(area + S_LOW, 0, 256);
  for (let replica = 0; replica < live; replica++) {
    const at = <usize>replica << 2;
    rowSumsOfOne(area, j, codes + at, pairs, exactPairs, at);
  }
}
