// One session with a device: the link is up, who answers is whom the operator wants, and nothing runs on the chip.
import { DeviceState, type ImageCache, type Link, type connect } from '../link/index.ts';
import { capabilitiesOf, identityOf } from './capabilities.ts';
import type { DeviceLog } from './device-log.ts';
import type { DeviceFaults } from './faults.ts';
import { checkIdentity } from './injected-faults.ts';
import { leasedLine } from './leased-line.ts';
import type { DeviceCapabilities, DeviceIdentity, DeviceOptions } from './types.ts';

export interface DeviceSession {
  link: Link;
  identity: DeviceIdentity;
  capabilities: DeviceCapabilities;
}

/** What of a Device outlives its sessions. */
export interface SessionSurroundings {
  clientId: number;
  images: ImageCache;
  log: DeviceLog;
  faults: DeviceFaults;
  /** Told who answers, also of one that is then refused. */
  identified: (identity: DeviceIdentity) => void;
  signal: AbortSignal;
}

/** Rejects with LinkError, or with what checkIdentity has against who answers; the link is closed then. */
export async function openSession(
  options: DeviceOptions,
  connectLink: typeof connect,
  { clientId, images, log, faults, identified, signal }: SessionSurroundings,
): Promise<DeviceSession> {
  const { clock, hostVersion } = options;
  const link = await connectLink({
    ...leasedLine(options),
    clock,
    random32: () => options.random32(),
    clientId,
    hostVersion,
    images,
    signal,
    onLog: (line) => log.line('info', 'device log', { level: line.level, text: line.text }),
  });
  try {
    const identity = identityOf(link.identity);
    identified(identity);
    checkIdentity(identity, options);
    const capabilities = capabilitiesOf(await link.capabilities(), link.identity.limits);
    // A run of a session that is gone would keep the device busy, and drive the chip for nobody.
    const status = await link.status();
    if (status.state === DeviceState.RUNNING) await link.stop();
    faults.attach(link, status.fault);
    return { link, identity, capabilities };
  } catch (error) {
    await link.close();
    throw error;
  }
}
