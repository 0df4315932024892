// When it is worth opening an address again before the back-off has passed: the path of a serial line tells, others cannot.
import { TransportError } from './port.ts';
import { PathWatch, type PathWatchOptions, type ReturnWatch } from './serial/return-watch.ts';
import { parsePortUrl, type PortAddress } from './url.ts';

/**
 * Calls back whenever the path of a `serial://` address appears or comes to lead elsewhere, also behind `chaos+` and
 * `record+`, until close(). Of all other addresses nothing is ever told, nor of one that cannot be read: opening it
 * says what is wrong.
 */
export function watchForReturn(
  url: string,
  callback: () => void,
  options: PathWatchOptions = {},
): ReturnWatch {
  const path = serialPathOf(url);
  return path === null ? { close: () => undefined } : new PathWatch(path, callback, options);
}

function serialPathOf(url: string): string | null {
  let address: PortAddress;
  try {
    address = parsePortUrl(url);
  } catch (error) {
    if (error instanceof TransportError) return null;
    throw error;
  }
  while (address.kind === 'record' || address.kind === 'chaos') address = address.inner;
  return address.kind === 'serial' ? address.path : null;
}
