// The surroundings of a chip become too warm for the work that waits for it, on a board that does not hold back by itself until
// it trips. With pacing the die stays below its limit, work is done in parts or held, and all of it is done in the end; without,
// the firmware trips, jobs end with that cause, and none is lost. Service, link, firmware and chip on one virtual clock.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { attachMemory, createTwin } from '../../firmware-sim/ports/index.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { VirtualClock } from '../../src/clock/virtual-clock.ts';
import { VirtualTime } from '../../src/clock/virtual-time.ts';
import { Device } from '../../src/device/index.ts';
import { createJobRunner, type JobResult, type JobView } from '../../src/jobs/index.ts';
import { emptyModel } from '../../src/physics/index.ts';
import { encodeModelContent, openStore, type JobHold } from '../../src/store/index.ts';
import { createMemoryPair } from '../../src/transports/index.ts';
import { profileWith } from '../support/chip-profiles.ts';
import { seededRandom32 } from '../support/seeded-random.ts';

const UNITS = 8;
/** At work 3.5 W and 24.5 degrees above the surroundings, at rest 4.9; 1.6 ms for a sample of two reads. */
const THERMAL = {
  die_J_per_C: 0.25,
  dieToBoard_C_per_W: 4,
  board_J_per_C: 10,
  boardToAmbient_C_per_W: 3,
  conversion_s: 1e-4,
  // A board that knows nothing between all is well and the end.
  limits: { derate_C: 85, trip_C: 85, hysteresis_C: 10 },
};
const TRIP_C = 85;
const COOL_C = 30;
const WARM_C = 76;
const RISE_S = 150;
const STAY_S = 400;
const SHORT = 600;
const LONG = 15_000;
const LIMIT = { timeout: 180_000 };
const WAIT_MS = 120_000;

const table: string[] = [];
const ends: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
afterAll(() => void process.stdout.write(`${table.join('\n')}\n`));

interface Script {
  pacing: boolean;
  warm_C?: number;
  /** Jobs, and when they come: at the beginning, or when it is as warm as it gets. */
  jobs?: number;
  when?: 'before' | 'warm';
}

async function script({ pacing, warm_C = WARM_C, jobs: count = 6, when = 'before' }: Script) {
  const dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-hot-'));
  ends.push(() => rmSync(dataDir, { recursive: true }));
  const clock = new VirtualClock({ speed: 'max' });
  const time = new VirtualTime(clock, { speed: 'max' });
  const profile = profileWith({
    thermal: { ...THERMAL, ambient: { kind: 'constant', temperature_C: COOL_C } },
  });
  const twin = await createTwin({
    units: UNITS,
    threads: 1,
    seed: 1n,
    profile,
    firmwareVersion: 'test',
    clock,
  });
  const device = new Device({
    id: 'chip-0',
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
    telemetryPeriod_ms: 200,
  });
  const store = await openStore({ dataDir, clock: systemClock });
  const runner = createJobRunner<Device>({
    store,
    devices: new Map([['chip-0', device]]),
    clock: systemClock,
    deviceClock: clock,
    pacing,
  });
  ends.push(
    () => store.close(),
    () => time.stop(),
    () => twin.close(),
    () => device.close(),
    () => runner.close(),
  );
  let peak_C = -Infinity;
  const holds: JobHold[] = [];
  device.telemetry.onReading(() => {
    peak_C = Math.max(peak_C, device.telemetry.status.latest?.values.dieTemperature_C ?? -Infinity);
  });
  runner.onEvent((event) => {
    if (event.type === 'job.state' && event.job.hold?.reason === 'thermal') holds.push(event.job.hold);
  });
  const bytes = encodeModelContent(emptyModel(UNITS));
  const model = await store.blobs.put(bytes);
  const row = { digest: model, blob: model, units: UNITS, bytes: bytes.length, name: null, keyId: null };
  await store.models.add({ ...row, metadata: {} });
  const submit = (count: number): Promise<JobView> =>
    runner.submit({
      mode: 'relax',
      model,
      device: { id: 'chip-0' },
      relax: { duration_s: 1e-7, initial: { kind: 'thermal', prepare_s: 0 } },
      samples: { count },
      seed: 7,
    });
  const ended = ({ id }: JobView): Promise<JobView> => runner.waitForEnd(id, WAIT_MS);

  time.start();
  device.start();
  await device.whenReady(WAIT_MS);
  await runner.start();
  // What the die does is learned from short work that is none of its troubles.
  for (let k = 0; k < 6; k++) await ended(await submit(SHORT));
  const alone = peak_C;

  const go = clock.hold();
  const from_ms = clock.now_ms();
  const surroundings = (): void => {
    const at_s = (clock.now_ms() - from_ms) / 1000;
    const left_s = RISE_S + STAY_S + RISE_S - at_s;
    const share = Math.max(0, Math.min(at_s / RISE_S, 1, left_s / RISE_S));
    profile.thermal.ambient = { kind: 'constant', temperature_C: COOL_C + share * (warm_C - COOL_C) };
    if (left_s > 0) clock.after(500, surroundings);
  };
  surroundings();
  let run = go;
  if (when === 'warm') {
    const arrived = new Promise<() => void>((resolve) => {
      clock.after((RISE_S + 100) * 1000, () => resolve(clock.hold()));
    });
    go();
    run = await arrived;
  }
  const waiting = await Promise.all(Array.from({ length: count }, () => submit(LONG)));
  run();
  const jobs = await Promise.all(waiting.map(ended));
  const faults = device.faults.map(({ name }) => name);
  return {
    device,
    clock,
    store,
    submit,
    ended,
    jobs,
    peak_C: () => peak_C,
    alone,
    holds,
    faults,
  };
}

