// Loads through the serial transport: a pty by socat, the device's TCP port behind it, no limited line.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/clock/clock.ts';
import { connect } from '../../src/link/index.ts';
import { openPort } from '../../src/transports/index.ts';
import { seededRandom32 } from '../../test/support/seeded-random.ts';
import type { DeviceConfig, DeviceReady } from './device.ts';
import { randomImage } from './images.ts';
import { pause } from './limited-link.ts';
import { LINES } from './lines.ts';
import { HelperProcess, sharedNow_ms } from './processes.ts';

export const hasSocat = (): boolean => spawnSync('socat', ['-V']).status === 0;

/** Image bytes per second of whole loads, from the call to STAGED, one value per load. */
export async function ptyRates_Bps(options: {
  units: number;
  loads: number;
  seed: number;
}): Promise<number[]> {
  const { units, loads, seed } = options;
  const config: DeviceConfig = { limits: LINES.highSpeed.limits, seed };
  const device = await HelperProcess.start<DeviceReady>('device.ts', config);
  const folder = mkdtempSync(join(tmpdir(), 'thermoloop-bench-'));
  const path = join(folder, 'line');
  const ends = [`pty,raw,echo=0,link=${path}`, `tcp:127.0.0.1:${device.ready.port},nodelay`];
  const socat = spawn('socat', ['-b', '65536', ...ends], { stdio: 'ignore' });
  try {
    while (!existsSync(path)) await pause(0);
    const link = await connect({
      port: openPort(`serial://${path}`),
      clock: systemClock,
      random32: seededRandom32(seed),
      clientId: seed,
      hostVersion: 'bench',
    });
    const rates: number[] = [];
    for (let k = 0; k < loads; k += 1) {
      const image = randomImage(units, seed * 10_000 + 9_000 + k);
      const start_ms = sharedNow_ms();
      await link.load(image, { kind: 'program', units });
      rates.push((image.length / (sharedNow_ms() - start_ms)) * 1000);
    }
    await link.close();
    return rates;
  } finally {
    socat.kill('SIGKILL');
    await device.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
