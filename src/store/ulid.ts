// ULIDs: 48 bits of wall time and 80 of chance in 26 characters, whose order as text is the order of making
// (github.com/ulid/spec). Monotonic: within one millisecond, or when the clock steps back, the last one is counted up by
// chance, so that two hosts that go on after the same id do not make the same ones.

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const RANDOM_BITS = 80n;
/** Of the 80, how many a step may take at most: collisions of hosts stay improbable, and a millisecond has room for 2^40 ids. */
const STEP_BITS = 40n;
const PATTERN = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

export interface UlidOptions {
  wall_ms(): number;
  /** `count` random bytes. */
  random(count: number): Uint8Array;
  /** New ids come after this one. */
  after?: string;
}

/** True for the canonical (upper-case) text of a ULID. */
export function isUlid(text: string): boolean {
  return PATTERN.test(text);
}

/** The wall time in a ULID; call it with nothing else. */
export function ulidTime_ms(ulid: string): number {
  return Number(parse(ulid) >> RANDOM_BITS);
}

/** A source of ULIDs, each greater than the one before. */
export function createUlidSource(options: UlidOptions): () => string {
  let last = options.after === undefined ? -1n : parse(options.after);
  return () => {
    const random = chance(options.random(10));
    const fresh = (BigInt(Math.floor(options.wall_ms())) << RANDOM_BITS) | random;
    const sameTime = fresh >> RANDOM_BITS <= last >> RANDOM_BITS;
    last = last >= 0n && sameTime ? last + 1n + (random >> (RANDOM_BITS - STEP_BITS)) : fresh;
    return format(last);
  };
}

function chance(bytes: Uint8Array): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function format(value: bigint): string {
  let text = '';
  for (let rest = value; text.length < 26; rest >>= 5n) text = ALPHABET[Number(rest & 31n)] + text;
  return text;
}

function parse(text: string): bigint {
  return [...text].reduce((value, c) => (value << 5n) | BigInt(ALPHABET.indexOf(c)), 0n);
}