const resultOf = (job: JobView): JobResult => job.result as unknown as JobResult;

describe('surroundings that become too warm', () => {
  it('are met by pacing: the die stays below its limit, and all work is done', LIMIT, async () => {
    const { jobs, peak_C, alone, holds, faults, store } = await script({ pacing: true });
    const parts = jobs.map((job) => resultOf(job)?.pacing?.batches.length ?? 1);
    const paused_s = jobs.reduce((sum, job) => sum + (resultOf(job)?.pacing?.paused_s ?? 0), 0);
    table.push(
      'thermal runaway: surroundings from 30 to 76 C and back; limit 85 C, at which the firmware trips',
      `  pacing on    peak ${peak_C().toFixed(1)} C (${alone.toFixed(1)} C before), jobs ${jobs.map(({ state }) => state).join(' ')}, ` +
        `parts ${parts.join(' ')}, paused ${paused_s.toFixed(0)} s of device time, held ${holds.length} times`,
    );
    expect(jobs.map(({ state, cause }) => [state, cause])).toEqual(Array(6).fill(['succeeded', null]));
    expect(faults).toEqual([]);
    expect(peak_C()).toBeLessThan(TRIP_C - 0.5);
    // It was worth the trouble: without end the work would have taken it to 100 C, and it was near its limit.
    expect(peak_C()).toBeGreaterThan(TRIP_C - 6);
    expect(Math.max(...parts)).toBeGreaterThan(2);
    expect(paused_s + holds.length).toBeGreaterThan(0);
    for (const job of jobs) {
      const { samples, pacing } = resultOf(job);
      expect(samples.shape).toEqual([LONG, 2, UNITS]);
      if (pacing !== undefined) expect(pacing.batches.reduce((sum, b) => sum + b.samples, 0)).toBe(LONG);
      expect(await store.heat.ofJob(job.id)).toMatchObject([{ ended: 'succeeded', energyReason: null }]);
    }
  });

  it('hold work that has no room at all until they have cooled, and say so', LIMIT, async () => {
    const { jobs, peak_C, holds, faults } = await script({ pacing: true, warm_C: 79, jobs: 2, when: 'warm' });
    table.push(
      `  no room      peak ${peak_C().toFixed(1)} C, held ${holds.length} times: ${holds[0]?.detail}`,
    );
    expect(holds.length).toBeGreaterThanOrEqual(2);
    expect(holds[0]).toMatchObject({ reason: 'thermal', until_ms: null });
    expect(holds[0].detail).toMatch(
      /the die is at 83\.\d C.*below 83\.0 C, and the surroundings are too warm/,
    );
    expect(jobs.map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
    expect(faults).toEqual([]);
    expect(peak_C()).toBeLessThan(TRIP_C - 0.5);
  });

  it(
    'trip the firmware without it: the cause is said, no job is lost, and work goes on when it has cooled',
    LIMIT,
    async () => {
      const { jobs, peak_C, faults, device, clock, submit, ended, store } = await script({ pacing: false });
      table.push(
        `  pacing off   peak ${peak_C().toFixed(1)} C, jobs ${jobs.map(({ state, cause }) => cause ?? state).join(' ')}`,
      );
      expect(peak_C()).toBeGreaterThanOrEqual(TRIP_C - 0.5);
      expect(faults).toContain('over-temperature');
      const tripped = jobs.filter(({ cause }) => cause === 'thermal-stop');
      expect(tripped.length).toBeGreaterThan(0);
      for (const job of jobs)
        if (job.state === 'succeeded') expect(resultOf(job).samples.shape[0]).toBe(LONG);
        else
          expect(job).toMatchObject({
            state: 'failed',
            cause: 'thermal-stop',
            failure: { code: 'device-too-hot' },
          });
      // Each has its account, also those that failed.
      for (const job of jobs) expect(await store.heat.ofJob(job.id)).toMatchObject([{ attempt: 1 }]);
      await new Promise<void>((resolve) => clock.after((2 * RISE_S + STAY_S + 300) * 1000, resolve));
      await device.clearFault('over-temperature');
      expect(await ended(await submit(SHORT))).toMatchObject({ state: 'succeeded' });
    },
  );
});
