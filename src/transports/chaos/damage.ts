// Damage to the bytes themselves: drops, flips and duplicates at seeded places. Pure.
import type { LaneFaults } from './faults.ts';

/**
 * A function over the pieces of one direction, in order. The place of the next fault is drawn, not one number per byte
 * (gaps between faults of probability p are geometric), so that rare damage costs nothing and does not depend on how
 * the stream is cut into pieces.
 */
export function damager(faults: LaneFaults, uniform: () => number): (bytes: Uint8Array) => Uint8Array {
  const { drop = 0, flip = 0, duplicate = 0, spare_bytes = 0 } = faults;
  const any = drop + flip + duplicate;
  if (any === 0) return (bytes) => bytes;
  const gap = (): number => (any >= 1 ? 0 : Math.floor(Math.log1p(-uniform()) / Math.log1p(-any)));
  let next = spare_bytes + gap();
  return (bytes) => {
    if (next >= bytes.length) {
      next -= bytes.length;
      return bytes;
    }
    const out: number[] = [];
    let from = 0;
    while (next < bytes.length) {
      for (let at = from; at < next; at += 1) out.push(bytes[at]);
      const byte = bytes[next];
      const fate = uniform() * any;
      if (fate >= drop + flip) out.push(byte, byte);
      else if (fate >= drop) out.push(byte ^ (1 << Math.floor(uniform() * 8)));
      from = next + 1;
      next = from + gap();
    }
    for (let at = from; at < bytes.length; at += 1) out.push(bytes[at]);
    next -= bytes.length;
    return Uint8Array.from(out);
  };
}
