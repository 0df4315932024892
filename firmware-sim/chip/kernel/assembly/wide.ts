// 64-bit sums of products: what both halves of the kernel need.

/** The high words of four 64-bit lanes (floor of a division by 2^32). */
@inline export function highWords(low: v128, high: v128): v128 {
  return v128.shuffle<i32>(low, high, 1, 3, 5, 7);
}
