// The line of one connect, and the fence said over it. With a lease no byte passes once the lease is over: a process that
// was frozen meets that before it writes, and the chip is its successor's.
import { gated, type Port } from '../transports/index.ts';
import { DeviceError } from './errors.ts';
import type { DeviceOptions } from './types.ts';

/** @throws {DeviceError} device-offline: this host may not drive it now */
export function leasedLine(options: DeviceOptions): { port: Port; fence?: bigint } {
  const { id, lease } = options;
  if (lease === undefined) return { port: options.openPort() };
  const { fence } = lease;
  if (fence === null) throw new DeviceError('device-offline', `this host has no lease of ${id}`);
  const port = gated(options.openPort(), () => lease.mayWrite(fence), `the lease of ${id} is over`);
  return { port, fence: BigInt(fence) };
}
