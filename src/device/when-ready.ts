// Waiting for a device that is being connected.
import { sleep, type Clock } from '../clock/clock.ts';
import type { DeviceStateName } from './types.ts';

interface Changing {
  readonly state: DeviceStateName;
  onChange(callback: () => void): () => void;
}

/** Resolves when an operation could start or runs; rejects with `notReady()` when refused or closed, or after the time. */
export async function whenReady(
  device: Changing,
  clock: Clock,
  timeout_ms: number,
  notReady: () => Error,
): Promise<void> {
  const giveUp = new AbortController();
  const timeout = sleep(clock, timeout_ms, giveUp.signal).then(() => {
    throw notReady();
  });
  let unsubscribe = (): void => undefined;
  const change = new Promise<void>((resolve, reject) => {
    const check = (): void => {
      if (device.state === 'ready' || device.state === 'running') resolve();
      if (device.state === 'refused' || device.state === 'closed') reject(notReady());
    };
    unsubscribe = device.onChange(check);
    check();
  });
  try {
    await Promise.race([change, timeout]);
  } finally {
    unsubscribe();
    timeout.catch(() => undefined);
    giveUp.abort();
  }
}
