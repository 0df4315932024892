// A device that is connected to a real twin in this process, with a chip profile: for procedures, end to end.
import type { loadProfile } from '../../firmware-sim/chip/index.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { Device } from '../../src/device/index.ts';
import { startMemoryTwin } from './memory-twin.ts';
import { seededRandom32 } from './seeded-random.ts';

export type ChipProfile = Awaited<ReturnType<typeof loadProfile>>;

export interface ConnectedTwin {
  readonly device: Device;
  close(): Promise<void>;
}

/** Resolves once the device is ready. Without a profile the chip is ideal. */
export async function connectTwin(options: { units: number; profile?: ChipProfile }): Promise<ConnectedTwin> {
  const twin = await startMemoryTwin(options);
  const device = new Device({
    id: 'twin',
    url: 'memory:',
    openPort: () => twin.openPort(),
    clock: systemClock,
    random32: seededRandom32(5),
    hostVersion: 'test',
  });
  device.start();
  await device.whenReady(10_000);
  return {
    device,
    async close() {
      await device.close();
      await twin.close();
    },
  };
}
