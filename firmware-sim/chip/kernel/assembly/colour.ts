// Coloured noise: y_k = a y_(k-1) + sqrt(1 - a^2) w_k per unit and replica, so that the variance of y is that of w.
import { C_HALF_FORCE, P_COLOUR, P_UNITS, S_NOISE, U_FRESH, U_MEMORY } from './layout';
import { highWords, withinRails } from './wide';

/**
 * Replaces the noise codes of units `begin` .. `end`-1 at S_NOISE by coloured ones in Q15. `lane`: index of (group, begin)
 * among all (group, unit). At the first step of a run y is w: stationary from the start.
 */
export function colourNoise(area: usize, begin: i32, end: i32, lane: i32, first: bool): void {
  const half = v128.load64_splat(area, C_HALF_FORCE);
  let colour = <usize>load<u32>(area, P_COLOUR) + (<usize>lane << 5);
  let noise = area + S_NOISE;
  for (let unit = begin; unit < end; unit++) {
    const record = <usize>load<u32>(area, P_UNITS) + (<usize>unit << 5);
    const a = v128.load32_splat(record, U_MEMORY);
    const c = v128.load32_splat(record, U_FRESH);
    for (let side = 0; side < 2; side++) {
      let y = v128.load(colour);
      const w = i32x4.shl(v128.load(noise), 15);
      const low = i64x2.add(i64x2.extmul_low_i32x4_s(y, a), i64x2.extmul_low_i32x4_s(w, c));
      const high = i64x2.add(i64x2.extmul_high_i32x4_s(y, a), i64x2.extmul_high_i32x4_s(w, c));
      y = highWords(i64x2.add(low, half), i64x2.add(high, half));
      y = i32x4.shl(withinRails(area, y), 2);
      if (first) y = w;
      v128.store(colour, y);
      v128.store(noise, y);
      colour += 16;
      noise += 16;
    }
  }
}
