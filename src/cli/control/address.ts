// HOST:PORT of a control channel. It has no keys, so only addresses of this machine are taken.
import { ControlClientError } from './errors.ts';

export interface ControlAddress {
  host: string;
  port: number;
}

/** @throws {ControlClientError} bad-address, not-local */
export function controlAddress(text: string): ControlAddress {
  const match = /^(?:(?<host>\[[^\]]+\]|[^:/]+):)?(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.['port']);
  if (match === null || port < 1 || port > 65_535) {
    throw new ControlClientError('bad-address', `"${text}" is no address of a control channel`);
  }
  const host = match.groups?.['host']?.replace(/^\[|\]$/g, '') ?? '127.0.0.1';
  if (host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)) return { host, port };
  throw new ControlClientError('not-local', `${host} is not an address of this machine`);
}
