// The public face of the transports: a URL in, a closed Port out. Nothing is touched before open().
import { systemClock } from '../clock/clock.ts';
import type { Clock } from '../clock/clock.ts';
import { ChaosPort } from './chaos/chaos-port.ts';
import { OPEN_TIMEOUT_MS } from './open-attempt.ts';
import type { Port } from './port.ts';
import { SerialPort } from './serial/serial-port.ts';
import { TcpPort } from './tcp/tcp-port.ts';
import { parsePortUrl, type PlainAddress } from './url.ts';

export { ChaosPort } from './chaos/chaos-port.ts';
export type { ChaosOptions } from './chaos/chaos-port.ts';
export type { ChaosFaults, LaneFaults } from './chaos/faults.ts';
export { createMemoryPair } from './memory/memory-port.ts';
export type { MemoryPairOptions } from './memory/memory-port.ts';
export { TransportError } from './port.ts';
export type { Port, PortCloseReason, TransportErrorCode } from './port.ts';
export { parsePortUrl, PORT_URL_EXAMPLES } from './url.ts';
export type { PortAddress } from './url.ts';

/**
 * A closed port for `serial:///dev/...?baud=115200[&lowLatency=1]` or `tcp://host:port`, either of them behind
 * `chaos+` with `faults=` and `seed=`. A Port is opened once; make a new one for every connection.
 * Throws TransportError `bad-url` or `unsupported-scheme`.
 */
export function openPort(url: string, options: { clock?: Clock; openTimeout_ms?: number } = {}): Port {
  const { clock = systemClock, openTimeout_ms = OPEN_TIMEOUT_MS } = options;
  const address = parsePortUrl(url);
  if (address.kind !== 'chaos') return plainPort(address, clock, openTimeout_ms);
  const { inner, faults, seed } = address;
  return new ChaosPort(plainPort(inner, clock, openTimeout_ms), { faults, seed, clock });
}

function plainPort(address: PlainAddress, clock: Clock, openTimeout_ms: number): Port {
  switch (address.kind) {
    case 'serial':
      return new SerialPort({ ...address, clock, openTimeout_ms });
    case 'tcp':
      return new TcpPort({ ...address, clock, openTimeout_ms });
  }
}

/** Whether an address plants faults into its line: what its device does then is no measure of the device. */
export function hasPlantedFaults(url: string): boolean {
  return /^chaos\+/i.test(url);
}
