// What a chaos line does wrong, and the text form of it: `faults=flip:1e-5,out.drop:1e-6,stall:2000@65536`.
import { TransportError } from '../port.ts';

/** Faults of one direction; absent: none of that kind. Grammar and meaning: docs/operating.md. */
export interface LaneFaults {
  /** Probabilities per byte. */
  drop?: number;
  flip?: number;
  duplicate?: number;
  /** Probability per write that it changes places with the next one. */
  reorder?: number;
  /** Every byte arrives this much later. */
  delay_ms?: number;
  /** Before byte `at_bytes` nothing passes for `duration_ms`, once. */
  stall?: { duration_ms: number; at_bytes: number };
  /** The line is cut before byte k of this direction. */
  disconnectAt_bytes?: number;
  /** Writes arrive in pieces of 1 to this many bytes. */
  shortWrites_bytes?: number;
  /** Bytes per second. */
  rate_Bps?: number;
  /** So many bytes at the start are neither damaged nor reordered. */
  spare_bytes?: number;
}

export interface ChaosFaults {
  /** Host to device. */
  out: LaneFaults;
  /** Device to host. */
  in: LaneFaults;
}

export const CHAOS_EXAMPLE = 'chaos+tcp://127.0.0.1:7070?faults=flip:1e-5,out.drop:1e-6&seed=7';

interface FaultKind {
  form: string;
  /** The field with its value, or null when the text is no such value. */
  read(text: string): LaneFaults | null;
}

const MAX_DURATION_MS = 600_000;
const probability = (make: (p: number) => LaneFaults): FaultKind => ({
  form: 'a probability from 0 to 1, such as 1e-5',
  read: (text) => within(text, /^(\d+(\.\d+)?|\.\d+)(e-?\d{1,3})?$/i, 0, 1, make),
});
const whole = (form: string, min: number, max: number, make: (n: number) => LaneFaults): FaultKind => ({
  form,
  read: (text) => within(text, /^\d{1,15}$/, min, max, make),
});

const KINDS: Record<string, FaultKind> = {
  drop: probability((drop) => ({ drop })),
  flip: probability((flip) => ({ flip })),
  duplicate: probability((duplicate) => ({ duplicate })),
  reorder: probability((reorder) => ({ reorder })),
  delay: whole(`milliseconds from 0 to ${MAX_DURATION_MS}`, 0, MAX_DURATION_MS, (delay_ms) => ({ delay_ms })),
  stall: {
    form: `MILLISECONDS@BYTE, such as 2000@65536 (at most ${MAX_DURATION_MS} ms)`,
    read(text) {
      const [, duration, at] = /^(\d{1,9})@(\d{1,15})$/.exec(text) ?? [];
      if (duration === undefined || Number(duration) > MAX_DURATION_MS) return null;
      return { stall: { duration_ms: Number(duration), at_bytes: Number(at) } };
    },
  },
  disconnect: whole('a byte number', 0, 1e15, (disconnectAt_bytes) => ({ disconnectAt_bytes })),
  short: whole('bytes, 1 or more', 1, 1e9, (shortWrites_bytes) => ({ shortWrites_bytes })),
  rate: whole('bytes per second, 1 or more', 1, 1e12, (rate_Bps) => ({ rate_Bps })),
  spare: whole('a number of bytes', 0, 1e15, (spare_bytes) => ({ spare_bytes })),
};

function within(
  text: string,
  pattern: RegExp,
  min: number,
  max: number,
  make: (value: number) => LaneFaults,
): LaneFaults | null {
  const value = pattern.test(text) ? Number(text) : NaN;
  return value >= min && value <= max ? make(value) : null;
}

/** Reads the value of `faults=`. Throws TransportError `bad-url`, saying what is wrong and what is known. */
export function parseFaults(text: string): ChaosFaults {
  const faults: ChaosFaults = { out: {}, in: {} };
  const seen = new Set<string>();
  for (const word of text.split(',')) {
    const [, direction, name, value] = /^(?:(in|out)\.)?([a-z]+):(.*)$/.exec(word) ?? [];
    if (name === undefined) throw badFaults(`"${word}" is not NAME:VALUE, in.NAME:VALUE or out.NAME:VALUE`);
    if (!Object.hasOwn(KINDS, name)) throw badFaults(`there is no fault "${name}"`);
    const kind = KINDS[name];
    const field = kind.read(value);
    if (field === null) throw badFaults(`${name} takes ${kind.form}, not "${value}"`);
    for (const lane of direction === undefined ? (['in', 'out'] as const) : [direction as 'in' | 'out']) {
      if (seen.has(`${lane}.${name}`)) throw badFaults(`${name} is given twice for the direction "${lane}"`);
      seen.add(`${lane}.${name}`);
      Object.assign(faults[lane], field);
    }
  }
  for (const lane of [faults.in, faults.out]) {
    const { drop = 0, flip = 0, duplicate = 0 } = lane;
    if (drop + flip + duplicate > 1) throw badFaults('drop, flip and duplicate add up to more than 1');
  }
  return faults;
}

function badFaults(why: string): TransportError {
  return new TransportError('bad-url', `faults= cannot be read: ${why}`, {
    remedy: `Known are ${Object.keys(KINDS).join(', ')}; write it like ${CHAOS_EXAMPLE}.`,
    retryable: false,
  });
}
