// Device addresses: `serial:///dev/...?baud=`, `tcp://host:port`, either behind `chaos+`. Everything a person can get wrong here is an error
// that shows how it is done right.
import { CHAOS_EXAMPLE, parseFaults, type ChaosFaults } from './chaos/faults.ts';
import { TransportError } from './port.ts';

export type PlainAddress =
  | { kind: 'serial'; path: string; baud: number; lowLatency: boolean }
  | { kind: 'tcp'; host: string; port: number };
export type PortAddress = PlainAddress | ChaosAddress;

/** A line that fails on purpose, around another one. */
export interface ChaosAddress {
  kind: 'chaos';
  inner: PlainAddress;
  faults: ChaosFaults;
  seed: number;
}

export const PORT_URL_EXAMPLES =
  'serial:///dev/serial/by-id/usb-thermoloop-if00?baud=921600 or tcp://127.0.0.1:7070';
const DEFAULT_BAUD = 115_200;
const MAX_BAUD = 12_000_000;

/** Throws TransportError `bad-url` or `unsupported-scheme`; the remedy holds examples. */
export function parsePortUrl(text: string): PortAddress {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) throw badUrl(text, 'it has no scheme');
  if (scheme.startsWith('chaos+')) return chaosAddress(text);
  if (scheme !== 'serial' && scheme !== 'tcp') {
    throw new TransportError('unsupported-scheme', `no transport for ${scheme}:// in ${text}`, {
      remedy: `Use serial:// or tcp://, with chaos+ before it for planted faults, for instance ${PORT_URL_EXAMPLES}.`,
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
  const [address, query = ''] = text.slice('chaos+'.length).split(/\?(.*)/s);
  const rest: string[] = [];
  const own = new Map<string, string>();
  for (const part of query.split('&').filter((word) => word !== '')) {
    const [, key, value] = /^(faults|seed)=(.*)$/s.exec(part) ?? [];
    if (key === undefined) rest.push(part);
    else if (own.has(key)) throw badUrl(text, `${key} is given twice`);
    else own.set(key, value);
  }
  const inner = parsePortUrl(rest.length === 0 ? address : `${address}?${rest.join('&')}`);
  if (inner.kind === 'chaos') throw badUrl(text, 'chaos+ stands once');
  const faults = own.get('faults');
  if (faults === undefined) throw badUrl(text, `it names no faults; for instance ${CHAOS_EXAMPLE}`);
  const seed = integerWithin(own.get('seed') ?? '0', 0, 999_999_999);
  if (seed === null) throw badUrl(text, 'seed is a whole number from 0 to 999999999');
  return { kind: 'chaos', inner, faults: parseFaults(decoded(text, faults)), seed };
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
