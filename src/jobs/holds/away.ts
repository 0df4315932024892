// A device that has been away for some time: its jobs are shown as held. A line that is lost for a moment is not worth
// telling anybody; and nothing runs on a device that is not ready, held or not.
import type { DeviceHoldRule } from './rule.ts';

/** How long a device is away before its jobs are held for that. */
export const AWAY_MS = 5_000;

export const away: DeviceHoldRule = {
  of: 'device',
  reason: 'device-offline',
  hold({ device, awaySince_ms, now_ms }) {
    if (awaySince_ms === null || now_ms < awaySince_ms + AWAY_MS) return null;
    const why = device.reason === null ? '' : `: ${device.reason.message}`;
    return { detail: `device ${device.id} is ${device.state}${why}`, until_ms: null };
  },
  // Held before a restart, and the device is not back yet.
  keeps: ({ awaySince_ms }) => awaySince_ms !== null,
};
