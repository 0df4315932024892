// What people want of a device, as it is kept in its row: which state, and whether it was stopped for safety. Pure.
import { z } from 'zod';
import type { JsonObject } from '../../store/index.ts';

export const desiredStates = ['ready', 'maintenance', 'offline'] as const;
export type DesiredState = (typeof desiredStates)[number];

const confirmation = z.object({
  /** The device itself said that nothing runs. */
  confirmed: z.boolean(),
  endedOperation: z.boolean(),
  duration_s: z.number(),
  reason: z.object({ code: z.string(), message: z.string(), remedy: z.string() }).nullable(),
  at_ms: z.number(),
});
/** What became of a stop on the host that drives the device. */
export type StopConfirmation = z.infer<typeof confirmation>;

const control = z.object({
  /** Grows with every change. */
  revision: z.int(),
  desired: z.enum(desiredStates),
  /** Null: not stopped. */
  safeStop: z
    .object({
      at_ms: z.number(),
      keyId: z.string().nullable(),
      reason: z.string().nullable(),
      /** How often it was asked for since the last resume. */
      presses: z.int(),
      /** Of the last press; null: not yet. */
      confirmation: confirmation.nullable(),
    })
    .nullable(),
});
export type ControlState = z.infer<typeof control>;

export const untouched: ControlState = { revision: 0, desired: 'ready', safeStop: null };

/** The column of the row. What a newer program wrote and this one cannot read counts as a stop: never drive on in doubt. */
export function controlOf(column: JsonObject | null): ControlState {
  if (column === null) return untouched;
  const parsed = control.safeParse(column);
  if (parsed.success) return parsed.data;
  const reason = 'what is stored about this device cannot be read';
  return {
    revision: 0,
    desired: 'maintenance',
    safeStop: { at_ms: 0, keyId: null, reason, presses: 1, confirmation: null },
  };
}

export const columnOf = (state: ControlState): JsonObject => state;

/**
 * The states that may be asked for now, the present one included. A stopped device is not made ready by the way, and
 * one that works is not taken offline under its work: maintenance lets it end first.
 */
export function allowedStates(state: ControlState, isWorking: boolean): DesiredState[] {
  return desiredStates.filter((wanted) => {
    if (wanted === state.desired) return true;
    if (wanted === 'ready') return state.safeStop === null;
    return wanted === 'maintenance' || !isWorking;
  });
}
