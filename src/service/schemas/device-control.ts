// What people want of devices, as the API takes and shows it: states, the safe stop, exclusive use.
import { z } from 'zod';
import { desiredStates, type ControlState, type DeviceUse } from '../../jobs/index.ts';
import type { UseLeaseRow } from '../../store/index.ts';
import type { Identity } from '../context.ts';
import { pageQuery, time, toTime, toTimeOrNull } from './common.ts';

export const LEASE_MAX_S = 86_400;
const words = z.string().trim().min(1).max(500);

export const desiredState = z.enum(desiredStates).meta({
  description:
    'ready; maintenance: what runs ends, and the queue is held; offline: also disconnected, its line is free for other programs',
});

export const safeStop = z
  .object({
    at: time,
    key: z.string().nullable().meta({ description: 'Who pressed it first' }),
    reason: z.string().nullable(),
    confirmed: z.boolean().meta({ description: 'The device itself said that nothing runs any more' }),
    duration_s: z
      .number()
      .nullable()
      .meta({ description: 'From the request to that answer; null: not known yet' }),
    endedOperation: z.boolean().meta({ description: 'Something was running' }),
    notConfirmed: z
      .object({ code: z.string(), message: z.string(), remedy: z.string() })
      .nullable()
      .meta({ description: 'Why it is not confirmed, and what to do' }),
  })
  .meta({ id: 'SafeStop' });

export const deviceControl = z
  .object({
    device: z.string(),
    desired: desiredState,
    allowed: z.array(desiredState).meta({ description: 'What PUT takes now' }),
    safeStop: safeStop.nullable().meta({ description: 'null: not stopped' }),
    revision: z.int(),
  })
  .meta({ id: 'DeviceControl' });

export const stateRequest = z.strictObject({ desired: desiredState });
export const stopRequest = z
  .strictObject({ reason: words.optional().meta({ description: 'For people; shown with the device' }) })
  .nullish();
export const resumeRequest = z.strictObject({
  reason: words.meta({ description: 'What was found; it stands in the audit' }),
});

export const lease = z
  .object({
    id: z.string(),
    device: z.string(),
    own: z.boolean(),
    key: z.string().nullable().meta({ description: 'Whose it is; null where the key may not know' }),
    purpose: z.string().nullable(),
    active: z.boolean(),
    createdAt: time,
    expiresAt: time,
    endedAt: time.nullable(),
    endedBy: z.enum(['released', 'expired']).nullable(),
    revision: z.int(),
  })
  .meta({ id: 'Lease' });

const ttl_s = z.number().min(1).max(LEASE_MAX_S).meta({ description: 'Seconds from now' });
export const leaseRequest = z.strictObject({ ttl_s, purpose: words.optional() });
export const renewRequest = z.strictObject({ ttl_s });
export const leaseQuery = pageQuery;
export const leaseParams = z.strictObject({
  id: z.string().min(1).max(100),
  lease: z.string().min(1).max(100),
});

export function safeStopView(state: ControlState): z.infer<typeof safeStop> | null {
  const { safeStop: stop } = state;
  if (stop === null) return null;
  const { confirmation } = stop;
  return {
    at: toTime(stop.at_ms),
    key: stop.keyId,
    reason: stop.reason,
    confirmed: confirmation?.confirmed ?? false,
    duration_s: confirmation?.duration_s ?? null,
    endedOperation: confirmation?.endedOperation ?? false,
    notConfirmed: confirmation?.reason ?? null,
  };
}

export function controlView(
  device: string,
  state: ControlState,
  allowed: ControlState['desired'][],
): z.infer<typeof deviceControl> {
  const { desired, revision } = state;
  return { device, desired, allowed, safeStop: safeStopView(state), revision };
}

/** Whose lease it is: its own key knows, and who runs the device. */
export function leaseView(row: UseLeaseRow, identity: Identity, now_ms: number): z.infer<typeof lease> {
  const own = row.keyId === identity.keyId;
  const visible = own || identity.scopes.has('device:control');
  return {
    id: row.id,
    device: row.device,
    own,
    key: visible ? row.keyId : null,
    purpose: visible ? row.purpose : null,
    active: row.endedAt_ms === null && row.expiresAt_ms > now_ms,
    createdAt: toTime(row.createdAt_ms),
    expiresAt: toTime(row.expiresAt_ms),
    endedAt: toTimeOrNull(row.endedAt_ms),
    endedBy: row.endedBy,
    revision: row.revision,
  };
}

/** In the document of a device, for everybody who may read it. */
export const deviceUse = z.object({
  desired: desiredState,
  safeStop: safeStop.nullable().meta({ description: 'Stopped for safety; null: not' }),
  lease: z
    .object({ id: z.string(), expiresAt: time })
    .nullable()
    .meta({ description: 'Somebody has it to himself' }),
});

export function useView({ state, lease: held }: DeviceUse): z.infer<typeof deviceUse> {
  return {
    desired: state.desired,
    safeStop: safeStopView(state),
    lease: held && { id: held.id, expiresAt: toTime(held.expiresAt_ms) },
  };
}
