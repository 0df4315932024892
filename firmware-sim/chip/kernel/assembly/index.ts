// The integer kernel: Euler-Maruyama steps of a block of replicas. Widths and the proof that nothing overflows are in
// ../coefficients.ts; ../oracle.ts computes the same numbers in plain TypeScript and is what this is held to.
import {
  COUPLINGS,
  GROUP,
  P_BIAS,
  P_BIAS_MULTIPLIER,
  P_CODES,
  P_CODES_NEXT,
  P_COUPLED,
  P_COUPLING_DROP,
  P_COUPLING_GROW,
  P_COUPLING_MULTIPLIER,
  P_FIELD,
  P_FIELD_FROM,
  P_FIELD_MULTIPLIER,
  P_FIELD_TO,
  P_FIRST_SAMPLE,
  P_GROUPS,
  P_J2,
  P_J4,
  P_KEY_HIGH,
  P_KEY_LOW,
  P_NOISE_MULTIPLIER,
  P_PHASE_STEP,
  P_PHASE_STEPS,
  P_STATE,
  P_STEP,
  P_UNITS_PADDED,
  RAIL,
  S_HIGH,
  S_LOW,
  S_NOISE,
  S_WORDS,
} from './layout';
import { drawNoise } from './philox';
import { rowSums } from './row-sums';

export { philoxBlock } from './philox';

/** High word of the signed 64-bit product of each lane (rounds down). */
@inline function highProduct(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(
    i64x2.extmul_low_i32x4_s(a, b),
    i64x2.extmul_high_i32x4_s(a, b),
    1,
    3,
    5,
    7,
  );
}

/** The row sums of 4 replicas, scaled to the coupling multiplier's input. */
@inline function couplingInput(area: usize, at: usize): v128 {
  const drop = load<i32>(area, P_COUPLING_DROP);
  const grow = load<i32>(area, P_COUPLING_GROW);
  const half = i32x4.splat((1 << drop) >> 1);
  const low = i32x4.shr_s(i32x4.add(v128.load(area + at, S_LOW), half), drop);
  return i32x4.add(
    i32x4.shl(v128.load(area + at, S_HIGH), 6 - drop + grow),
    i32x4.shl(low, grow),
  );
}

/** One step of one unit in 4 replicas; `at` finds its row sums and noise. Returns the new state. */
@inline function stepUnit(
  area: usize,
  x: v128,
  sumAt: usize,
  noiseAt: usize,
  j2: v128,
  j4: v128,
  constant: i64,
  coupled: bool,
): v128 {
  const xs = i32x4.shl(x, 2);
  const x2 = highProduct(xs, xs);
  const x3 = i32x4.shl(highProduct(i32x4.shl(x2, 2), xs), 2);
  const g = i32x4.shl(v128.load(area + noiseAt, S_NOISE), 15);
  const noise = v128.load32_splat(area, P_NOISE_MULTIPLIER);
  let low = i64x2.splat(constant);
  let high = low;
  low = i64x2.add(low, i64x2.extmul_low_i32x4_s(xs, j2));
  high = i64x2.add(high, i64x2.extmul_high_i32x4_s(xs, j2));
  low = i64x2.add(low, i64x2.extmul_low_i32x4_s(x3, j4));
  high = i64x2.add(high, i64x2.extmul_high_i32x4_s(x3, j4));
  low = i64x2.add(low, i64x2.extmul_low_i32x4_s(g, noise));
  high = i64x2.add(high, i64x2.extmul_high_i32x4_s(g, noise));
  if (coupled) {
    const s = couplingInput(area, sumAt);
    const m = v128.load32_splat(area, P_COUPLING_MULTIPLIER);
    low = i64x2.add(low, i64x2.extmul_low_i32x4_s(s, m));
    high = i64x2.add(high, i64x2.extmul_high_i32x4_s(s, m));
  }
  const moved = i32x4.add(x, v128.shuffle<i32>(low, high, 1, 3, 5, 7));
  return i32x4.max_s(i32x4.min_s(moved, i32x4.splat(RAIL)), i32x4.splat(-RAIL));
}

