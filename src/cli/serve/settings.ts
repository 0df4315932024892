// The settings of `thermoloop serve` by name, and where each comes from: flag, then THERMOLOOP_ variable, then the file
// THERMOLOOP_CONFIG names. What they mean together is put together in config.ts.

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
export const settings = {
  device: { variable: 'THERMOLOOP_DEVICE' },
  clock: { variable: 'THERMOLOOP_CLOCK' },
  deviceId: { variable: 'THERMOLOOP_DEVICE_ID', fallback: 'chip-0' },
  host: { variable: 'THERMOLOOP_HOST', fallback: '127.0.0.1' },
  port: { variable: 'THERMOLOOP_PORT', fallback: '8080' },
  data: { variable: 'THERMOLOOP_DATA', fallback: '.thermoloop' },
  database: { variable: 'THERMOLOOP_DATABASE_URL' },
  blobs: { variable: 'THERMOLOOP_BLOBS' },
  hostId: { variable: 'THERMOLOOP_HOST_ID' },
  leaseTerm: { variable: 'THERMOLOOP_LEASE_TERM' },
  stopGrace: { variable: 'THERMOLOOP_STOP_GRACE', fallback: '10' },
  metricsHost: { variable: 'THERMOLOOP_METRICS_HOST', fallback: '127.0.0.1' },
  metricsPort: { variable: 'THERMOLOOP_METRICS_PORT', fallback: '9464' },
  expectBackend: { variable: 'THERMOLOOP_EXPECT_BACKEND' },
  captureDir: { variable: 'THERMOLOOP_CAPTURE_DIR' },
  captures: { variable: 'THERMOLOOP_CAPTURES', fallback: 'asked' },
  twinControl: { variable: 'THERMOLOOP_TWIN_CONTROL' },
  rateLimit: { variable: 'THERMOLOOP_RATE_LIMIT' },
  sentinelShare: { variable: 'THERMOLOOP_SENTINEL_SHARE', fallback: '0.01' },
  sentinelPeriod: { variable: 'THERMOLOOP_SENTINEL_PERIOD', fallback: '60' },
  recalibrate: { variable: 'THERMOLOOP_RECALIBRATE', fallback: 'off' },
  recalibrationsPerDay: { variable: 'THERMOLOOP_RECALIBRATIONS_PER_DAY', fallback: '48' },
  pacing: { variable: 'THERMOLOOP_PACING', fallback: 'on' },
  telemetryPeriod: { variable: 'THERMOLOOP_TELEMETRY_PERIOD', fallback: '1' },
  tlsCert: { variable: 'THERMOLOOP_TLS_CERT' },
  tlsKey: { variable: 'THERMOLOOP_TLS_KEY' },
  allowPlaintext: { variable: 'THERMOLOOP_ALLOW_PLAINTEXT', fallback: '0' },
  retentionDays: { variable: 'THERMOLOOP_RETENTION_DAYS' },
  retentionCaptureDays: { variable: 'THERMOLOOP_RETENTION_CAPTURE_DAYS' },
  retentionAuditDays: { variable: 'THERMOLOOP_RETENTION_AUDIT_DAYS' },
  webhookAllow: { variable: 'THERMOLOOP_WEBHOOK_ALLOW' },
  bootstrapKeyFile: { variable: 'THERMOLOOP_BOOTSTRAP_KEY_FILE' },
  logLevel: { variable: 'THERMOLOOP_LOG_LEVEL', fallback: 'info' },
} as const satisfies Record<string, Setting>;
export type SettingName = keyof typeof settings;

/** What a device can have of its own in the file. */
export const deviceSettings = ['expectBackend', 'captureDir', 'twinControl', 'telemetryPeriod'] as const;
export type DeviceSettingName = (typeof deviceSettings)[number];

/** Flags; those that can be given more than once come as a list. */
export type ServeFlags = Partial<Record<SettingName, string>> & {
  devices?: readonly string[];
};

export interface Sources {
  flags: ServeFlags;
  environment: Readonly<Record<string, string | undefined>>;
  /** Reads the file that THERMOLOOP_CONFIG names. */
  readFile: (path: string) => string;
}

