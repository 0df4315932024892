// A die that is too warm for work: all that waits is held until there is room for some, rather than let the device trip.
import type { DeviceHoldRule } from './rule.ts';

export const thermal: DeviceHoldRule = { of: 'device', reason: 'thermal', hold: ({ heat }) => heat };
