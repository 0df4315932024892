// Faults that were planted on the way to a device or in it: whether some work met any, and whether a calibration may.
import type { RelaxDevice } from './device-port.ts';
import { JobError } from './errors.ts';

type FaultyDevice = Pick<RelaxDevice, 'id' | 'faultsActive' | 'onChange'>;

/** Whether faults were planted at any moment since it was made, also if they have been cleared again. */
export class FaultsSeen {
  readonly #device: FaultyDevice;
  readonly #stop: () => void;
  #seen: boolean;

  constructor(device: FaultyDevice) {
    this.#device = device;
    this.#seen = device.faultsActive;
    this.#stop = device.onChange(() => (this.#seen ||= device.faultsActive));
  }

  get any(): boolean {
    return this.#seen || this.#device.faultsActive;
  }

  end(): void {
    this.#stop();
  }
}

/**
 * A calibration that measures planted faults would be believed later.
 * @throws JobError faults-active
 */
export function checkFaults(seen: Pick<FaultsSeen, 'any'>, deviceId: string, forced: boolean): void {
  if (forced || !seen.any) return;
  throw new JobError('faults-active', `faults are planted on the way to device ${deviceId} or in it`);
}
