// How closely drift is watched, and what is done about it.
import type { SentinelSettings } from '../../jobs/index.ts';
import { check, type SettingName } from './settings.ts';

/** @throws {ConfigError} bad-setting */
export function sentinelSettings(get: (name: SettingName) => string | undefined): SentinelSettings {
  const share = check(
    get('sentinelShare'),
    'sentinelShare',
    /^(0|0?\.[0-4]\d{0,5}|0?\.50*)$/,
    'a share of the device time from 0 (no probes) to 0.5',
  );
  const period = check(
    get('sentinelPeriod'),
    'sentinelPeriod',
    /^\d{1,6}(\.\d{1,3})?$/,
    'seconds from one round of probes to the next, 0 to 999999',
  );
  const perDay = check(
    get('recalibrationsPerDay'),
    'recalibrationsPerDay',
    /^\d{1,5}$/,
    'calibrations in 24 hours and on one device, 0 to 99999',
  );
  return {
    share: Number(share),
    period_s: Number(period),
    recalibrate: check(get('recalibrate'), 'recalibrate', /^(off|on)$/, 'off or on') === 'on',
    recalibrationsPerDay: Number(perDay),
  };
}
