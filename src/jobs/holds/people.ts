// Holds that people have decided: the safe stop, maintenance, and a lease of another key.
import type { HoldReason, JobHold } from '../../store/index.ts';
import { useHold } from '../control/holds.ts';
import type { DeviceHoldRule, HoldAnswer, JobHoldRule } from './rule.ts';

export const stopped: DeviceHoldRule = {
  of: 'device',
  reason: 'device-stopped',
  hold: ({ use, now_ms }) => onlyOf('device-stopped', useHold(use, null, now_ms)),
};

export const maintenance: DeviceHoldRule = {
  of: 'device',
  reason: 'maintenance',
  hold: ({ use, now_ms }) => onlyOf('maintenance', useHold(use, null, now_ms)),
};

export const lease: JobHoldRule = {
  of: 'job',
  reason: 'lease',
  hold: ({ keyId }, { use, now_ms }) => onlyOf('lease', useHold(use, keyId, now_ms)),
};

function onlyOf(reason: HoldReason, hold: JobHold | null): HoldAnswer | null {
  return hold?.reason === reason ? { detail: hold.detail, until_ms: hold.until_ms } : null;
}
