// Where the settings of `thermoloop serve` come from: flag, then THERMOLOOP_ variable, then the file THERMOLOOP_CONFIG names.
import type { ExpectedBackend } from '../../device/index.ts';
import { controlAddress } from '../control/address.ts';
import { ControlClientError } from '../control/errors.ts';
import { parsePortUrl, TransportError } from '../../transports/index.ts';

export interface ServeConfig {
  device: string;
  /** Control channel of a twin whose virtual time the device's link keeps, host:port; null: real time. */
  clock: string | null;
  deviceId: string;
  host: string;
  /** 0 takes a free one. */
  port: number;
  dataDir: string;
  metricsHost: string;
  metricsPort: number;
  expectBackend: ExpectedBackend | null;
  /** Where the last minute before a lost link goes; null: nowhere. */
  captureDir: string | null;
  /** Control channel of the twin, HOST:PORT, to know of faults planted in it. Then the device must be a twin. */
  twinControl: string | null;
  rateLimitPerMinute: number | undefined;
  /** How often the device is asked for its sensors. */
  telemetryPeriod_ms: number;
  tlsCert: string | null;
  tlsKey: string | null;
  bootstrapKeyFile: string | null;
  logLevel: string;
}

/** A setting that cannot be used; shown by the command line with its remedy. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code: 'no-device' | 'bad-device' | 'bad-setting' | 'bad-config-file' | 'plaintext-refused';
  readonly remedy: string;
  readonly retryable = false;
  /** Wrong use of the program. */
  readonly exitCode = 2;
  constructor(code: ConfigError['code'], message: string, remedy: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.remedy = remedy;
  }
}

interface Setting {
  variable: string;
  fallback?: string;
}

/** By the name in the file; the flag is the same name in kebab case where there is one. */
const settings = {
  device: { variable: 'THERMOLOOP_DEVICE' },
  clock: { variable: 'THERMOLOOP_CLOCK' },
  deviceId: { variable: 'THERMOLOOP_DEVICE_ID', fallback: 'chip-0' },
  host: { variable: 'THERMOLOOP_HOST', fallback: '127.0.0.1' },
  port: { variable: 'THERMOLOOP_PORT', fallback: '8080' },
  data: { variable: 'THERMOLOOP_DATA', fallback: '.thermoloop' },
  metricsHost: { variable: 'THERMOLOOP_METRICS_HOST', fallback: '127.0.0.1' },
  metricsPort: { variable: 'THERMOLOOP_METRICS_PORT', fallback: '9464' },
  expectBackend: { variable: 'THERMOLOOP_EXPECT_BACKEND' },
  captureDir: { variable: 'THERMOLOOP_CAPTURE_DIR' },
  twinControl: { variable: 'THERMOLOOP_TWIN_CONTROL' },
  rateLimit: { variable: 'THERMOLOOP_RATE_LIMIT' },
  telemetryPeriod: { variable: 'THERMOLOOP_TELEMETRY_PERIOD', fallback: '1' },
  tlsCert: { variable: 'THERMOLOOP_TLS_CERT' },
  tlsKey: { variable: 'THERMOLOOP_TLS_KEY' },
  allowPlaintext: { variable: 'THERMOLOOP_ALLOW_PLAINTEXT', fallback: '0' },
  bootstrapKeyFile: { variable: 'THERMOLOOP_BOOTSTRAP_KEY_FILE' },
  logLevel: { variable: 'THERMOLOOP_LOG_LEVEL', fallback: 'info' },
} as const satisfies Record<string, Setting>;
export type SettingName = keyof typeof settings;

export const DEVICE_EXAMPLES = `A device is named by --device, THERMOLOOP_DEVICE or "device" in the file THERMOLOOP_CONFIG names:
  serial:///dev/serial/by-id/usb-...?baud=1000000   a chip, or a twin behind a pty, on a serial port
  tcp://127.0.0.1:7700                              a twin, ser2net or a remote chip over TCP
  replay:run.mcap                                   a recording; record+tcp://127.0.0.1:7700?capture=run.mcap makes one
There is no default and no fallback: for a simulated chip start "thermoloop twin --tcp 127.0.0.1:7700" and use its address.`;
/** service-api section 7; they come with the parts that implement them. */
const LATER = ['twin'];

export interface Sources {
  flags: Partial<Record<SettingName, string>>;
  environment: Readonly<Record<string, string | undefined>>;
  /** Reads the file that THERMOLOOP_CONFIG names. */
  readFile: (path: string) => string;
}

/** @throws {ConfigError} */
export function serveConfig(sources: Sources): ServeConfig {
  const file = readConfigFile(sources);
  const get = (name: SettingName): string | undefined => {
    const { variable, fallback } = settings[name] as Setting;
    return sources.flags[name] ?? filled(sources.environment[variable]) ?? file[name] ?? fallback;
  };
  const twinControl = controlChannel(get, 'twinControl');
  const clock = controlChannel(get, 'clock');
  const config: ServeConfig = {
    device: checkDevice(get('device')),
    clock,
    deviceId: check(get, 'deviceId', /^[\w.-]{1,64}$/, 'letters, digits, dot, dash and underscore'),
    host: get('host') ?? '',
    port: port(get, 'port'),
    dataDir: get('data') ?? '',
    metricsHost: get('metricsHost') ?? '',
    metricsPort: port(get, 'metricsPort'),
    captureDir: get('captureDir') ?? null,
    expectBackend: expectedBackend(get('expectBackend'), twinControl !== null || clock !== null),
    twinControl,
    rateLimitPerMinute:
      get('rateLimit') === undefined
        ? undefined
        : Number(check(get, 'rateLimit', /^[1-9]\d{0,6}$/, 'requests per minute, a whole number above 0')),
    telemetryPeriod_ms: telemetryPeriod_ms(get),
    tlsCert: get('tlsCert') ?? null,
    tlsKey: get('tlsKey') ?? null,
    bootstrapKeyFile: get('bootstrapKeyFile') ?? null,
    logLevel: check(get, 'logLevel', /^(fatal|error|warn|info|debug|trace|silent)$/, 'a level of pino'),
  };
  checkTransportSecurity(config, get('allowPlaintext') === '1');
  return config;
}

