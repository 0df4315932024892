// Schedules: what the device is asked to do for a request, and what is refused before it is asked.
import { describe, expect, it } from 'vitest';
import { plainProgram, twinCapabilities } from '../../test/support/device-facts.ts';
import { DeviceError } from './errors.ts';
import { arrange, planHold, planRelax, type RunPlan } from './schedule.ts';
import type { RelaxRequest } from './types.ts';

const capabilities = twinCapabilities();
const program = plainProgram(6);
const request = (changes: Partial<RelaxRequest> = {}): RelaxRequest => ({
  program,
  samples: 10,
  duration_s: 2.5e-6,
  readAt_s: [2.5e-6],
  recordSwitchOn: true,
  noiseTemperature_ratio: 1,
  ...changes,
});
const refusal = (work: () => unknown): DeviceError => {
  try {
    work();
  } catch (error) {
    if (error instanceof DeviceError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};

/** Times of all reads of a plan, counted from the start of its first phase, in ns and in the order of the record. */
function readTimesOf(plan: RunPlan): number[] {
  let start = 0;
  return plan.phases.flatMap((phase) => {
    const every = phase.readEvery_ns;
    const even = every
      ? Array.from({ length: Math.floor(phase.duration_ns / every) }, (_, k) => (k + 1) * every)
      : [];
    const times = [...new Set([...(phase.readAt_ns ?? []), ...even])].sort((a, b) => a - b);
    const absolute = times.map((t) => t + start);
    start += phase.duration_ns;
    return absolute;
  });
}

describe('planRelax', () => {
  it('prepares uncoupled for t_f, then couples, reading at switch-on and at t_f', () => {
    const plan = planRelax(request(), capabilities);
    const noiseTemperatureCode = program.noiseTemperatureCode;
    expect(plan.phases).toEqual([
      { duration_ns: 2500, coupled: false, noiseTemperatureCode },
      { duration_ns: 2500, coupled: true, readAt_ns: [0, 2500], noiseTemperatureCode },
    ]);
    expect(plan.reads).toEqual([
      { time_s: 0, label: 'switch-on' },
      { time_s: 2.5e-6, label: 'read' },
    ]);
    expect(plan.step_ns).toBe(1);
    expect(plan.recordBytes).toBe(2 * 9);
  });

  it('can start without preparation and without the switch-on read', () => {
    const plan = planRelax(request({ prepare_s: 0, recordSwitchOn: false }), capabilities);
    expect(plan.phases).toHaveLength(1);
    expect(plan.reads).toEqual([{ time_s: 2.5e-6, label: 'read' }]);
  });

  it('reads at every time that was asked for, whatever the phases make of it', () => {
    for (const readAt_s of [
      [1e-6, 2.5e-6],
      [0.3e-6, 0.7e-6, 1.1e-6, 2.5e-6],
      Array.from({ length: 25 }, (_, k) => (k + 1) * 1e-7),
      [0.1e-6, ...Array.from({ length: 8 }, (_, k) => 0.5e-6 + k * 2e-7)],
    ]) {
      const plan = planRelax(request({ readAt_s }), capabilities);
      expect(plan.phases.length).toBeLessThanOrEqual(4);
      for (const phase of plan.phases) expect(phase.readAt_ns?.length ?? 0).toBeLessThanOrEqual(2);
      expect(plan.phases.slice(1).every((phase) => phase.coupled)).toBe(true);
      const expected = [0, ...readAt_s.map((t) => Math.round(t * 1e9))].map((t) => t + 2500);
      expect(readTimesOf(plan)).toEqual(expected);
      expect(plan.reads).toHaveLength(expected.length);
    }
  });

  it('refuses reads that no phases can give', () => {
    const readAt_s = [1, 3, 8, 20, 50, 120, 300, 700, 1600].map((t) => t * 1e-9);
    const error = refusal(() => planRelax(request({ readAt_s }), capabilities));
    expect(error).toMatchObject({ code: 'out-of-range', pointer: '/readAt_s', retryable: false });
  });

  it('refuses times between steps and names the nearest ones', () => {
    const error = refusal(() =>
      planRelax(request({ duration_s: 2.503e-6, readAt_s: [2.5e-6], step_s: 5e-9 }), capabilities),
    );
    expect(error).toMatchObject({
      code: 'out-of-range',
      pointer: '/duration_s',
      allowed: '0.0000025 s or 0.000002505 s',
    });
  });

  it.each([
    ['/samples', request({ samples: 0 })],
    ['/samples', request({ samples: 100_001 })],
    ['/samples', request({ samples: 1.5 })],
    ['/duration_s', request({ duration_s: 0 })],
    ['/duration_s', request({ duration_s: NaN })],
    ['/duration_s', request({ duration_s: 2, readAt_s: [2], prepare_s: 0 })],
    ['/prepare_s', request({ prepare_s: -1e-9 })],
    ['/readAt_s', request({ readAt_s: [] })],
    ['/readAt_s/0', request({ readAt_s: [0] })],
    ['/readAt_s/0', request({ readAt_s: [2.6e-6] })],
    ['/readAt_s/1', request({ readAt_s: [2e-6, 1e-6] })],
    ['/step_s', request({ step_s: 2e-8 })],
    ['/step_s', request({ step_s: 1.5e-9 })],
    ['/noiseTemperature_ratio', request({ noiseTemperature_ratio: 1.5 })],
    ['/noiseTemperature_ratio', request({ noiseTemperature_ratio: -1 })],
    ['/seed', request({ seed: -1n })],
    ['/program/units', request({ program: plainProgram(1300) })],
  ])('refuses %s', (pointer, bad) => {
    const error = refusal(() => planRelax(bad, capabilities));
    expect(error).toMatchObject({ code: 'out-of-range', pointer, outcome: 'not_applied' });
    expect(error.remedy).toMatch(/^Allowed: /);
  });

  it('refuses records that the device cannot hold, a program for another readout, and a seed on a chip', () => {
    const small = twinCapabilities({ recordBytesMax: 17 });
    expect(refusal(() => planRelax(request(), small))).toMatchObject({
      pointer: '/readAt_s',
      allowed: 'at most 1 reads of 6 units',
    });
    const other = twinCapabilities({ ranges: { stateScale: 2 ** -9 } });
    expect(refusal(() => planRelax(request(), other)).pointer).toBe('/program/scale/state');
    const chip = twinCapabilities({ seed: false });
    expect(refusal(() => planRelax(request({ seed: 1n }), chip))).toMatchObject({
      code: 'refused',
      pointer: '/seed',
    });
    expect(planRelax(request(), chip).phases).toHaveLength(2);
  });

  it('rounds the noise temperature to a code and says what it comes to', () => {
    const plan = planRelax(request({ noiseTemperature_ratio: 0.9001 }), capabilities);
    const code = Math.round(0.9001 * program.noiseTemperatureCode);
    expect(plan.phases.map((phase) => phase.noiseTemperatureCode)).toEqual([code, code]);
    expect(plan.noiseTemperature_ratio).toBe(code / program.noiseTemperatureCode);
  });
});

describe('planHold', () => {
  it('never couples and reads late and evenly in two phases', () => {
    const readAt_s = Array.from({ length: 11 }, (_, k) => 2.5e-6 + k * 0.25e-6);
    const plan = planHold(
      { program, samples: 5, duration_s: 5e-6, readAt_s, noiseTemperature_ratio: 1 },
      capabilities,
    );
    expect(plan.phases).toHaveLength(2);
    expect(plan.phases.every((phase) => !phase.coupled)).toBe(true);
    expect(readTimesOf(plan)).toEqual(readAt_s.map((t) => Math.round(t * 1e9)));
    expect(plan.reads.every((read) => read.label === 'read')).toBe(true);
  });
});

describe('arrange', () => {
  it('takes the fewest phases', () => {
    expect(arrange([0, 10], 2, 3)).toEqual([{ duration_ns: 10, readAt_ns: [0, 10] }]);
    expect(arrange([0, 10, 20, 30], 2, 3)).toEqual([{ duration_ns: 30, readEvery_ns: 10, readAt_ns: [0] }]);
    expect(arrange([5, 7, 8, 9, 10], 2, 2)).toHaveLength(2);
    expect(arrange([1, 3, 8, 20, 50], 2, 2)).toBeNull();
    expect(arrange([1, 3, 8, 20, 50], 2, 3)).toHaveLength(3);
  });
});
