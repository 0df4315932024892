// The product J c of one tile of 4 rows, exact in 64 bits as a low (12 bits per partial sum) and a high word, for 8 replicas
// at once or, over the same packed couplings, for one (lanes = rows). Left at S_SUM, scaled to the coupling multiplier's input.
import { C_LOW_MASK, LOW_BITS, P_COUPLING_DROP, P_COUPLING_GROW, P_EXACT_PAIRS, S_HIGH, S_LOW, S_SUM } from './layout';

@inline function clearWords(area: usize): void {
  for (let at = area; at < area + 256; at += 16) v128.store(at, i32x4.splat(0), S_LOW);
}

/** Adds a partial sum, exact in i32, to the words at `at`. */
@inline function split(p: v128, area: usize, at: usize): void {
  const low = v128.and(p, v128.load32_splat(area, C_LOW_MASK));
  v128.store(area + at, i32x4.add(v128.load(area + at, S_LOW), low), S_LOW);
  v128.store(area + at, i32x4.add(v128.load(area + at, S_HIGH), i32x4.shr_s(p, LOW_BITS)), S_HIGH);
}

/** Puts the words together: the sum shifted left, or right and rounded. */
function joinWords(area: usize): void {
  const drop = load<i32>(area, P_COUPLING_DROP);
  const grow = load<i32>(area, P_COUPLING_GROW);
  const half = i32x4.splat((1 << drop) >> 1);
  for (let at = area; at < area + 128; at += 16) {
    const low = i32x4.shr_s(i32x4.add(v128.load(at, S_LOW), half), drop);
    const high = i32x4.shl(v128.load(at, S_HIGH), LOW_BITS - drop + grow);
    v128.store(at, i32x4.add(high, i32x4.shl(low, grow)), S_SUM);
  }
}

/**
 * Sums `pairs` column pairs for 8 replicas, [row][replica]. `j` advances 16 bytes a pair (4 rows), `codes` 32 bytes.
 */
export function rowSums(area: usize, j: usize, codes: usize, pairs: i32): void {
  const zero = i32x4.splat(0);
  const exactPairs = load<i32>(area, P_EXACT_PAIRS);
  const grow = load<i32>(area, P_COUPLING_GROW);
  // A sum that is exact in i32 and is not shifted right needs no second word.
  const whole = pairs <= exactPairs && load<i32>(area, P_COUPLING_DROP) == 0;
  if (!whole) clearWords(area);
  do {
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
    if (whole) {
      v128.store(area, i32x4.shl(p00, grow), S_SUM);
      v128.store(area, i32x4.shl(p01, grow), S_SUM + 16);
      v128.store(area, i32x4.shl(p10, grow), S_SUM + 32);
      v128.store(area, i32x4.shl(p11, grow), S_SUM + 48);
      v128.store(area, i32x4.shl(p20, grow), S_SUM + 64);
      v128.store(area, i32x4.shl(p21, grow), S_SUM + 80);
      v128.store(area, i32x4.shl(p30, grow), S_SUM + 96);
      v128.store(area, i32x4.shl(p31, grow), S_SUM + 112);
      return;
    }
    split(p00, area, 0);
    split(p01, area, 16);
    split(p10, area, 32);
    split(p11, area, 48);
    split(p20, area, 64);
    split(p21, area, 80);
    split(p30, area, 96);
    split(p31, area, 112);
  } while (pairs > 0);
  joinWords(area);
}

/** Adds lane `row` of the partial sums of one replica to its place among those of the group. */
@inline function splitRow(p: i32, area: usize, at: usize): void {
  const low = area + S_LOW + at;
  const high = area + S_HIGH + at;
  store<i32>(low, load<i32>(low) + (p & ((1 << LOW_BITS) - 1)));
  store<i32>(high, load<i32>(high) + (p >> LOW_BITS));
}

/** The same sums for the one replica whose codes start at `codes` (its place in the group: `at` = 4 x replica). */
function rowSumsOfOne(area: usize, j: usize, codes: usize, pairs: i32, at: usize): void {
  const exactPairs = load<i32>(area, P_EXACT_PAIRS);
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
export function rowSumsOfFew(area: usize, j: usize, codes: usize, pairs: i32, live: i32): void {
  clearWords(area);
  for (let replica = 0; replica < live; replica++) {
    const at = <usize>replica << 2;
    rowSumsOfOne(area, j, codes + at, pairs, at);
  }
  joinWords(area);
}
