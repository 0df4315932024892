// The real twin in this process, behind memory ports: firmware and integer core as they ship, without an operating
// system between host and device.
import { createTwinCore } from '../../firmware-sim/chip/index.ts';
import { createController, twinCapabilities, twinLimits } from '../../firmware-sim/firmware/index.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { createMemoryPair, type Port } from '../../src/transports/index.ts';
import { seededRandom32 } from './seeded-random.ts';

export interface MemoryTwin {
  /** A fresh cable to the device. */
  openPort(): Port;
  /** Pulls the cable that was opened last. */
  unplug(): Promise<void>;
  close(): Promise<void>;
}

export async function startMemoryTwin(options: {
  units: number;
  noiseTemperatureError_ratio?: number;
  simulated?: boolean;
}): Promise<MemoryTwin> {
  const { units, noiseTemperatureError_ratio = 0, simulated = true } = options;
  const core = await createTwinCore({ units, threads: 1, noiseTemperatureError_ratio });
  const random32 = seededRandom32(99);
  const controller = createController({
    core,
    clock: systemClock,
    random32,
    drawSeed: () => BigInt(random32()),
    identity: {
      uid: Uint8Array.of(1, 2, 3, 4),
      firmwareVersion: 'test',
      firmwareGit: new Uint8Array(0),
      simulated,
    },
    capabilities: twinCapabilities(units),
    limits: twinLimits(units),
  });
  let plugged: Port | null = null;
  return {
    openPort() {
      const [host, device] = createMemoryPair({ seed: 1, maxPieceBytes: 5000 });
      const attachment = controller.attach({
        write: (bytes) => device.write(bytes),
        end: () => void device.close(),
      });
      device.onData((bytes) => attachment.receive(bytes));
      device.onDrain(() => attachment.drained());
      device.onClosed(() => attachment.detach());
      void device.open(new AbortController().signal);
      plugged = device;
      return host;
    },
    async unplug() {
      await plugged?.close();
    },
    async close() {
      controller.close();
      await core.close();
    },
  };
}
