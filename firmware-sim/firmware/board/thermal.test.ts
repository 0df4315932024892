// Heat and the firmware, on virtual time: batches are put off so that the die stays below the derate limit, a trip fails
// the run and is latched, and only a cool die and ClearFault let anybody run again.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  Code,
  Detail,
  DeviceState,
  FaultCode,
  RunPhase,
  Severity,
  TelemetryChannel,
} from '../../../src/link/messages/index.ts';
import type { DeviceStatus, Envelope, StartRun } from '../../../src/link/messages/index.ts';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { runActivity, ThermalModel, thermalSchema } from '../../chip/thermal/index.ts';
import { boardWithProgram, FakeCore, sha256, startRun, type TestHost } from '../board.test-support.ts';
import { BoardSensors } from './sensors.ts';
import { ThermalGuard } from './thermal-guard.ts';

/** Small masses, so that seconds are long: the die settles in 0.4 s, the board in 6 s. Relaxing at rest: 60 + 18.2 C. */
const thermal = (
  limits: { derate_C: number; trip_C: number; hysteresis_C?: number },
  ambient_C = 60,
  leakage_ratio_per_C = 0,
) =>
  thermalSchema.parse({
    leakage_ratio_per_C,
    ambient: { kind: 'constant', temperature_C: ambient_C },
    die_J_per_C: 0.1,
    board_J_per_C: 2,
    limits: { hysteresis_C: 10, ...limits },
  });

function hotBoard(parameters = thermal({ derate_C: 73, trip_C: 85 })) {
  const clock = new VirtualClock();
  const model = new ThermalModel(parameters);
  const core = new FakeCore();
  const { controller, host, image } = boardWithProgram({ clock, core, thermal: model });
  return { clock, model, core, controller, host, image };
}

/** Samples of 2 ms each: a batch of 64 takes 128 ms. */
function start(host: TestHost, image: Uint8Array, changes: Partial<StartRun> = {}): Envelope | undefined {
  const base = startRun(sha256(image));
  const phase = base.phase.map((p) => ({
    ...p,
    durationNs: 1_000_000n,
    readAtNs: p.readAtNs.length > 0 ? [0n, 1_000_000n] : [],
  }));
  return host.request({ type: 'startRun', value: { ...base, phase, ...changes } });
}
function status(host: TestHost): DeviceStatus {
  const reply = host.request({ type: 'getStatus', value: {} });
  if (reply?.body?.type !== 'deviceStatus') throw new Error('no status');
  return reply.body.value;
}
const clear = (host: TestHost): Envelope | undefined =>
  host.request({ type: 'clearFault', value: { code: FaultCode.OVER_TEMP } });
const grantAll = (host: TestHost): void =>
  host.oneWay({
    type: 'streamCredit',
    value: { run: 1, ackedTo: 0n, windowEnd: 1n << 30n, missing: [] },
  });

