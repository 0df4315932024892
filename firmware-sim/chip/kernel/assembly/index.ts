// The integer kernel: Euler-Maruyama steps of a block of replicas. Widths and the proof that nothing overflows are in
// ../coefficients.ts; ../oracle.ts computes the same numbers in plain TypeScript and is what this is held to.
import {
  COUPLINGS,
  GROUP,
  LOW_BITS,
  O_VELOCITY,
  P_CODES,
  P_CODES_NEXT,
  P_COLOURED,
  P_CONSTANT,
  P_COUNT,
  P_COUPLED,
  P_COUPLING,
  P_COUPLING_DROP,
  P_COUPLING_GROW,
  P_EXACT_PAIRS,
  P_FIELD,
  P_FIELD_FROM,
  P_FIELD_MULTIPLIER,
  P_FIELD_TO,
  P_FIRST_SAMPLE,
  P_J2,
  P_J4,
  P_KEY_HIGH,
  P_KEY_LOW,
  P_NOISE,
  P_PHASE_STEP,
  P_PHASE_STEPS,
  P_RANGES,
  P_STATE,
  P_STEP,
  P_UNITS_PADDED,
  P_VECTOR_REPLICAS,
  RAIL,
  S_HIGH,
  S_LOW,
  S_NOISE,
  S_WORDS,
} from './layout';
import { colourNoise } from './colour';
import { oscillate } from './oscillator';
import { highWords } from './wide';
import { drawNoise } from './philox';
import { rowSums, rowSumsOfFew } from './row-sums';

export { philoxBlock } from './philox';

/** High word of the signed 64-bit product of each lane (rounds down). */
@inline function highProduct(a: v128, b: v128): v128 {
  return highWords(i64x2.extmul_low_i32x4_s(a, b), i64x2.extmul_high_i32x4_s(a, b));
}

/** The row sums of 4 replicas, scaled to the coupling multiplier's input. */
@inline function couplingInput(area: usize, at: usize): v128 {
  const drop = load<i32>(area, P_COUPLING_DROP);
  const grow = load<i32>(area, P_COUPLING_GROW);
  const half = i32x4.splat((1 << drop) >> 1);
  const low = i32x4.shr_s(i32x4.add(v128.load(area + at, S_LOW), half), drop);
  return i32x4.add(
    i32x4.shl(v128.load(area + at, S_HIGH), LOW_BITS - drop + grow),
    i32x4.shl(low, grow),
  );
}

/** One step of one unit in 4 replicas; `noise` is its noise code in Q15, `velocityAt` 0 if overdamped. Returns the new state. */
@inline function stepUnit(
  area: usize,
  unitAt: usize,
  x: v128,
  velocityAt: usize,
  sumAt: usize,
  noise: v128,
  constant: i64,
  coupled: bool,
): v128 {
  const xs = i32x4.shl(x, 2);
  const x2 = highProduct(xs, xs);
  const x3 = i32x4.shl(highProduct(i32x4.shl(x2, 2), xs), 2);
  const j2 = v128.load32_splat(load<u32>(area, P_J2) + unitAt);
  const j4 = v128.load32_splat(load<u32>(area, P_J4) + unitAt);
  const amplitude = v128.load32_splat(load<u32>(area, P_NOISE) + unitAt);
  let low = i64x2.splat(constant);
  let high = low;
  low = i64x2.add(low, i64x2.extmul_low_i32x4_s(xs, j2));
  high = i64x2.add(high, i64x2.extmul_high_i32x4_s(xs, j2));
  low = i64x2.add(low, i64x2.extmul_low_i32x4_s(x3, j4));
  high = i64x2.add(high, i64x2.extmul_high_i32x4_s(x3, j4));
  if (coupled) {
    const s = couplingInput(area, sumAt);
    const m = v128.load32_splat(load<u32>(area, P_COUPLING) + unitAt);
    low = i64x2.add(low, i64x2.extmul_low_i32x4_s(s, m));
    high = i64x2.add(high, i64x2.extmul_high_i32x4_s(s, m));
  }
  if (velocityAt != 0) return oscillate(area, velocityAt, x, highWords(low, high), noise, amplitude);
  low = i64x2.add(low, i64x2.extmul_low_i32x4_s(noise, amplitude));
  high = i64x2.add(high, i64x2.extmul_high_i32x4_s(noise, amplitude));
  const moved = i32x4.add(x, highWords(low, high));
  return i32x4.max_s(i32x4.min_s(moved, i32x4.splat(RAIL)), i32x4.splat(-RAIL));
}

/** State code of the product: Q27 -> Q12, rounded, clamped to 14 bits. */
@inline function stateCode(x: v128): v128 {
  const code = i32x4.shr_s(i32x4.add(x, i32x4.splat(1 << 14)), 15);
  return i32x4.max_s(i32x4.min_s(code, i32x4.splat(8191)), i32x4.splat(-8191));
}

/** Force constants of a unit (bias, offset, half of the last bit; then the field), in Q59. */
@inline function unitConstant(area: usize, unitAt: usize, ramp: i32): i64 {
  const field = load<i32>(load<u32>(area, P_FIELD) + unitAt);
  const multiplier = load<i32>(load<u32>(area, P_FIELD_MULTIPLIER) + unitAt);
  return load<i64>(load<u32>(area, P_CONSTANT) + (unitAt << 1)) + <i64>((field * ramp) << 4) * <i64>multiplier;
}

/**
 * Two adjacent units (`unitAt` = 4 x the even one) of one group, 4 replicas at a time for `bytes` = 16 or 32: new states in
 * place, new codes interleaved to `codes`. `noiseShift` brings what lies at `noiseAt` to Q15.
 */
