// Which devices a service has, and what each of them is told: `--device NAME=URL` as often as there are devices, a variable
// with all of them, or "devices" in the file, where each can have settings of its own.
import type { ExpectedBackend } from '../../device/index.ts';
import { controlAddress } from '../control/address.ts';
import { ControlClientError } from '../control/errors.ts';
import { parsePortUrl, TransportError } from '../../transports/index.ts';
import {
  check,
  ConfigError,
  settings,
  type DeviceSettingName,
  type FileDevice,
  type ServeFlags,
  type Settings,
} from './settings.ts';

export interface DeviceConfig {
  id: string;
  url: string;
  expectBackend: ExpectedBackend | null;
  /** Where the last minute before a lost link goes; null: nowhere. */
  captureDir: string | null;
  /** Control channel of the twin, HOST:PORT, to know of faults planted in it. Then the device must be a twin. */
  twinControl: string | null;
  /** How often the device is asked for its sensors. */
  telemetryPeriod_ms: number;
}

export const DEVICE_EXAMPLES = `A device is named by --device, THERMOLOOP_DEVICE or "device" in the file THERMOLOOP_CONFIG names:
  serial:///dev/serial/by-id/usb-...?baud=1000000   a chip, or a twin behind a pty, on a serial port
  tcp://127.0.0.1:7700                              a twin, ser2net or a remote chip over TCP
  replay:run.mcap                                   a recording; record+tcp://127.0.0.1:7700?capture=run.mcap makes one
Several devices have names: --device chip-0=tcp://... --device chip-1=serial://..., or "devices" in the file.
There is no default and no fallback: for a simulated chip start "thermoloop twin --tcp 127.0.0.1:7700" and use its address.`;
/** service-api section 7; they come with the parts that implement them. */
const LATER = ['twin'];
const NAME = /^[\w.-]{1,64}$/;
const NAME_RULE = 'letters, digits, dot, dash and underscore, 64 at most';

/** @throws {ConfigError} */
export function deviceConfigs(flags: ServeFlags, from: Settings): DeviceConfig[] {
  const named = namedDevices(flags, from);
  const urls = new Set<string>();
  return named.map(({ id, url, own }) => {
    if (!NAME.test(id))
      throw new ConfigError('bad-setting', `a device is called "${id}"`, `Allowed: ${NAME_RULE}.`);
    if (named.filter((other) => other.id === id).length > 1)
      throw new ConfigError('bad-device', `two devices are called ${id}`, 'Give each a name of its own.');
    if (urls.has(url))
      throw new ConfigError('bad-device', `two devices are at ${url}`, 'One device has one name.');
    urls.add(url);
    return oneDevice(
      id,
      url,
      (name) => {
        if (own[name] !== undefined) return own[name];
        if (name === 'twinControl' && named.length > 1 && from.get(name) !== undefined) throw whichTwin();
        return from.get(name);
      },
      from.get('clock') !== undefined,
    );
  });
}

interface NamedDevice {
  id: string;
  url: string;
  own: FileDevice['own'];
}

function namedDevices(flags: ServeFlags, from: Settings): NamedDevice[] {
  const words = addresses(flags, from);
  if (words === null) {
    return [...from.fileDevices].map(([id, { url, own }]) => ({ id, url, own }));
  }
  return words.map((word) => {
    const { id, url } = split(word);
    if (id === null && words.length > 1)
      throw new ConfigError(
        'bad-device',
        `${url} has no name, and there are several devices`,
        DEVICE_EXAMPLES,
      );
    const name = id ?? check(from.get('deviceId'), 'deviceId', NAME, NAME_RULE);
    return { id: name, url, own: from.fileDevices.get(name)?.own ?? {} };
  });
}

/** The words of the strongest source that names a device; null: "devices" of the file does. */
function addresses(flags: ServeFlags, from: Settings): string[] | null {
  if (flags.devices !== undefined && flags.devices.length > 0) return [...flags.devices];
  const source = from.sourceOf('device');
  const value = from.get('device');
  if (source === 'variable') return (value ?? '').split(/\s+/).filter((word) => word !== '');
  if (source === 'flag') return [value ?? ''];
  if (from.fileDevices.size > 0) {
    if (value === undefined) return null;
    throw new ConfigError(
      'bad-config-file',
      'there is "device", and there is "devices"',
      'Keep one of them.',
    );
  }
  if (value === undefined) throw new ConfigError('no-device', 'no device is set', DEVICE_EXAMPLES);
  return [value];
}

/** NAME=URL; an address alone has its colon first. */
function split(word: string): { id: string | null; url: string } {
  const [, id, url] = /^([^:=]*)=(.*)$/.exec(word) ?? [];
  return id === undefined ? { id: null, url: word } : { id, url };
}

function oneDevice(
  id: string,
  url: string,
  get: (name: DeviceSettingName) => string | undefined,
  isVirtual: boolean,
): DeviceConfig {
  const twinControl = controlChannel(get('twinControl'), 'twinControl');
  return {
    id,
    url: checkDevice(url),
    expectBackend: expectedBackend(get('expectBackend'), twinControl !== null || isVirtual),
    captureDir: get('captureDir') ?? null,
    twinControl,
    telemetryPeriod_ms: telemetryPeriod_ms(get('telemetryPeriod')),
  };
}

function checkDevice(url: string): string {
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

function whichTwin(): ConfigError {
  return new ConfigError(
    'bad-setting',
    'twinControl is set, and there are several devices',
    'It belongs to one twin: say it in the file, as "twinControl" of that device, not in THERMOLOOP_TWIN_CONTROL.',
  );
}

/** Seconds outside, as on the REST side; a device narrows it to what it allows. */
function telemetryPeriod_ms(value: string | undefined): number {
  const allowed = 'seconds from 0.01 to 60';
  const value_s = Number(check(value, 'telemetryPeriod', /^\d{1,2}(\.\d{1,3})?$/, allowed));
  if (value_s >= 0.01 && value_s <= 60) return value_s * 1000;
  throw new ConfigError(
    'bad-setting',
    `telemetryPeriod is ${value_s}`,
    `Allowed: ${allowed} (THERMOLOOP_TELEMETRY_PERIOD).`,
  );
}

/** @throws {ConfigError} */
export function controlChannel(address: string | undefined, name: 'clock' | 'twinControl'): string | null {
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