function readConfigFile({ environment, readFile }: Sources): Partial<Record<string, string>> {
  const path = filled(environment['THERMOLOOP_CONFIG']);
  if (path === undefined) return {};
  const bad = (why: string, cause?: unknown): ConfigError =>
    new ConfigError(
      'bad-config-file',
      `${path}: ${why}`,
      `It is a JSON object of ${Object.keys(settings).join(', ')}.`,
      cause,
    );
  let value: unknown;
  try {
    value = JSON.parse(readFile(path));
  } catch (cause) {
    throw bad(cause instanceof SyntaxError ? 'it is not JSON' : 'it cannot be read', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('it is not an object');
  const found: Record<string, string> = {};
  for (const [name, entry] of Object.entries(value as Record<string, unknown>)) {
    if (!Object.hasOwn(settings, name)) throw bad(`there is no setting "${name}"`);
    if (typeof entry === 'boolean') found[name] = entry ? '1' : '0';
    else if (typeof entry === 'string' || typeof entry === 'number') found[name] = String(entry);
    else throw bad(`"${name}" is neither text nor a number`);
  }
  return found;
}

/** An empty variable counts as unset: that is what compose files make of a missing one. */
function filled(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

function checkDevice(url: string | undefined): string {
  if (url === undefined) throw new ConfigError('no-device', 'no device is set', DEVICE_EXAMPLES);
  const scheme = url.split(':')[0].toLowerCase();
  if (LATER.includes(scheme))
    throw new ConfigError('bad-device', `${scheme}: addresses do not work in this version`, DEVICE_EXAMPLES);
  try {
    parsePortUrl(url);
  } catch (cause) {
    if (!(cause instanceof TransportError)) throw cause;
    throw new ConfigError('bad-device', cause.message, DEVICE_EXAMPLES, cause);
  }
  return url;
}

function check(
  get: (name: SettingName) => string | undefined,
  name: SettingName,
  pattern: RegExp,
  allowed: string,
): string {
  const value = get(name) ?? '';
  if (pattern.test(value)) return value;
  throw new ConfigError(
    'bad-setting',
    `${name} is "${value}"`,
    `Allowed: ${allowed} (${settings[name].variable}).`,
  );
}

function port(get: (name: SettingName) => string | undefined, name: SettingName): number {
  const value = Number(check(get, name, /^\d{1,5}$/, '0 to 65535'));
  if (value <= 65_535) return value;
  throw new ConfigError('bad-setting', `${name} is ${value}`, 'Allowed: 0 to 65535.');
}

/** Seconds outside, as on the REST side; a device narrows it to what it allows. */
function telemetryPeriod_ms(get: (name: SettingName) => string | undefined): number {
  const allowed = 'seconds from 0.01 to 60';
  const value_s = Number(check(get, 'telemetryPeriod', /^\d{1,2}(\.\d{1,3})?$/, allowed));
  if (value_s >= 0.01 && value_s <= 60) return value_s * 1000;
  throw new ConfigError(
    'bad-setting',
    `telemetryPeriod is ${value_s}`,
    `Allowed: ${allowed} (THERMOLOOP_TELEMETRY_PERIOD).`,
  );
}

function controlChannel(
  get: (name: SettingName) => string | undefined,
  name: 'clock' | 'twinControl',
): string | null {
  const address = get(name);
  if (address === undefined) return null;
  try {
    controlAddress(address);
    return address;
  } catch (cause) {
    if (!(cause instanceof ControlClientError)) throw cause;
    const remedy = `${cause.remedy} (${settings[name].variable})`;
    throw new ConfigError('bad-setting', `${name}: ${cause.message}`, remedy, cause);
  }
}

/** Only a twin has a control channel. */
function expectedBackend(value: string | undefined, isTwin: boolean): ExpectedBackend | null {
  if (value === undefined) return isTwin ? 'twin' : null;
  if ((value === 'chip' || value === 'replay') && isTwin) {
    const remedy =
      'Only a twin has a control channel: leave THERMOLOOP_TWIN_CONTROL and THERMOLOOP_CLOCK out, or expect a twin.';
    throw new ConfigError('bad-setting', `twinControl is set, and expectBackend is "${value}"`, remedy);
  }
  if (value === 'chip' || value === 'twin' || value === 'replay') return value;
  const remedy = 'Allowed: chip, twin or replay (THERMOLOOP_EXPECT_BACKEND).';
  throw new ConfigError('bad-setting', `expectBackend is "${value}"`, remedy);
}

function checkTransportSecurity(config: ServeConfig, allowPlaintext: boolean): void {
  if ((config.tlsCert === null) !== (config.tlsKey === null))
    throw new ConfigError(
      'bad-setting',
      'only one of certificate and key is set',
      'Set both THERMOLOOP_TLS_CERT and THERMOLOOP_TLS_KEY to PEM files.',
    );
  if (config.tlsCert !== null || allowPlaintext || isLoopback(config.host)) return;
  throw new ConfigError(
    'plaintext-refused',
    `${config.host} can be reached from other machines, and keys would cross the network in plain text`,
    'Set THERMOLOOP_TLS_CERT and THERMOLOOP_TLS_KEY, or listen on 127.0.0.1, or, behind a proxy that does TLS, ' +
      'set THERMOLOOP_ALLOW_PLAINTEXT=1.',
  );
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