describe('derating', () => {
  const SAMPLES = 6400;

  it('pauses a run so that the die stays below the limit, without losing a sample', async () => {
    const { clock, model, host, image } = hotBoard();
    host.request({
      type: 'subscribeTelemetry',
      value: { periodMs: 10, mask: 1 << TelemetryChannel.DIE_TEMPERATURE_C },
    });
    start(host, image, { samples: SAMPLES });
    grantAll(host);
    const paused: (string | undefined)[] = [];
    let seconds = 0;
    while (host.eventsOf('runState').length === 0 && seconds < 120) {
      for (let k = 0; k < 10; k++) {
        await clock.pass(97);
        const { run } = status(host);
        if (run?.phase === RunPhase.PAUSED) paused.push(`${run.status?.code}/${run.status?.detail}`);
      }
      seconds += 0.97;
    }
    const [end] = host.eventsOf('runState');
    expect(end).toMatchObject({ phase: RunPhase.DONE, totalBytes: BigInt(SAMPLES * 18) });
    const temperatures_C = host.eventsOf('telemetry').map(({ value }) => value[0]);
    // The bound is on the end of a batch, where the die is warmest.
    expect(Math.max(...temperatures_C)).toBeLessThanOrEqual(73.001);
    expect(Math.max(...temperatures_C)).toBeGreaterThan(72.5);
    expect(model.read(clock.now_ms() / 1000).energy_J.relax).toBeCloseTo(2.6 * SAMPLES * 2e-3, 3);
    expect(new Set(paused)).toEqual(new Set([`${Code.UNAVAILABLE}/${Detail.OVER_TEMP}`]));
    expect(paused.length).toBeGreaterThan(5);

    // The time it was held is what it took beyond its work.
    host.request({
      type: 'subscribeTelemetry',
      value: { periodMs: 1000, mask: 1 << TelemetryChannel.THERMAL_HOLD_S },
    });
    const held_s = host.eventsOf('telemetry').at(-1)?.value[0] ?? 0;
    const took_s = Number(host.events().find((e) => e.body?.type === 'runState')?.uptimeUs) / 1e6;
    expect(held_s).toBeCloseTo(took_s - SAMPLES * 2e-3, 2);
    expect(held_s).toBeGreaterThan(1);
  });

  it('changes nothing of the samples', async () => {
    const digests: string[] = [];
    const ends_us: number[] = [];
    for (const derate_C of [73, 84]) {
      const { clock, host, image } = hotBoard(thermal({ derate_C, trip_C: 85 }));
      start(host, image, { samples: 1280 });
      grantAll(host);
      for (let k = 0; k < 60; k++) {
        await clock.pass(1000);
        status(host);
      }
      const bytes: number[] = [];
      for (const { offset, data } of host.samples()) data.forEach((byte, k) => (bytes[offset + k] = byte));
      expect(bytes).toHaveLength(1280 * 18);
      ends_us.push(Number(host.events().find((e) => e.body?.type === 'runState')?.uptimeUs));
      digests.push(createHash('sha256').update(Uint8Array.from(bytes)).digest('hex'));
    }
    expect(digests[0]).toBe(digests[1]);
    expect(ends_us[0]).toBeGreaterThan(1.05 * ends_us[1]);
  });

  it('holds a run for as long as the surroundings are too warm, and goes on when they are not', async () => {
    const parameters = thermal({ derate_C: 60, trip_C: 85 });
    const ambient = { kind: 'daily', mean_C: 60, amplitude_C: 15, warmestAt_s: 0, period_s: 40 } as const;
    const { clock, core, host, image } = hotBoard({ ...parameters, ambient });
    await clock.pass(100);
    start(host, image, { samples: 64 });
    for (let k = 0; k < 5; k++) {
      await clock.pass(900);
      expect(status(host).run?.phase).toBe(RunPhase.PAUSED);
    }
    expect(core.runs).toHaveLength(0);
    for (let k = 0; k < 20; k++) {
      await clock.pass(1000);
      status(host);
    }
    expect(status(host).run?.phase).toBe(RunPhase.DONE);
  });

  it('lets a held run be stopped', async () => {
    const { clock, host, image } = hotBoard(thermal({ derate_C: 62, trip_C: 85 }));
    start(host, image, { samples: 64 });
    await clock.pass(500);
    expect(status(host).run?.phase).toBe(RunPhase.PAUSED);
    host.request({ type: 'stopRun', value: { run: 0 } });
    expect(status(host).run?.phase).toBe(RunPhase.STOPPED);
    await clock.pass(3000);
    expect(status(host).run?.phase).toBe(RunPhase.STOPPED);
  });
});

describe('a trip', () => {
  /** A core that hangs keeps the chip relaxing for longer than any prediction. */
  async function tripped() {
    const board = hotBoard(thermal({ derate_C: 73, trip_C: 75, hysteresis_C: 8 }));
    const { clock, core, host, image } = board;
    core.hold = true;
    start(host, image, { samples: 64 });
    for (let k = 0; k < 100 && status(host).fault.length === 0; k++) await clock.pass(100);
    core.hold = false;
    core.release();
    return board;
  }

  it('fails the run, is sent as a latched fault and stops the chip at once', async () => {
    const { clock, core, model, host } = await tripped();
    const [fault] = host.eventsOf('fault');
    expect(fault).toMatchObject({ code: FaultCode.OVER_TEMP, severity: Severity.LATCHED, latched: true });
    // Found within 20 ms of working on: at most 2.6 W / 0.1 J/C times that.
    expect(fault.value).toBeGreaterThanOrEqual(75);
    expect(fault.value).toBeLessThan(75.6);
    const { state, fault: listed, run } = status(host);
    expect(state).toBe(DeviceState.FAULT);
    expect(listed).toEqual([fault]);
    expect(run).toMatchObject({
      phase: RunPhase.FAILED,
      status: { code: Code.ABORTED, detail: Detail.OVER_TEMP },
    });
    expect(run?.status?.message).toMatch(/^the die reached 75\.\d C/);
    expect(host.eventsOf('runState').at(-1)).toMatchObject({ phase: RunPhase.FAILED });
    expect(model.read(clock.now_ms() / 1000).power_W).toBeCloseTo(0.7, 12);
    await clock.pass(1);
    expect(core.aborted).toBe(1);
  });

  it('is latched: nothing starts until the die is cool and somebody clears it', async () => {
    const { clock, host, image } = await tripped();
    const refused = { code: Code.FAILED_PRECONDITION, detail: Detail.OVER_TEMP };
    expect(start(host, image, { runToken: 2n })?.status).toMatchObject(refused);
    const early = clear(host);
    expect(early?.status).toMatchObject(refused);
    expect(early?.status?.message).toMatch(/^the die is at 7\d\.\d C; this clears below 67\.0 C$/);
    expect(start(host, image, { runToken: 3n })?.status).toMatchObject(refused);
    await clock.pass(60_000);
    // Cool by now, and still latched.
    expect(start(host, image, { runToken: 4n })?.status).toMatchObject(refused);
    expect(host.eventsOf('fault')).toHaveLength(1);
    expect(clear(host)?.status?.code).toBe(Code.OK);
    expect(status(host)).toMatchObject({ state: DeviceState.IDLE, fault: [] });
    expect(start(host, image, { runToken: 5n, samples: 64 })?.status?.code).toBe(Code.OK);
    await clock.pass(1000);
    expect(status(host).run?.phase).toBe(RunPhase.DONE);
  });

  it.each([false, true])('outlives a reset (hard: %s) and a cool die', async (hard) => {
    const { clock, host } = await tripped();
    host.request({ type: 'reset', value: { bootId: status(host).bootId, hard } });
    await clock.pass(60_000);
    host.hello({ hostNonce: 99 });
    expect(status(host)).toMatchObject({ state: DeviceState.FAULT, fault: [{ code: FaultCode.OVER_TEMP }] });
    expect(clear(host)?.status?.code).toBe(Code.OK);
    expect(status(host)).toMatchObject({ state: DeviceState.IDLE, fault: [] });
  });

  it('comes from the surroundings alone, too', async () => {
    const { clock, host } = hotBoard(thermal({ derate_C: 73, trip_C: 85 }, 90));
    await clock.pass(600);
    expect(status(host)).toMatchObject({ state: DeviceState.FAULT, fault: [{ code: FaultCode.OVER_TEMP }] });
    expect(clear(host)?.status?.detail).toBe(Detail.OVER_TEMP);
  });
});

