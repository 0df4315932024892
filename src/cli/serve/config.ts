// What `thermoloop serve` is to do, put together from its settings and checked.
import type { ExpectedBackend } from '../../device/index.ts';
import type { RetentionPolicy } from '../../store/index.ts';
import { databaseSettings } from './database-setting.ts';
import { controlChannel, deviceConfigs, type DeviceConfig } from './device-config.ts';
import { retentionSettings } from './retention-setting.ts';
import { webhookAllowSetting } from './webhook-setting.ts';
import { sentinelSettings } from './sentinel-setting.ts';
import type { SentinelSettings } from '../../jobs/index.ts';
import {
  check,
  ConfigError,
  readSettings,
  type SettingName,
  type Settings,
  type Sources,
} from './settings.ts';

export { DEVICE_EXAMPLES, type DeviceConfig } from './device-config.ts';
export { ConfigError, type ServeFlags, type SettingName, type Sources } from './settings.ts';

export interface ServeConfig {
  /** At least one. */
  devices: DeviceConfig[];
  /** Control channel of a twin whose virtual time the links of all devices keep, host:port; null: real time. */
  clock: string | null;
  host: string;
  /** 0 takes a free one. */
  port: number;
  dataDir: string;
  /** Of PostgreSQL, with its password: never to be shown. Null: SQLite in the data directory. */
  database: string | null;
  /** `database` or a directory that hosts share; null: files of the data directory. */
  blobs: string | null;
  /** Whether lines are kept in memory for captures, and whether a failed job freezes one. */
  captures: 'off' | 'asked' | 'failed';
  /** What other hosts on the same database know this one by; null: made from the machine and the data directory. */
  hostId: string | null;
  /** How long a device stays with a host that is not heard of any more. */
  leaseTerm_ms: number;
  /** How long running work may go on when the service is told to stop. */
  stopGrace_ms: number;
  /** How closely drift is watched. */
  sentinels: SentinelSettings;
  /** Work waits where the die of its device would become too warm. */
  pacing: boolean;
  metricsHost: string;
  metricsPort: number;
  /** Demanded of every device that has no demand of its own. */
  expectBackend: ExpectedBackend | null;
  rateLimitPerMinute: number | undefined;
  retention: RetentionPolicy;
  /** Hosts and networks that webhooks may reach beside public addresses. */
  webhookAllow: string[];
  tlsCert: string | null;
  tlsKey: string | null;
  bootstrapKeyFile: string | null;
  logLevel: string;
}

/** @throws {ConfigError} */
export function serveConfig(sources: Sources): ServeConfig {
  const from = readSettings(sources);
  const get = (name: SettingName): string | undefined => from.get(name);
  const devices = deviceConfigs(sources.flags, from);
  const [first] = devices;
  const config: ServeConfig = {
    devices,
    clock: controlChannel(get('clock'), 'clock'),
    host: get('host') ?? '',
    port: port(from, 'port'),
    dataDir: get('data') ?? '',
    ...databaseSettings(get('database'), get('blobs')),
    captures: check(get('captures'), 'captures', /^(off|asked|failed)$/, 'off, asked or failed') as 'off',
    hostId:
      get('hostId') === undefined
        ? null
        : check(
            get('hostId'),
            'hostId',
            /^[\w.-]{1,64}$/,
            'letters, digits, dot, dash and underscore, 64 at most',
          ),
    leaseTerm_ms: seconds_ms(
      get('leaseTerm') ?? (get('database') === undefined ? ALONE_TERM_S : SHARED_TERM_S),
      'leaseTerm',
      { from_s: 1, to_s: 600 },
    ),
    stopGrace_ms: seconds_ms(get('stopGrace'), 'stopGrace', { from_s: 0, to_s: 600 }),
    pacing: check(get('pacing'), 'pacing', /^(on|off)$/, 'on or off') === 'on',
    metricsHost: get('metricsHost') ?? '',
    metricsPort: port(from, 'metricsPort'),
    expectBackend: devices.every((d) => d.expectBackend === first.expectBackend) ? first.expectBackend : null,
    rateLimitPerMinute:
      get('rateLimit') === undefined
        ? undefined
        : Number(
            check(
              get('rateLimit'),
              'rateLimit',
              /^[1-9]\d{0,6}$/,
              'requests per minute, a whole number above 0',
            ),
          ),
    sentinels: sentinelSettings(get),
    retention: retentionSettings(get),
    webhookAllow: webhookAllowSetting(get),
    tlsCert: get('tlsCert') ?? null,
    tlsKey: get('tlsKey') ?? null,
    bootstrapKeyFile: get('bootstrapKeyFile') ?? null,
    logLevel: check(
      get('logLevel'),
      'logLevel',
      /^(fatal|error|warn|info|debug|trace|silent)$/,
      'a level of pino',
    ),
  };
  checkTransportSecurity(config, get('allowPlaintext') === '1');
  return config;
}

/** Nobody waits for the lease of a host without others; each renewal is a synced write. */
const ALONE_TERM_S = '60';
const SHARED_TERM_S = '10';

function seconds_ms(
  value: string | undefined,
  name: 'leaseTerm' | 'stopGrace',
  { from_s, to_s }: { from_s: number; to_s: number },
): number {
  const allowed = `seconds from ${from_s} to ${to_s}`;
  const value_s = Number(check(value, name, /^\d{1,3}(\.\d{1,3})?$/, allowed));
  if (value_s >= from_s && value_s <= to_s) return value_s * 1000;
  throw new ConfigError('bad-setting', `${name} is ${value_s}`, `Allowed: ${allowed}.`);
}

function port(from: Settings, name: SettingName): number {
  const value = Number(check(from.get(name), name, /^\d{1,5}$/, '0 to 65535'));
  if (value <= 65_535) return value;
  throw new ConfigError('bad-setting', `${name} is ${value}`, 'Allowed: 0 to 65535.');
}

function checkTransportSecurity(config: ServeConfig, allowPlaintext: boolean): void {
  if ((config.tlsCert === null) !== (config.tlsKey === null))
    throw new ConfigError(
      'bad-setting',
      'only one of certificate and key is set',
      'Set both THERMOLOOP_TLS_CERT and THERMOLOOP_TLS_KEY to PEM files.',
    );
  const reachable = [config.host, config.metricsHost].find((host) => !isLoopback(host));
  if (config.tlsCert !== null || allowPlaintext || reachable === undefined) return;
  throw new ConfigError(
    'plaintext-refused',
    `${reachable} can be reached from other machines, and keys would cross the network in plain text`,
    'Set THERMOLOOP_TLS_CERT and THERMOLOOP_TLS_KEY, or listen on 127.0.0.1, or, behind a proxy that does TLS, ' +
      'set THERMOLOOP_ALLOW_PLAINTEXT=1.',
  );
}

/** Only programs on this machine reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
