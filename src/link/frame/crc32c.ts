// CRC-32C (Castagnoli) of the frame layer. Node's zlib.crc32 is another polynomial and must not be used here.

/** 0x1EDC6F41 reflected (docs/protocol.md, section CRC). */
const POLYNOMIAL = 0x82f63b78;
/** Slicing by 8 (Kounavis and Berry): table k advances a byte over k further bytes; eight lookups per 8 bytes. */
const SLICES = 8;

function buildTables(): Int32Array[] {
  const tables = Array.from({ length: SLICES }, () => new Int32Array(256));
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[0][byte] = crc;
  }
  for (let slice = 1; slice < SLICES; slice += 1) {
    for (let byte = 0; byte < 256; byte += 1) {
      const previous = tables[slice - 1][byte];
      tables[slice][byte] = (previous >>> 8) ^ tables[0][previous & 0xff];
    }
  }
  return tables;
}

const [T0, T1, T2, T3, T4, T5, T6, T7] = buildTables();

/**
 * CRC-32C of `bytes`: reflected, init and final XOR 0xFFFFFFFF, as an unsigned 32-bit number.
 * `seed` is the CRC of what came before, so that crc32c(b, crc32c(a)) is the CRC of a followed by b.
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  return crc32cOver(bytes, 0, bytes.length, seed);
}

/** CRC-32C of bytes[start .. end), without a view object per call. */
export function crc32cOver(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  let crc = ~seed;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    crc =
      T7[(crc ^ bytes[at]) & 0xff] ^
      T6[((crc >>> 8) ^ bytes[at + 1]) & 0xff] ^
      T5[((crc >>> 16) ^ bytes[at + 2]) & 0xff] ^
      T4[(crc >>> 24) ^ bytes[at + 3]] ^
      T3[bytes[at + 4]] ^
      T2[bytes[at + 5]] ^
      T1[bytes[at + 6]] ^
      T0[bytes[at + 7]];
  }
  for (; at < end; at += 1) crc = (crc >>> 8) ^ T0[(crc ^ bytes[at]) & 0xff];
  return ~crc >>> 0;
}
