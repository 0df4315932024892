// The oscillator cell: what a step does with the forces and the noise that overdamped units add to x. The scheme, its widths
// and the proof that nothing overflows are in ../oscillator.ts.
import { C_HALF_FORCE, O_DECAY, O_FINENESS } from './layout';
import { highWords, withinRails } from './wide';

/**
 * One step of one unit in 4 replicas: `push` from the forces, `noise` in Q15 with its multiplier `amplitude`. Keeps the new
 * voltage at `velocityAt` and returns the new flux.
 */
@inline export function oscillate(
  area: usize,
  velocityAt: usize,
  x: v128,
  push: v128,
  noise: v128,
  amplitude: v128,
): v128 {
  const kicked = withinRails(area, i32x4.add(v128.load(velocityAt), push));
  const scaled = i32x4.shl(kicked, 2);
  const decay = v128.load32_splat(area, O_DECAY);
  let low = v128.load64_splat(area, C_HALF_FORCE);
  let high = low;
  low = i64x2.sub(low, i64x2.extmul_low_i32x4_s(scaled, decay));
  high = i64x2.sub(high, i64x2.extmul_high_i32x4_s(scaled, decay));
  low = i64x2.add(low, i64x2.extmul_low_i32x4_s(noise, amplitude));
  high = i64x2.add(high, i64x2.extmul_high_i32x4_s(noise, amplitude));
  const after = withinRails(area, i32x4.add(kicked, highWords(low, high)));
  const fineness = load<i32>(area, O_FINENESS);
  const half = i32x4.splat((1 << fineness) >> 1);
  const way = i32x4.shr_s(i32x4.add(i32x4.add(kicked, after), half), fineness);
  const moved = i32x4.add(x, way);
  const kept = withinRails(area, moved);
  // At a rail the flux stands still: no voltage.
  v128.store(velocityAt, v128.and(after, i32x4.eq(kept, moved)));
  return kept;
}
