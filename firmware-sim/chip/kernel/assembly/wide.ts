// What all parts of the kernel need: high words of 64-bit sums, and the rails.
import { C_RAIL, C_RAIL_NEGATIVE } from './layout';

/** The high words of four 64-bit lanes (floor of a division by 2^32). */
@inline export function highWords(low: v128, high: v128): v128 {
  return v128.shuffle<i32>(low, high, 1, 3, 5, 7);
}

/** Clamps to the rails, +-2^28. */
@inline export function withinRails(area: usize, a: v128): v128 {
  return i32x4.max_s(
    i32x4.min_s(a, v128.load32_splat(area, C_RAIL)),
    v128.load32_splat(area, C_RAIL_NEGATIVE),
  );
}
