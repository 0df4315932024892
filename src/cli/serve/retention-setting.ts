// How long things are kept: days by kind, unset for ever.
import type { RetentionPolicy } from '../../store/index.ts';
import { check, type SettingName } from './settings.ts';

/** @throws {ConfigError} bad-setting */
export function retentionSettings(get: (name: SettingName) => string | undefined): RetentionPolicy {
  const days = (name: SettingName): number | null => {
    const value = get(name);
    if (value === undefined) return null;
    return Number(check(value, name, /^[1-9]\d{0,4}$/, 'days, a whole number above 0; unset keeps for ever'));
  };
  return {
    jobs_days: days('retentionDays'),
    captures_days: days('retentionCaptureDays'),
    audit_days: days('retentionAuditDays'),
  };
}
