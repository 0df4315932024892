// Device addresses: `serial:///dev/...?baud=`, `tcp://host:port`, either behind `chaos+`, all of them behind `record+`,
// and `replay:FILE`. Everything a person can get wrong here is an error that shows how it is done right.
import { CHAOS_EXAMPLE, parseFaults, type ChaosFaults } from './chaos/faults.ts';
import { TransportError } from './port.ts';

export type PlainAddress =
  | { kind: 'serial'; path: string; baud: number; lowLatency: boolean }
  | { kind: 'tcp'; host: string; port: number };
export type LineAddress = PlainAddress | ChaosAddress;
export type PortAddress = LineAddress | RecordAddress | ReplayAddress;

/** A line that fails on purpose, around another one. */
export interface ChaosAddress {
  kind: 'chaos';
  inner: PlainAddress;
  faults: ChaosFaults;
  seed: number;
}

/** A line of which everything that passes is kept. */
export interface RecordAddress {
  kind: 'record';
  inner: LineAddress;
  file: string;
}

/** A capture in the place of a device. */
export interface ReplayAddress {
  kind: 'replay';
  file: string;
  speed: 'full' | 'recorded';
  /** How long the host may do nothing when it is its turn; absent: for ever. */
  patience_s?: number;
}

export const RECORD_EXAMPLE = 'record+tcp://127.0.0.1:7070?capture=run.mcap';
export const REPLAY_EXAMPLE = 'replay:run.mcap?speed=full&patience=10';
export const PORT_URL_EXAMPLES =
  'serial:///dev/serial/by-id/usb-thermoloop-if00?baud=921600 or tcp://127.0.0.1:7070';
const DEFAULT_BAUD = 115_200;
const MAX_BAUD = 12_000_000;

/** Throws TransportError `bad-url` or `unsupported-scheme`; the remedy holds examples. */
export function parsePortUrl(text: string): PortAddress {
  if (/^replay:/i.test(text)) return replayAddress(text);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) throw badUrl(text, 'it has no scheme');
  if (scheme.startsWith('record+')) return recordAddress(text);
  if (scheme.startsWith('chaos+')) return chaosAddress(text);
  if (scheme !== 'serial' && scheme !== 'tcp') {
    throw new TransportError('unsupported-scheme', `no transport for ${scheme}:// in ${text}`, {
      remedy: `Use serial:// or tcp://, with chaos+ before it for planted faults and record+ before all, or replay:FILE; for instance ${PORT_URL_EXAMPLES}.`,
      retryable: false,
    });
  }
  const url = URL.parse(text);
  if (url === null) throw badUrl(text, 'it cannot be read as a URL');
  if (url.username !== '' || url.password !== '') {
    throw badUrl(text.replace(/\/\/.*@/, '//***@'), 'ports take no user and password');
  }
  return scheme === 'serial' ? serialAddress(text, url) : tcpAddress(text, url);
}

/** Takes `faults` and `seed` out of the query; what is left is the address of the line inside. */
function chaosAddress(text: string): ChaosAddress {
  const { own, rest } = withoutSettings(text, 'chaos+', ['faults', 'seed']);
  const inner = parsePortUrl(rest);
  if (inner.kind === 'record') throw badUrl(text, 'record+ stands first: a capture holds what the host sees');
  if (inner.kind !== 'serial' && inner.kind !== 'tcp')
    throw badUrl(text, 'chaos+ stands once, before a line');
  const faults = own.get('faults');
  if (faults === undefined) throw badUrl(text, `it names no faults; for instance ${CHAOS_EXAMPLE}`);
  const seed = integerWithin(own.get('seed') ?? '0', 0, 999_999_999);
  if (seed === null) throw badUrl(text, 'seed is a whole number from 0 to 999999999');
  return { kind: 'chaos', inner, faults: parseFaults(decoded(text, faults)), seed };
}

/** Takes `capture` out of the query. */
function recordAddress(text: string): RecordAddress {
  const { own, rest } = withoutSettings(text, 'record+', ['capture']);
  const inner = parsePortUrl(rest);
  if (inner.kind === 'record' || inner.kind === 'replay')
    throw badUrl(text, 'record+ stands once, before a line');
  const file = decoded(text, own.get('capture') ?? '');
  if (file === '') throw badUrl(text, `it names no file; for instance ${RECORD_EXAMPLE}`);
  return { kind: 'record', inner, file };
}

