// THERMOLOOP_WEBHOOK_ALLOW: where webhooks may go beside public addresses. An entry that means nothing would allow nothing in
// silence, so it is refused at the start.
import { isAllowEntry } from '../../service/index.ts';
import { ConfigError, settings, type Settings } from './settings.ts';

/** Entries separated by commas or spaces. @throws {ConfigError} bad-setting */
export function webhookAllowSetting(get: Settings['get']): string[] {
  const entries = (get('webhookAllow') ?? '').split(/[\s,]+/).filter((entry) => entry !== '');
  const wrong = entries.find((entry) => !isAllowEntry(entry));
  if (wrong === undefined) return entries;
  throw new ConfigError(
    'bad-setting',
    `webhookAllow has "${wrong}", which is neither a host name, an address nor a network`,
    `Such as "hooks.lab.example, 10.0.0.0/8, ::1": without scheme, port, path or wildcard (${settings.webhookAllow.variable}).`,
  );
}