/** A device as the file has it. */
export interface FileDevice {
  url: string;
  own: Partial<Record<DeviceSettingName, string>>;
}

export interface Settings {
  /** The strongest source that has it, or the default. */
  get(name: SettingName): string | undefined;
  /** The source that says it; the default is none. */
  sourceOf(name: SettingName): 'flag' | 'variable' | 'file' | null;
  /** By name, in the order of the file. */
  fileDevices: ReadonlyMap<string, FileDevice>;
}

/** @throws {ConfigError} bad-config-file */
export function readSettings(sources: Sources): Settings {
  const { values, devices } = readConfigFile(sources);
  const sourceOf: Settings['sourceOf'] = (name) => {
    if (sources.flags[name] !== undefined) return 'flag';
    if (filled(sources.environment[settings[name].variable]) !== undefined) return 'variable';
    return values[name] === undefined ? null : 'file';
  };
  return {
    sourceOf,
    fileDevices: devices,
    get(name) {
      const { variable, fallback } = settings[name] as Setting;
      return sources.flags[name] ?? filled(sources.environment[variable]) ?? values[name] ?? fallback;
    },
  };
}

interface ConfigFile {
  values: Partial<Record<string, string>>;
  devices: Map<string, FileDevice>;
}

function readConfigFile({ environment, readFile }: Sources): ConfigFile {
  const path = filled(environment['THERMOLOOP_CONFIG']);
  const found: ConfigFile = { values: {}, devices: new Map() };
  if (path === undefined) return found;
  const bad: Complain = (why, cause) =>
    new ConfigError(
      'bad-config-file',
      `${path}: ${why}`,
      `It is a JSON object of ${Object.keys(settings).join(', ')}, devices.`,
      cause,
    );
  let value: unknown;
  try {
    value = JSON.parse(readFile(path));
  } catch (cause) {
    throw bad(cause instanceof SyntaxError ? 'it is not JSON' : 'it cannot be read', cause);
  }
  for (const [name, entry] of entriesOf(value, 'it', bad)) {
    if (name === 'devices') found.devices = readFileDevices(entry, bad);
    else if (!Object.hasOwn(settings, name)) throw bad(`there is no setting "${name}"`);
    else found.values[name] = textOf(entry, `"${name}"`, bad);
  }
  return found;
}

type Complain = (why: string, cause?: unknown) => ConfigError;

/** `{"chip-0": "tcp://...", "chip-1": {"url": "serial://...", "captureDir": "..."}}` */
function readFileDevices(value: unknown, bad: Complain): Map<string, FileDevice> {
  const devices = new Map<string, FileDevice>();
  for (const [id, entry] of entriesOf(value, '"devices"', bad)) {
    const what = `"devices.${id}"`;
    const device: FileDevice = { url: '', own: {} };
    const fields = typeof entry === 'string' ? [['url', entry] as const] : entriesOf(entry, what, bad);
    for (const [name, field] of fields) {
      const text = textOf(field, `"devices.${id}.${name}"`, bad);
      const own = deviceSettings.find((known) => known === name);
      if (name === 'url') device.url = text;
      else if (own !== undefined) device.own[own] = text;
      else throw bad(`${what} has no setting "${name}", only url, ${deviceSettings.join(', ')}`);
    }
    if (device.url === '') throw bad(`${what} has no url`);
    devices.set(id, device);
  }
  return devices;
}

function entriesOf(value: unknown, what: string, bad: Complain): [string, unknown][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value);
  throw bad(`${what} is not an object`);
}

function textOf(entry: unknown, what: string, bad: Complain): string {
  if (typeof entry === 'boolean') return entry ? '1' : '0';
  if (typeof entry === 'string' || typeof entry === 'number') return String(entry);
  throw bad(`${what} is neither text nor a number`);
}

/** An empty variable counts as unset: that is what compose files make of a missing one. */
function filled(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

/** @throws {ConfigError} bad-setting */
export function check(
  value: string | undefined,
  name: SettingName,
  pattern: RegExp,
  allowed: string,
): string {
  if (value !== undefined && pattern.test(value)) return value;
  throw new ConfigError(
    'bad-setting',
    `${name} is "${value ?? ''}"`,
    `Allowed: ${allowed} (${settings[name].variable}).`,
  );
}