function replayAddress(text: string): ReplayAddress {
  const { own, rest } = withoutSettings(text, 'replay:', ['speed', 'patience']);
  const example = `for instance ${REPLAY_EXAMPLE}`;
  const [path, ...others] = rest.split('?');
  if (others.length > 0) throw badUrl(text, `there is no setting "${others.join('?')}"; ${example}`);
  const file = decoded(text, path);
  if (file === '') throw badUrl(text, `it names no file; ${example}`);
  const speed = own.get('speed') ?? 'full';
  if (speed !== 'full' && speed !== 'recorded') throw badUrl(text, 'speed is full or recorded');
  const patience = own.get('patience');
  if (patience === undefined) return { kind: 'replay', file, speed };
  const patience_s = integerWithin(patience, 1, 86_400);
  if (patience_s === null) throw badUrl(text, 'patience is whole seconds from 1 to 86400');
  return { kind: 'replay', file, speed, patience_s };
}

/** The settings of a wrapper, and the address without them and without the wrapper's name. */
function withoutSettings(
  text: string,
  prefix: string,
  names: string[],
): { own: Map<string, string>; rest: string } {
  const [address, query = ''] = text.slice(prefix.length).split(/\?(.*)/s);
  const others: string[] = [];
  const own = new Map<string, string>();
  for (const part of query.split('&').filter((word) => word !== '')) {
    const [, key, value] = /^([^=]*)=(.*)$/s.exec(part) ?? [];
    if (key === undefined || !names.includes(key)) others.push(part);
    else if (own.has(key)) throw badUrl(text, `${key} is given twice`);
    else own.set(key, value);
  }
  return { own, rest: others.length === 0 ? address : `${address}?${others.join('&')}` };
}

function decoded(text: string, value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw badUrl(text, 'it has a broken %-escape');
  }
}

function serialAddress(text: string, url: URL): PortAddress {
  if (url.host !== '') throw badUrl(text, 'a serial path starts after three slashes');
  let path: string;
  try {
    path = decodeURIComponent(url.pathname);
  } catch {
    throw badUrl(text, 'its path has a broken %-escape');
  }
  if (path === '' || path === '/') throw badUrl(text, 'it names no serial line');
  const query = queryOf(text, url, ['baud', 'lowLatency']);
  const baud = integerWithin(query.get('baud') ?? String(DEFAULT_BAUD), 1, MAX_BAUD);
  if (baud === null) throw badUrl(text, `baud is a whole number from 1 to ${MAX_BAUD}`);
  const low = query.get('lowLatency') ?? '0';
  if (low !== '0' && low !== '1') throw badUrl(text, 'lowLatency is 0 or 1');
  return { kind: 'serial', path, baud, lowLatency: low === '1' };
}

function tcpAddress(text: string, url: URL): PortAddress {
  queryOf(text, url, []);
  if (url.hostname === '') throw badUrl(text, 'it names no host');
  if (url.pathname !== '' && url.pathname !== '/') throw badUrl(text, 'nothing may follow the port number');
  const port = integerWithin(url.port, 1, 65_535);
  if (port === null) throw badUrl(text, 'it needs a port number from 1 to 65535');
  return { kind: 'tcp', host: url.hostname.replace(/^\[|\]$/g, ''), port };
}

function queryOf(text: string, url: URL, known: string[]): URLSearchParams {
  if (url.hash !== '') throw badUrl(text, 'it has a # part');
  for (const key of url.searchParams.keys()) {
    if (!known.includes(key)) throw badUrl(text, `there is no setting "${key}"`);
  }
  return url.searchParams;
}

function integerWithin(text: string, min: number, max: number): number | null {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  return value >= min && value <= max ? value : null;
}

function badUrl(text: string, why: string): TransportError {
  return new TransportError('bad-url', `${text} is no device address: ${why}`, {
    remedy: `Write it like ${PORT_URL_EXAMPLES}.`,
    retryable: false,
  });
}
