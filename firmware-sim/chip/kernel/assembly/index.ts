// The integer kernel: Euler-Maruyama steps of a block of replicas. Widths and the proof that nothing overflows are in
// ../coefficients.ts; ../oracle.ts computes the same numbers in plain TypeScript and is what this is held to.
import {
  C_CODE_MAX,
  C_CODE_MIN,
  C_HALF_CODE,
  COUPLINGS,
  GROUP,
  O_VELOCITY,
  P_CODES,
  P_CODES_NEXT,
  P_COLOURED,
  P_CONSTANT,
  P_COUNT,
  P_COUPLED,
  P_FIELD,
  P_FIELD_FROM,
  P_FIELD_MULTIPLIER,
  P_FIELD_TO,
  P_FIRST_SAMPLE,
  P_KEY_HIGH,
  P_KEY_LOW,
  P_PHASE_STEP,
  P_PHASE_STEPS,
  P_RANGES,
  P_STATE,
  P_STEP,
  P_UNITS,
  P_UNITS_PADDED,
  P_VECTOR_REPLICAS,
  R_BYTES,
  R_END,
  R_FIRST,
  R_START,
  S_NOISE,
  S_SUM,
  U_COUPLING,
  U_FORCE,
  U_J2,
  U_J4,
  U_NOISE,
} from './layout';
import { colourNoise } from './colour';
import { oscillate } from './oscillator';
import { highWords, withinRails } from './wide';
import { drawNoise, scheduleKeys } from './philox';
import { rowSums, rowSumsOfFew } from './row-sums';

export { philoxBlock } from './philox';

/** High word of the signed 64-bit product of each lane (rounds down). */
@inline function highProduct(a: v128, b: v128): v128 {
  return highWords(i64x2.extmul_low_i32x4_s(a, b), i64x2.extmul_high_i32x4_s(a, b));
}

/**
 * One step of one unit in 4 replicas. `record`: its multipliers; `sumAt`: its row sums, 0 if uncoupled; `noise`: in Q15;
 * `velocityAt`: 0 if overdamped. Returns the new state.
 */
@inline function stepUnit(
  area: usize,
  record: usize,
  x: v128,
  velocityAt: usize,
  sumAt: usize,
  noise: v128,
): v128 {
  const xs = i32x4.shl(x, 2);
  const x2 = highProduct(xs, xs);
  const x3 = i32x4.shl(highProduct(i32x4.shl(x2, 2), xs), 2);
  const j2 = v128.load32_splat(record, U_J2);
  const j4 = v128.load32_splat(record, U_J4);
  const amplitude = v128.load32_splat(record, U_NOISE);
  let low = v128.load64_splat(record, U_FORCE);
  let high = low;
  low = i64x2.add(low, i64x2.extmul_low_i32x4_s(xs, j2));
  high = i64x2.add(high, i64x2.extmul_high_i32x4_s(xs, j2));
  low = i64x2.add(low, i64x2.extmul_low_i32x4_s(x3, j4));
  high = i64x2.add(high, i64x2.extmul_high_i32x4_s(x3, j4));
  if (sumAt != 0) {
    const s = v128.load(sumAt);
    const m = v128.load32_splat(record, U_COUPLING);
    low = i64x2.add(low, i64x2.extmul_low_i32x4_s(s, m));
    high = i64x2.add(high, i64x2.extmul_high_i32x4_s(s, m));
  }
  if (velocityAt != 0) return oscillate(area, velocityAt, x, highWords(low, high), noise, amplitude);
  low = i64x2.add(low, i64x2.extmul_low_i32x4_s(noise, amplitude));
  high = i64x2.add(high, i64x2.extmul_high_i32x4_s(noise, amplitude));
  return withinRails(area, i32x4.add(x, highWords(low, high)));
}

/** State codes of the product (Q27 -> Q12, rounded, clamped to 14 bits) of two adjacent units, interleaved. */
@inline function stateCodes(area: usize, even: v128, odd: v128): v128 {
  const half = v128.load32_splat(area, C_HALF_CODE);
  // The code of the even unit in the low half of a word; that of the odd one, shifted left by 16 - 15, in the high half.
  const low = i32x4.shr_s(i32x4.add(even, half), 15);
  const high = i32x4.shl(i32x4.add(odd, half), 1);
  const codes = v128.shuffle<i16>(low, high, 0, 9, 2, 11, 4, 13, 6, 15);
  return i16x8.max_s(
    i16x8.min_s(codes, v128.load32_splat(area, C_CODE_MAX)),
    v128.load32_splat(area, C_CODE_MIN),
  );
}

/**
 * Two adjacent units of one group, 4 replicas at a time for `bytes` = 16 or 32: new states in place, new codes interleaved
 * to `codes`. `noiseAt`: their noise, table codes if `white`, else in Q15.
 */
@inline function stepPair(
  area: usize,
  record: usize,
  state: usize,
  distance: usize,
  codes: usize,
  sumAt: usize,
  noiseAt: usize,
  white: bool,
  bytes: usize,
): void {
  for (let half: usize = 0; half < bytes; half += 16) {
    let g0 = v128.load(noiseAt + half);
    let g1 = v128.load(noiseAt + half, 32);
    if (white) {
      g0 = i32x4.shl(g0, 15);
      g1 = i32x4.shl(g1, 15);
    }
    const at = state + half;
    const v0 = distance == 0 ? 0 : at + distance;
    const v1 = distance == 0 ? 0 : v0 + 32;
    const s0 = sumAt == 0 ? 0 : sumAt + half;
    const s1 = sumAt == 0 ? 0 : s0 + 32;
    const x0 = stepUnit(area, record, v128.load(at), v0, s0, g0);
    const x1 = stepUnit(area, record + 32, v128.load(at, 32), v1, s1, g1);
    v128.store(at, x0);
    v128.store(at, x1, 32);
    v128.store(codes + half, stateCodes(area, x0, x1));
  }
}