describe('a thermal runaway', () => {
  /** How 6,400 samples end on a chip at 40 C, and how warm the die was at most. */
  async function outcome(leakage_ratio_per_C: number) {
    const limits = { derate_C: 73, trip_C: 80 };
    const { clock, model, host, image } = hotBoard(thermal(limits, 40, leakage_ratio_per_C));
    start(host, image, { samples: 6400 });
    grantAll(host);
    let highest_C = 0;
    for (let k = 0; k < 2000 && host.eventsOf('runState').length === 0; k++) {
      await clock.pass(50);
      status(host); // a host that is silent would be taken for lost
      highest_C = Math.max(highest_C, model.read(clock.now_ms() / 1000).die_C);
    }
    return { phase: host.eventsOf('runState').at(-1)?.phase, highest_C };
  }

  it('is not there at a leakage that heat carries away: the run is paced and ends', async () => {
    for (const leakage of [0, 0.01]) {
      const { phase, highest_C } = await outcome(leakage);
      expect(phase).toBe(RunPhase.DONE);
      expect(highest_C).toBeLessThan(80);
    }
  });

  // 2.6 W times 7 C/W times 8 % is 1.5: the firmware predicts with the power of a cold die, and the trip ends it.
  it('is not seen coming, and ends in a trip', async () => {
    const { phase, highest_C } = await outcome(0.08);
    expect(phase).toBe(RunPhase.FAILED);
    expect(highest_C).toBeGreaterThan(79);
  });
});

describe('a sensor that gives nothing', () => {
  /** A guard whose die, or board, reads as NaN. */
  function guardWithout(sensor: 'die_C' | 'board_C') {
    const clock = new VirtualClock();
    const model = new ThermalModel(thermal({ derate_C: 73, trip_C: 85 }));
    class Broken extends BoardSensors {
      override read() {
        return { ...super.read(), [sensor]: NaN };
      }
    }
    const trips: number[] = [];
    const sensors = new Broken(clock, model);
    return {
      clock,
      trips,
      guard: new ThermalGuard({ clock, model, sensors, onTrip: (at) => trips.push(at) }),
    };
  }
  const work = { relax_s: 0.1, read_s: 0, expected_s: 0 };

  it('on the die is a trip, once, and cannot be cleared', async () => {
    const { clock, trips, guard } = guardWithout('die_C');
    await clock.pass(2000);
    expect(trips).toEqual([NaN]);
    expect(guard.clear()).toMatchObject({ die_C: NaN });
    guard.close();
  });

  it('on the board makes pauses longer, not shorter', () => {
    const { guard, trips } = guardWithout('board_C');
    const whole = new ThermalModel(thermal({ derate_C: 73, trip_C: 85 }));
    const from = whole.read(0);
    const really_C = whole.predictDie_C(from, runActivity(1, 0), work.relax_s);
    expect(really_C).toBeLessThan(73);
    expect(guard.pauseBefore_ms(work)).toBe(0);
    expect(guard.pauseBefore_ms({ ...work, relax_s: 0.9 })).toBeGreaterThan(0);
    expect(trips).toEqual([]);
    guard.close();
  });
});

describe('a board without sensors', () => {
  it('runs without limits, and clears a fault that is not there', async () => {
    const clock = new VirtualClock();
    const { host, image } = boardWithProgram({ clock });
    start(host, image, { samples: 64 });
    await clock.pass(1);
    expect(status(host).run?.phase).toBe(RunPhase.DONE);
    expect(clear(host)?.status?.code).toBe(Code.OK);
  });
});
