// A whole twin: analog core, firmware, identity and randomness, ready to be served by a port.
import { createHash, randomBytes } from 'node:crypto';
import { createTwinCore } from '../chip/index.ts';
import { createController, twinCapabilities, twinLimits } from '../firmware/index.ts';
import type { BoardClock, Controller } from '../firmware/index.ts';

const UID_BYTES = 8;

export interface TwinOptions {
  /** Largest program, in units. */
  units: number;
  /** Kernel threads; the samples do not depend on it. */
  threads: number;
  /** Relative error of the actual noise temperature, a planted miscalibration. */
  noiseTemperatureError_ratio: number;
  /** Names the device (its uid), and draws the seeds of runs that carry none; absent: another device at every start. */
  seed?: bigint;
  firmwareVersion: string;
  clock: BoardClock;
}

export interface Twin {
  readonly controller: Controller;
  /** Hexadecimal, as the host's link states it. */
  readonly uid: string;
  close(): Promise<void>;
}

/** Builds a twin and starts its kernel threads. Throws CoreError 'bad-options'. */
export async function createTwin(options: TwinOptions): Promise<Twin> {
  const { units, threads, noiseTemperatureError_ratio, clock, firmwareVersion } = options;
  const origin = options.seed === undefined ? randomBytes(16).toString('hex') : `seed ${options.seed}`;
  const uid = digest(`thermoloop twin, ${units} units, ${origin}`).subarray(0, UID_BYTES);
  const core = await createTwinCore({ units, threads, noiseTemperatureError_ratio });
  let drawn = 0n;
  const controller = createController({
    core,
    clock,
    // Never from the seed: a restarted twin must be seen as rebooted.
    random32: () => randomBytes(4).readUInt32LE(),
    drawSeed: () => digest(`${origin}, run ${(drawn += 1n)}`).readBigUInt64LE(),
    identity: { uid, firmwareVersion, firmwareGit: new Uint8Array(0), simulated: true },
    capabilities: twinCapabilities(units),
    limits: twinLimits(units),
  });
  return {
    controller,
    uid: uid.toString('hex'),
    close: () => {
      controller.close();
      return core.close();
    },
  };
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