/** State code of the product: Q27 -> Q12, rounded, clamped to 14 bits. */
@inline function stateCode(x: v128): v128 {
  const code = i32x4.shr_s(i32x4.add(x, i32x4.splat(1 << 14)), 15);
  return i32x4.max_s(i32x4.min_s(code, i32x4.splat(8191)), i32x4.splat(-8191));
}

/** Force constants of a unit (bias, field) and half of the last bit, in Q59. */
@inline function unitConstant(area: usize, unit: i32, ramp: i32, coupled: bool): i64 {
  const at = (<usize>unit) << 2;
  const field = load<i32>(load<u32>(area, P_FIELD) + at);
  let sum =
    <i64>((field * ramp) << 4) * <i64>load<i32>(area, P_FIELD_MULTIPLIER) + (<i64>1 << 31);
  if (coupled) {
    const bias = load<i32>(load<u32>(area, P_BIAS) + at);
    sum += <i64>(bias << 19) * <i64>load<i32>(area, P_BIAS_MULTIPLIER);
  }
  return sum;
}

/** Two adjacent units (`unit` even) of one group: new states in place, new codes interleaved to `codes`. */
@inline function stepPair(
  area: usize,
  unit: i32,
  state: usize,
  codes: usize,
  sumAt: usize,
  noiseAt: usize,
  ramp: i32,
  coupled: bool,
): void {
  const at = (<usize>unit) << 2;
  const j2 = load<u32>(area, P_J2) + at;
  const j4 = load<u32>(area, P_J4) + at;
  const c0 = unitConstant(area, unit, ramp, coupled);
  const c1 = unitConstant(area, unit + 1, ramp, coupled);
  for (let half: usize = 0; half < 32; half += 16) {
    const x0 = stepUnit(area, v128.load(state + half), sumAt + half, noiseAt + half,
      v128.load32_splat(j2), v128.load32_splat(j4), c0, coupled);
    const x1 = stepUnit(area, v128.load(state + half, 32), sumAt + half + 32, noiseAt + half + 32,
      v128.load32_splat(j2, 4), v128.load32_splat(j4, 4), c1, coupled);
    v128.store(state + half, x0);
    v128.store(state + half, x1, 32);
    v128.store(
      codes + half,
      v128.or(v128.and(stateCode(x0), i32x4.splat(0xffff)), i32x4.shl(stateCode(x1), 16)),
    );
  }
}

/** All units and replicas of the worker's block, one step. Forces come from `codes`; new codes go to `next`. */
function step(area: usize, codes: usize, next: usize, stepIndex: u32, ramp: i32): void {
  const units = load<i32>(area, P_UNITS_PADDED);
  const groups = load<i32>(area, P_GROUPS);
  const coupled = load<i32>(area, P_COUPLED) != 0;
  const state = <usize>load<u32>(area, P_STATE);
  const firstSample = load<u32>(area, P_FIRST_SAMPLE);
  const keyLow = load<u32>(area, P_KEY_LOW);
  const keyHigh = load<u32>(area, P_KEY_HIGH);
  const pairs = units >> 1;
  for (let octet = 0; octet << 3 < units; octet++) {
    const end = min(units, (octet + 1) << 3);
    for (let group = 0; group < groups; group++) {
      const sample = firstSample + group * GROUP;
      drawNoise(sample, octet, stepIndex, keyLow, keyHigh, area + S_WORDS, area + S_NOISE);
      drawNoise(sample + 4, octet, stepIndex, keyLow, keyHigh, area + S_WORDS, area + S_NOISE + 16);
      const groupCodes = <usize>(group * pairs) << 5;
      for (let unit = octet << 3; unit < end; unit += 4) {
        if (coupled) rowSums(area, COUPLINGS + (<usize>(unit * pairs) << 2), codes + groupCodes, pairs);
        const noiseAt = <usize>(unit & 7) << 5;
        const stateAt = state + (<usize>(group * units + unit) << 5);
        const codesAt = next + groupCodes + (<usize>unit << 4);
        stepPair(area, unit, stateAt, codesAt, 0, noiseAt, ramp, coupled);
        stepPair(area, unit + 2, stateAt + 64, codesAt + 32, 64, noiseAt + 64, ramp, coupled);
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
