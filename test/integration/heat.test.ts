// Heat end to end: the real twin behind a memory port, the device of the service at the other end. What its sensors say
// arrives by name and at the rate asked for, and a twin that stands too hot refuses, says why, and is cleared once it is not.
import { afterEach, describe, expect, it } from 'vitest';
import { attachMemory, createTwin } from '../../firmware-sim/ports/index.ts';
import type { Twin } from '../../firmware-sim/ports/index.ts';
import { VirtualTime } from '../../src/clock/virtual-time.ts';
import { VirtualClock } from '../../src/clock/virtual-clock.ts';
import { Device, type RelaxRequest } from '../../src/device/index.ts';
import { createMemoryPair } from '../../src/transports/index.ts';
import { profileWith, type Faults } from '../support/chip-profiles.ts';
import { plainProgram } from '../support/device-facts.ts';
import { seededRandom32 } from '../support/seeded-random.ts';

const UNITS = 8;
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A twin and its device on one virtual clock, which runs as fast as the work allows. */
async function pair(thermal: Faults['thermal'], ambient_C?: number) {
  const clock = new VirtualClock({ speed: 'max' });
  const time = new VirtualTime(clock, { speed: 'max' });
  const twin: Twin = await createTwin({
    units: UNITS,
    threads: 1,
    seed: 1n,
    profile: profileWith({ thermal }),
    firmwareVersion: 'test',
    clock,
    ...(ambient_C !== undefined && { ambient_C }),
  });
  const device = new Device({
    id: 'd0',
    url: 'tcp://127.0.0.1:1',
    openPort: () => {
      const [host, far] = createMemoryPair({ clock });
      attachMemory(twin.controller, far);
      void far.open(new AbortController().signal);
      return host;
    },
    clock,
    random32: seededRandom32(1),
    hostVersion: 'test',
    telemetryPeriod_ms: 100,
  });
  ends.push(
    () => time.stop(),
    () => twin.close(),
    () => device.close(),
  );
  /** Lets virtual time pass, and holds it until the result is called. */
  const at = (time_s: number): Promise<() => void> =>
    new Promise((resolve) => clock.after(time_s * 1000 - clock.now_ms(), () => resolve(clock.hold())));
  const go = clock.hold();
  time.start();
  device.start();
  return { clock, device, at, go };
}
const request = (samples: number): RelaxRequest => ({
  program: plainProgram(UNITS),
  samples,
  duration_s: 1e-6,
  readAt_s: [1e-6],
  prepare_s: 0,
  recordSwitchOn: false,
  seed: 3n,
  step_s: 1e-8,
  noiseTemperature_ratio: 1,
});

describe('a twin with heat', () => {
  it('tells its sensors at the rate asked for, by name', async () => {
    const { device, at, go } = await pair({ conversion_s: 1e-9 });
    const stop = at(5);
    go();
    (await stop)();
    const { latest, reason, readings } = device.telemetry.status;
    expect(reason).toBeNull();
    expect(readings).toBeGreaterThanOrEqual(48);
    expect(readings).toBeLessThanOrEqual(51);
    expect(latest?.values.dieTemperature_C).toBeCloseTo(25 + 7 * 0.7, 6);
    expect(latest?.values.ambientTemperature_C).toBe(25);
    // Idle power times the time of the last reading, but for the time it takes to cross the line.
    expect(latest?.values.idleEnergy_J).toBeCloseTo(0.7 * (latest?.uptime_s ?? 0), 6);
    expect(device.capabilities).toMatchObject({ dieLimits: { derate_C: 85, trip_C: 95, clear_C: 85 } });
  });

  it('is derated in a long run: the die stays below its limit, the samples are those of a cool chip', async () => {
    // Small masses, and converters so slow that they are the work: 0.8 ms and 3.5 W for each sample.
    const small = { die_J_per_C: 0.01, board_J_per_C: 0.1, conversion_s: 1e-4 };
    const runs = [];
    for (const [ambient_C, limits] of [
      [60, { derate_C: 72, trip_C: 80 }],
      [20, { derate_C: 72, trip_C: 80 }],
    ] as const) {
      const { device, at, go, clock } = await pair({ ...small, limits }, ambient_C);
      const ready = at(1);
      go();
      const resume = await ready;
      const run = device.relax(request(2000));
      resume();
      const result = await run;
      const hold = clock.hold();
      const { at_ms, values } = device.telemetry.series({
        from_ms: 0,
        to_ms: clock.wall_ms(),
        step_ms: 5000,
        metrics: ['dieTemperature_C', 'thermalHold_s'],
      });
      hold();
      runs.push({ codes: result.codes, at_ms, values });
    }
    const [warm, cool] = runs;
    expect(warm.codes).toEqual(cool.codes);
    const temperatures_C = (warm.values.dieTemperature_C ?? []).map((value) => value ?? NaN);
    expect(Math.max(...temperatures_C)).toBeLessThanOrEqual(72.01);
    expect(warm.values.thermalHold_s?.at(-1)).toBeGreaterThan(0);
    expect(cool.values.thermalHold_s?.at(-1)).toBe(0);
  });

  it('refuses as too hot where the surroundings trip it, and is not cleared while they do', async () => {
    const { device, at, go } = await pair({ limits: { derate_C: 72, trip_C: 80 } }, 90);
    const stop = at(2);
    go();
    const resume = await stop;
    expect(device.faults).toMatchObject([{ name: 'over-temperature', severity: 'latched' }]);
    expect(device.faults[0].value).toBeCloseTo(90 + 7 * 0.7, 3);
    const outcomes = Promise.all(
      [device.relax(request(8)), device.clearFault('over-temperature')].map((work) =>
        work.then(
          () => 'done',
          (error: unknown) => error as { code: string; detail: number },
        ),
      ),
    );
    resume();
    expect(await outcomes).toMatchObject([
      { code: 'device-too-hot', detail: 501 },
      { code: 'device-too-hot', detail: 501 },
    ]);
  });
});