/** The row sums of the 4 units from `unit` on: only the column pairs between the first and the last coupling of the tile. */
@inline function tileSums(area: usize, unit: i32, codes: usize, live: i32): void {
  const range = <usize>load<u32>(area, P_RANGES) + <usize>((unit >> 2) * R_BYTES);
  const first = load<i32>(range, R_FIRST);
  const count = load<i32>(range, R_END) - first;
  const j = <usize>COUPLINGS + (<usize>load<u32>(range, R_START) << 4);
  const from = codes + (<usize>first << 5);
  if (live <= load<i32>(area, P_VECTOR_REPLICAS)) {
    rowSumsOfFew(area, j, from, count, live);
  } else {
    rowSums(area, j, from, count);
  }
}

/** The force of each unit that depends on nothing: bias, offset, half of the last bit, and the field (code * ramp) << 4. */
function setForces(area: usize, units: i32, ramp: i32): void {
  const constant = <usize>load<u32>(area, P_CONSTANT);
  const field = <usize>load<u32>(area, P_FIELD);
  const multiplier = <usize>load<u32>(area, P_FIELD_MULTIPLIER);
  const records = <usize>load<u32>(area, P_UNITS);
  for (let unit: usize = 0; unit < <usize>units; unit++) {
    const input = (load<i32>(field + (unit << 2)) * ramp) << 4;
    const push = <i64>input * <i64>load<i32>(multiplier + (unit << 2));
    store<i64>(records + (unit << 5), load<i64>(constant + (unit << 3)) + push, U_FORCE);
  }
}

/** All units and replicas of the worker's block, one step. Forces come from `codes`; new codes go to `next`. */
function step(area: usize, codes: usize, next: usize, stepIndex: u32): void {
  const units = load<i32>(area, P_UNITS_PADDED);
  const count = load<i32>(area, P_COUNT);
  const sumAt = load<i32>(area, P_COUPLED) != 0 ? area + S_SUM : 0;
  const white = load<i32>(area, P_COLOURED) == 0;
  const state = <usize>load<u32>(area, P_STATE);
  const records = <usize>load<u32>(area, P_UNITS);
  const distance = <usize>load<u32>(area, O_VELOCITY);
  const firstSample = load<u32>(area, P_FIRST_SAMPLE);
  const pairs = units >> 1;
  for (let octet = 0; octet << 3 < units; octet++) {
    const begin = octet << 3;
    const end = min(units, begin + 8);
    for (let group = 0; group * GROUP < count; group++) {
      const live = min(GROUP, count - group * GROUP);
      const bytes: usize = live > 4 ? 32 : 16;
      drawNoise(area, firstSample + group * GROUP, octet, stepIndex, live <= 4);
      if (!white) colourNoise(area, begin, end, group * units + begin, stepIndex == 0);
      const groupCodes = <usize>(group * pairs) << 5;
      for (let unit = begin; unit < end; unit += 4) {
        if (sumAt != 0) tileSums(area, unit, codes + groupCodes, live);
        const noiseAt = area + S_NOISE + (<usize>(unit & 7) << 5);
        const record = records + (<usize>unit << 5);
        const stateAt = state + (<usize>(group * units + unit) << 5);
        const codesAt = next + groupCodes + (<usize>unit << 4);
        const sumAt2 = sumAt == 0 ? 0 : sumAt + 64;
        stepPair(area, record, stateAt, distance, codesAt, sumAt, noiseAt, white, bytes);
        stepPair(area, record + 64, stateAt + 64, distance, codesAt + 32, sumAt2, noiseAt + 64, white, bytes);
      }
    }
  }
}

/** Advances the block described by the parameter block at `area` by `count` steps of its phase. */
export function advance(area: usize, count: i32): void {
  const units = load<i32>(area, P_UNITS_PADDED);
  const from = load<i32>(area, P_FIELD_FROM);
  const span = <i64>(load<i32>(area, P_FIELD_TO) - from);
  const phaseSteps = <i64>load<u32>(area, P_PHASE_STEPS);
  scheduleKeys(area, load<u32>(area, P_KEY_LOW), load<u32>(area, P_KEY_HIGH));
  for (let k = 0; k < count; k++) {
    const codes = load<u32>(area, P_CODES);
    const next = load<u32>(area, P_CODES_NEXT);
    const phaseStep = load<u32>(area, P_PHASE_STEP);
    const stepIndex = load<u32>(area, P_STEP);
    // The force of a step is the one at its beginning (Euler): the ramp's value there, cut towards its start.
    setForces(area, units, from + <i32>((span * <i64>phaseStep) / phaseSteps));
    step(area, codes, next, stepIndex);
    store<u32>(area, next, P_CODES);
    store<u32>(area, codes, P_CODES_NEXT);
    store<u32>(area, phaseStep + 1, P_PHASE_STEP);
    store<u32>(area, stepIndex + 1, P_STEP);
  }
}
