// A whole twin: analog core, firmware, identity and randomness, ready to be served by a port.
import { createHash, randomBytes } from 'node:crypto';
import { createTwinCore, dynamicsName, IDEAL_PROFILE, profileDigest } from '../chip/index.ts';
import type { ChipProfile, CoreDynamics } from '../chip/index.ts';
import { ThermalModel } from '../chip/thermal/index.ts';
import { Surroundings } from './surroundings.ts';
import { CoreFaultEffects, FaultRegistry, SensorFaultEffects } from '../faults/index.ts';
import { createController, SENSOR_UNITS, twinCapabilities, twinLimits } from '../firmware/index.ts';
import type { BoardClock, Controller } from '../firmware/index.ts';
import { withFaultLine } from './fault-line.ts';

const UID_BYTES = 8;
/** What DeviceHello has room for. */
const VERSION_MAX = 31;
const DIGEST_SHOWN = 8;

export interface TwinOptions {
  /** Largest program, in units. */
  units: number;
  /** Kernel threads; the samples do not depend on it. */
  threads: number;
  /** Relative error of the actual noise temperature, a planted miscalibration; overrides that of the profile. */
  noiseTemperatureError_ratio?: number;
  /** What differs from an ideal chip; absent: nothing. */
  profile?: ChipProfile;
  /** Names the device (its uid), and draws the seeds of runs that carry none; absent: another device at every start. */
  seed?: bigint;
  firmwareVersion: string;
  /** How the units move; absent: as the profile says. Part of the identity, and named in the firmware's version. */
  dynamics?: CoreDynamics;
  /** Constant temperature of the surroundings, degrees Celsius; overrides that of the profile. No part of the identity. */
  ambient_C?: number;
  clock: BoardClock;
}

export interface Twin {
  readonly controller: Controller;
  /** Hexadecimal, as the host's link states it. */
  readonly uid: string;
  /** Name and SHA-256 (hexadecimal) of the profile it was built with. */
  readonly profile: { readonly name: string; readonly digest: string };
  /** Faults on demand: planted here, they strike at once. */
  readonly faults: FaultRegistry;
  /** What the chip stands in; may become another while it runs. */
  readonly surroundings: Surroundings;
  close(): Promise<void>;
}

/** Builds a twin and starts its kernel threads. Throws CoreError 'bad-options'. */
export async function createTwin(options: TwinOptions): Promise<Twin> {
  const { units, threads, noiseTemperatureError_ratio, clock, firmwareVersion } = options;
  const profile = options.profile ?? IDEAL_PROFILE;
  const identity = { name: profile.name, digest: profileDigest(profile) };
  // A chip of another kind is another device, whatever its seed; the ideal one keeps the name it always had.
  const ideal = identity.digest === profileDigest(IDEAL_PROFILE);
  const dynamics = options.dynamics ?? profile.dynamics;
  const cell = dynamics.kind === 'overdamped' ? '' : `, ${JSON.stringify(dynamics)}`;
  const kind = (ideal ? '' : `, profile ${identity.digest}`) + cell;
  const build = [
    ...(cell === '' ? [] : [dynamicsName(dynamics)]),
    ...(ideal ? [] : [profile.name, identity.digest.slice(0, DIGEST_SHOWN)]),
  ];
  const version = [firmwareVersion, ...(build.length > 0 ? [build.join('.')] : [])]
    .join('+')
    .slice(0, VERSION_MAX);
  const origin = options.seed === undefined ? randomBytes(16).toString('hex') : `seed ${options.seed}`;
  const uid = digest(`thermoloop twin, ${units} units, ${origin}${kind}`).subarray(0, UID_BYTES);
  const started_ms = clock.now_ms();
  const deviceTime_s = (): number => (clock.now_ms() - started_ms) / 1000;
  const faults = new FaultRegistry({
    now_s: deviceTime_s,
    after: (delay_s, callback) => clock.after(delay_s * 1000, callback),
    limits: { units, sensors: SENSOR_UNITS },
  });
  const thermal = new ThermalModel(thermalOf(profile, options.ambient_C), started_ms / 1000);
  const core = await createTwinCore({
    units,
    threads,
    noiseTemperatureError_ratio,
    profile,
    dynamics,
    deviceTime_s,
    dieTemperature_C: () => thermal.read(clock.now_ms() / 1000).die_C,
    faults: new CoreFaultEffects(faults),
  });
  let drawn = 0n;
  const controller = createController({
    core,
    clock,
    // Never from the seed: a restarted twin must be seen as rebooted.
    random32: () => randomBytes(4).readUInt32LE(),
    drawSeed: () => digest(`${origin}, run ${(drawn += 1n)}`).readBigUInt64LE(),
    identity: { uid, firmwareVersion: version, firmwareGit: new Uint8Array(0), simulated: true },
    capabilities: twinCapabilities(units, thermal.parameters),
    limits: twinLimits(units),
    thermal,
    sensorFaults: new SensorFaultEffects(faults),
  });
  return {
    controller: withFaultLine(controller, faults, clock),
    uid: uid.toString('hex'),
    profile: identity,
    faults,
    surroundings: new Surroundings(thermal, clock),
    close: () => {
      faults.close();
      controller.close();
      return core.close();
    },
  };
}

function thermalOf({ thermal }: ChipProfile, ambient_C: number | undefined): ChipProfile['thermal'] {
  if (ambient_C === undefined) return thermal;
  return { ...thermal, ambient: { kind: 'constant', temperature_C: ambient_C } };
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
