// Why work that waits for a device may not start, as far as people have decided it. Pure.
import type { JobHold, UseLeaseRow } from '../../store/index.ts';
import type { ControlState } from './state.ts';

/** What people want of a device, and who has it to himself. */
export interface DeviceUse {
  readonly state: ControlState;
  readonly lease: UseLeaseRow | null;
}

/** Null: nothing of this stands in the way of work of this key. */
export function useHold({ state, lease }: DeviceUse, keyId: string | null, now_ms: number): JobHold | null {
  const hold = (reason: JobHold['reason'], detail: string, until_ms: number | null = null): JobHold => ({
    reason,
    detail,
    since_ms: now_ms,
    until_ms,
  });
  if (state.safeStop !== null) {
    const { reason } = state.safeStop;
    return hold('device-stopped', `the device was stopped for safety${reason === null ? '' : `: ${reason}`}`);
  }
  if (state.desired === 'maintenance') return hold('maintenance', 'the device is in maintenance');
  if (state.desired === 'offline') return hold('device-offline', 'the device was taken offline');
  if (lease !== null && lease.expiresAt_ms > now_ms && lease.keyId !== keyId)
    return hold('lease', 'another key has the device to itself', lease.expiresAt_ms);
  return null;
}
