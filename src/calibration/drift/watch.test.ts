// The watch over one program, on made-up rounds whose errors are known: what it calls an alarm, and what not.
import { describe, expect, it } from 'vitest';
import { gaussianFrom } from '../../../test/support/gaussian.ts';
import type { FieldResponse } from './field-response.ts';
import { placeOf } from './pairs.ts';
import type { DriftAlarm, DriftFindings } from './readings.ts';
import { BASELINE_ROUNDS, DriftWatch } from './watch.ts';

const UNITS = 16;
const PAIRS = (UNITS * (UNITS - 1)) / 2;
const STDERR_E0 = 0.0025;

const programmed = Float64Array.from(
  { length: PAIRS },
  (
    (gaussian) => () =>
      0.1 * gaussian()
  )(gaussianFrom(91)),
);
const fullScale_E0 = programmed.reduce((largest, J) => Math.max(largest, Math.abs(J)), 0);

function newWatch(): DriftWatch {
  return new DriftWatch({
    units: UNITS,
    coupling_E0: programmed,
    fullScale_E0,
    noiseTemperature_E0: 0.1,
    stateScaleMax_x: 2,
  });
}

/** Round k lasts from k to k + 1. */
function couplingRounds(
  watch: DriftWatch,
  count: number,
  act: (round: number, k: number) => number,
  seed: number,
): DriftFindings[] {
  const gaussian = gaussianFrom(seed);
  return Array.from({ length: count }, (_, round) => {
    const coupling_E0 = programmed.map((J, k) => act(round, k) + J + STDERR_E0 * gaussian());
    const response = {
      coupling_E0,
      couplingStderr_E0: new Float64Array(PAIRS).fill(STDERR_E0),
    } as FieldResponse;
    return watch.addCouplings(response, { from_ms: round, to_ms: round + 1 });
  });
}

const alarmsOf = (findings: DriftFindings[]): DriftAlarm[] => findings.flatMap(({ alarms }) => alarms);

describe('drift watch', () => {
  it('takes its baseline first, and then says nothing of a chip that stays as it is', () => {
    const watch = newWatch();
    const findings = couplingRounds(watch, 100, () => 0, 92);
    const isBaseline = findings.map(({ readings }) => readings[0].isBaseline);
    expect(isBaseline.filter(Boolean)).toHaveLength(BASELINE_ROUNDS);
    expect(watch.hasBaseline('couplings')).toBe(true);
    expect(watch.hasBaseline()).toBe(false);
    expect(alarmsOf(findings)).toEqual([]);
  });

  it('names the coupling that moved by 5 % of full scale, once, and says between when', () => {
    const moved = placeOf(3, 7, UNITS);
    const onset = 20;
    const act = (round: number, k: number): number =>
      round >= onset && k === moved ? 0.05 * fullScale_E0 : 0;
    const alarms = alarmsOf(couplingRounds(newWatch(), 60, act, 93));
    expect(alarms).toHaveLength(1);
    const [alarm] = alarms;
    expect(alarm).toMatchObject({ quantity: 'coupling', element: '3-7' });
    expect(alarm.lastGood_ms).toBeLessThanOrEqual(onset);
    expect(alarm.lastGood_ms).toBeGreaterThan(onset - 10);
    expect(alarm.alarm_ms).toBeGreaterThan(onset);
    expect(alarm.alarm_ms).toBeLessThanOrEqual(onset + 6);
    expect(Math.abs(alarm.value_ratio - 0.05)).toBeLessThan(4 * alarm.stderr_ratio);
  });

  it('calls a common gain by its name, and blames no single coupling', () => {
    const act = (round: number, k: number): number => (round >= 20 ? -0.03 * programmed[k] : 0);
    const findings = couplingRounds(newWatch(), 60, act, 94);
    const alarms = alarmsOf(findings);
    expect(alarms.map(({ quantity, element }) => [quantity, element])).toEqual([['gain', null]]);
    const [, gain] = findings[59].readings;
    expect(Math.abs(gain.value_ratio + 0.03)).toBeLessThan(4 * gain.stderr_ratio);
  });

  it('finds changes of noise temperature and of single offsets', () => {
    const gaussian = gaussianFrom(95);
    const watch = newWatch();
    const findings = Array.from({ length: 60 }, (_, round) => {
      const hot = round >= 20 ? 1.02 : 1;
      const offset_x = Float64Array.from(
        { length: UNITS },
        (_, i) => 0.004 * gaussian() + (i === 5 && round >= 30 ? 0.03 : 0),
      );
      const zero = {
        noiseTemperature_E0: 0.1 * (hot + 0.004 * gaussian()),
        stderr_E0: 0.0004,
        offset_x,
        offsetStderr_x: new Float64Array(UNITS).fill(0.004),
      };
      return watch.addZeroCoupling(zero, { from_ms: round, to_ms: round + 1 });
    });
    const alarms = alarmsOf(findings);
    expect(alarms.map(({ quantity, element }) => [quantity, element])).toEqual([
      ['noiseTemperature', null],
      ['offset', '5'],
    ]);
    for (const { lastGood_ms, alarm_ms, quantity } of alarms) {
      const onset = quantity === 'offset' ? 30 : 20;
      expect(lastGood_ms).toBeLessThanOrEqual(onset);
      expect(alarm_ms).toBeGreaterThan(onset);
    }
  });
});
