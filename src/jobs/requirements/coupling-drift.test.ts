// What stored rounds and events say about the largest change of one coupling.
import { describe, expect, it } from 'vitest';
import type { DriftEventRow, DriftPointRow } from '../../store/index.ts';
import { couplingDrift } from './coupling-drift.ts';
import { readRequirements, textOf, type Conditions } from './readings.ts';

const NOW_MS = 10_000_000;
const point = (change: Partial<DriftPointRow> = {}): DriftPointRow => ({
  id: 'P',
  device: 'chip-0',
  deviceUid: 'ab',
  program: 'p',
  quantity: 'coupling',
  from_ms: NOW_MS - 2000,
  to_ms: NOW_MS - 1000,
  isBaseline: false,
  value_ratio: 0,
  stderr_ratio: 0.001,
  largest_ratio: 0,
  resolution_ratio: 0.02,
  chart_ratio: 0.6,
  worst: [],
  ...change,
});
const event = (change: Partial<DriftEventRow> = {}): DriftEventRow => ({
  id: 'E',
  device: 'chip-0',
  deviceUid: 'ab',
  program: 'p',
  quantity: 'coupling',
  element: '3-7',
  value_ratio: -0.05,
  stderr_ratio: 0.006,
  z: -8,
  lastGood_ms: NOW_MS - 5000,
  alarm_ms: NOW_MS - 1000,
  endedAt_ms: null,
  calibration: null,
  ...change,
});

function reading(drift: Conditions['drift'], required: number) {
  const conditions = { drift, noise: { code: '', message: '', remedy: '' } } as Conditions;
  const { readings } = readRequirements({ maxCouplingDrift_ratio: required }, conditions, NOW_MS);
  return readings[0];
}

describe('drift of couplings as a requirement', () => {
  it('is what stands out, or stands as an event', () => {
    expect(couplingDrift(point(), [], NOW_MS)).toMatchObject({ largest_ratio: 0, resolution_ratio: 0.02 });
    expect(couplingDrift(point({ largest_ratio: 0.03 }), [event()], NOW_MS)).toMatchObject({
      largest_ratio: 0.05,
    });
  });

  it('is none right after a calibration, and while its baseline is taken', () => {
    const ended = event({ endedAt_ms: NOW_MS - 500, calibration: 'C' });
    const none = { largest_ratio: 0, resolution_ratio: 0, calibration: 'C' };
    expect(couplingDrift(point({ largest_ratio: 0.05 }), [ended], NOW_MS)).toEqual(none);
    expect(couplingDrift(point({ isBaseline: true }), [], NOW_MS)).toEqual({ ...none, calibration: null });
    expect(couplingDrift(point({ isBaseline: true }), [event()], NOW_MS)).toMatchObject({
      largest_ratio: 0.05,
    });
  });

  it('cannot be read where nobody has looked, or long ago', () => {
    expect(couplingDrift(null, [], NOW_MS)).toMatchObject({ code: 'drift-not-watched' });
    expect(couplingDrift(point({ to_ms: NOW_MS - 7_200_001 }), [], NOW_MS)).toMatchObject({
      code: 'drift-stale',
    });
  });

  it('is met only where a change as large as is allowed would have been noticed', () => {
    const measured = { largest_ratio: 0, resolution_ratio: 0.02, calibration: null };
    expect(reading(measured, 0.04)).toMatchObject({ met: true, measured: 0 });
    const fine = reading(measured, 0.01);
    expect(fine).toMatchObject({ met: false, measured: null, reason: { code: 'drift-unresolved' } });
    expect(textOf(fine)).toContain('0.02');
    expect(reading({ ...measured, largest_ratio: 0.05 }, 0.04)).toMatchObject({ met: false, measured: 0.05 });
  });
});
