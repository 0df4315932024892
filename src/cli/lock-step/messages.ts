// What the two sides of a lock-step say to each other over the control channel (docs/adr/0007). Times are whole
// microseconds of the twin's clock.
import { z } from 'zod';

const time_us = z.int().nonnegative();
const count = z.int().nonnegative();

/** Asks to take part; the answer is `Joined`. */
export const joinSchema = z.strictObject({
  name: z.string().min(1).max(64),
  /** As in a report. */
  sent_bytes: count,
  received_bytes: count,
});
export const joinedSchema = z.looseObject({
  now_us: time_us,
  speed: z.union([z.number().positive(), z.literal('max')]),
});

/** From the participant: nothing is left to do before `until_us` (null: ever) unless something comes in. */
export const idleSchema = z.strictObject({
  /** Counts up from 1 with every report. */
  report: z.int().positive(),
  at_us: time_us,
  until_us: time_us.nullable(),
  /** Number of the last `clock.look` before this report; 0: none. */
  looked: count,
  /** All bytes that it has ever written to the link, and read from it. */
  sent_bytes: count,
  received_bytes: count,
});
export type IdleReport = z.output<typeof idleSchema>;

/** To the participant: it becomes `to_us`, provided that `report` is its last and still true. */
export const advanceSchema = z.looseObject({ to_us: time_us, report: z.int().positive() });

/** To the participant: it looks once more whether bytes have come in, and reports. */
export const lookSchema = z.looseObject({ look: z.int().positive() });

/** A side that says nothing for so long is frozen or gone: the other one goes on without it. Real time. */
export const SILENCE_LIMIT_MS = 10_000;
/** Both sides say that they are alive at least so often. Real time. */
export const ALIVE_MS = 1000;
