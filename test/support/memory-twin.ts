// The real twin in this process, behind memory ports: firmware and integer core as they ship, without an operating
// system between host and device.
import { attachMemory, createTwin, type TwinOptions } from '../../firmware-sim/ports/index.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { createMemoryPair, type Port } from '../../src/transports/index.ts';

export interface MemoryTwin {
  readonly uid: string;
  /** A fresh cable to the device. */
  openPort(): Port;
  /** Pulls the cable that was opened last. */
  unplug(): Promise<void>;
  close(): Promise<void>;
}

export async function startMemoryTwin(options: {
  units: number;
  noiseTemperatureError_ratio?: number;
  profile?: TwinOptions['profile'];
}): Promise<MemoryTwin> {
  const twin = await createTwin({
    // Of an ideal chip; a profile says it itself.
    noiseTemperatureError_ratio: options.profile === undefined ? 0 : undefined,
    threads: 1,
    seed: 1n,
    firmwareVersion: 'test',
    clock: systemClock,
    ...options,
  });
  let plugged: Port | null = null;
  return {
    uid: twin.uid,
    openPort() {
      const [host, device] = createMemoryPair({ seed: 1, maxPieceBytes: 5000 });
      attachMemory(twin.controller, device);
      void device.open(new AbortController().signal);
      plugged = device;
      return host;
    },
    async unplug() {
      await plugged?.close();
    },
    close: () => twin.close(),
  };
}
