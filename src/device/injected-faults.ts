// Faults that somebody planted: in the line (a chaos+ address), or in a simulated device. The device itself does not say;
// who configured the service told it whom to ask.
import { hasPlantedFaults } from '../transports/index.ts';
import { DeviceError } from './errors.ts';
import type { DeviceIdentity, ExpectedBackend, InjectedFaults } from './types.ts';

interface Expected {
  url: string;
  expectBackend?: ExpectedBackend;
  injectedFaults?: InjectedFaults;
}

/** Whether results must say that faults were planted. What cannot be asked counts as planted. */
export function faultsActive({ url, injectedFaults }: Expected, identity: DeviceIdentity | null): boolean {
  if (hasPlantedFaults(url)) return true;
  if (injectedFaults === undefined) return false;
  const { uid, active } = injectedFaults;
  return active || uid === null || (identity !== null && identity.uid !== uid);
}

/**
 * Whether what answers may be used at all.
 * @throws {DeviceError} wrong-backend; refused: it is not the twin whose faults the service knows of
 */
export function checkIdentity({ backend, uid }: DeviceIdentity, expected: Expected): void {
  const { url, expectBackend, injectedFaults } = expected;
  if (expectBackend !== undefined && expectBackend !== backend) {
    const message = `a ${backend} answers at ${url}, but a ${expectBackend} is expected`;
    throw new DeviceError('wrong-backend', message);
  }
  const twin = injectedFaults?.uid ?? null;
  if (twin === null || twin === uid) return;
  throw new DeviceError('refused', `${uid} answers at ${url}, but the control channel is that of ${twin}`, {
    remedy:
      'Name the control channel of the twin that is the device, or leave it out (THERMOLOOP_TWIN_CONTROL).',
  });
}