@inline function stepPair(
  area: usize,
  unitAt: usize,
  state: usize,
  codes: usize,
  sumAt: usize,
  noiseAt: usize,
  noiseShift: i32,
  ramp: i32,
  coupled: bool,
  bytes: usize,
): void {
  const c0 = unitConstant(area, unitAt, ramp);
  const c1 = unitConstant(area, unitAt + 4, ramp);
  const noise = area + S_NOISE + noiseAt;
  const distance = <usize>load<u32>(area, O_VELOCITY);
  for (let half: usize = 0; half < bytes; half += 16) {
    const g0 = i32x4.shl(v128.load(noise + half), noiseShift);
    const g1 = i32x4.shl(v128.load(noise + half, 32), noiseShift);
    const v0 = distance == 0 ? 0 : state + half + distance;
    const v1 = distance == 0 ? 0 : v0 + 32;
    const x0 = stepUnit(area, unitAt, v128.load(state + half), v0, sumAt + half, g0, c0, coupled);
    const x1 = stepUnit(area, unitAt + 4, v128.load(state + half, 32), v1, sumAt + half + 32, g1, c1, coupled);
    v128.store(state + half, x0);
    v128.store(state + half, x1, 32);
    v128.store(
      codes + half,
      v128.or(v128.and(stateCode(x0), i32x4.splat(0xffff)), i32x4.shl(stateCode(x1), 16)),
    );
  }
}

/** The row sums of the 4 units from `unit` on: only the column pairs between the first and the last coupling of the tile. */
@inline function tileSums(area: usize, unit: i32, codes: usize, pairs: i32, live: i32): void {
  const range = load<u32>(area, P_RANGES) + (<usize>unit << 1);
  const first = load<i32>(range);
  const count = load<i32>(range, 4) - first;
  const j = COUPLINGS + (<usize>(unit * pairs + (first << 2)) << 2);
  const exactPairs = load<i32>(area, P_EXACT_PAIRS);
  const from = codes + (<usize>first << 5);
  if (live <= load<i32>(area, P_VECTOR_REPLICAS)) {
    rowSumsOfFew(area, j, from, count, exactPairs, live);
  } else {
    rowSums(area, j, from, count, exactPairs);
  }
}

/** All units and replicas of the worker's block, one step. Forces come from `codes`; new codes go to `next`. */
function step(area: usize, codes: usize, next: usize, stepIndex: u32, ramp: i32): void {
  const units = load<i32>(area, P_UNITS_PADDED);
  const count = load<i32>(area, P_COUNT);
  const coupled = load<i32>(area, P_COUPLED) != 0;
  const coloured = load<i32>(area, P_COLOURED) != 0;
  const noiseShift = coloured ? 0 : 15;
  const state = <usize>load<u32>(area, P_STATE);
  const firstSample = load<u32>(area, P_FIRST_SAMPLE);
  const keyLow = load<u32>(area, P_KEY_LOW);
  const keyHigh = load<u32>(area, P_KEY_HIGH);
  const pairs = units >> 1;
  for (let octet = 0; octet << 3 < units; octet++) {
    const begin = octet << 3;
    const end = min(units, begin + 8);
    for (let group = 0; group * GROUP < count; group++) {
      const sample = firstSample + group * GROUP;
      const live = min(GROUP, count - group * GROUP);
      const bytes: usize = live > 4 ? 32 : 16;
      drawNoise(sample, octet, stepIndex, keyLow, keyHigh, area + S_WORDS, area + S_NOISE);
      if (live > 4) {
        drawNoise(sample + 4, octet, stepIndex, keyLow, keyHigh, area + S_WORDS, area + S_NOISE + 16);
      }
      if (coloured) colourNoise(area, begin, end, group * units + begin, stepIndex == 0);
      const groupCodes = <usize>(group * pairs) << 5;
      for (let unit = begin; unit < end; unit += 4) {
        if (coupled) tileSums(area, unit, codes + groupCodes, pairs, live);
        const noiseAt = <usize>(unit & 7) << 5;
        const unitAt = <usize>unit << 2;
        const stateAt = state + (<usize>(group * units + unit) << 5);
        const codesAt = next + groupCodes + (<usize>unit << 4);
        stepPair(area, unitAt, stateAt, codesAt, 0, noiseAt, noiseShift, ramp, coupled, bytes);
        stepPair(area, unitAt + 8, stateAt + 64, codesAt + 32, 64, noiseAt + 64, noiseShift, ramp, coupled, bytes);
      }
    }
  }
}

/** Advances the block described by the parameter block at `area` by `count` steps of its phase. */
export function advance(area: usize, count: i32): void {
  const from = load<i32>(area, P_FIELD_FROM);
  const span = <i64>(load<i32>(area, P_FIELD_TO) - from);
  const phaseSteps = <i64>load<u32>(area, P_PHASE_STEPS);
  for (let k = 0; k < count; k++) {
    const codes = load<u32>(area, P_CODES);
    const next = load<u32>(area, P_CODES_NEXT);
    const phaseStep = load<u32>(area, P_PHASE_STEP);
    const stepIndex = load<u32>(area, P_STEP);
    // The force of a step is the one at its beginning (Euler): the ramp's value there, cut towards its start.
    const ramp = from + <i32>((span * <i64>phaseStep) / phaseSteps);
    step(area, codes, next, stepIndex, ramp);
    store<u32>(area, next, P_CODES);
    store<u32>(area, codes, P_CODES_NEXT);
    store<u32>(area, phaseStep + 1, P_PHASE_STEP);
    store<u32>(area, stepIndex + 1, P_STEP);
  }
}
