// The ring of a day: what it keeps, what it gives back, and that it never grows.
import { describe, expect, it } from 'vitest';
import { HISTORY_MS, SLOT_MS, TelemetryHistory, telemetryMetrics, valuesOf } from './index.ts';

const START_MS = 1_800_000_000_000;
const die = (history: TelemetryHistory, from_s: number, to_s: number, step_s = SLOT_MS / 1000) => {
  const { at_ms, values } = history.series({
    from_ms: START_MS + from_s * 1000,
    to_ms: START_MS + to_s * 1000,
    step_ms: step_s * 1000,
    metrics: ['dieTemperature_C'],
  });
  return at_ms.map((at, k) => [(at - START_MS) / 1000, values.dieTemperature_C?.[k]]);
};
/** A reading every second, the die at as many degrees as seconds have passed. */
function filled(seconds: number): TelemetryHistory {
  const history = new TelemetryHistory();
  for (let s = 0; s <= seconds; s++) history.add(START_MS + s * 1000, { dieTemperature_C: s });
  return history;
}

describe('a series', () => {
  it('has the last reading of every slot, within the ends', () => {
    expect(die(filled(20), 0, 20)).toEqual([
      [4, 4],
      [9, 9],
      [14, 14],
      [19, 19],
      [20, 20],
    ]);
    expect(die(filled(20), 6, 12)).toEqual([[9, 9]]);
  });

  it('has the last reading of every step, counted from its beginning', () => {
    expect(die(filled(60), 0, 60, 30)).toEqual([
      [29, 29],
      [59, 59],
      [60, 60],
    ]);
  });

  it('leaves gaps out, and tells a silent sensor from a missing reading', () => {
    const history = new TelemetryHistory();
    history.add(START_MS, { dieTemperature_C: 40 });
    history.add(START_MS + 60_000, { dieTemperature_C: null, boardTemperature_C: 30 });
    expect(die(history, 0, 100)).toEqual([
      [0, 40],
      [60, null],
    ]);
  });

  it('is empty without readings, and of another day', () => {
    expect(die(new TelemetryHistory(), 0, 100)).toEqual([]);
    expect(die(filled(20), 86_400, 86_420)).toEqual([]);
    expect(die(filled(20), -86_400, -86_380)).toEqual([]);
  });
});

describe('memory', () => {
  it('is allotted once and holds a day: what is older is written over', () => {
    const history = new TelemetryHistory();
    expect(history.bytes).toBe(0);
    history.add(START_MS, { dieTemperature_C: 1 });
    const { bytes } = history;
    expect(bytes).toBe((HISTORY_MS / SLOT_MS) * 8 * (1 + telemetryMetrics.length));
    const day_s = HISTORY_MS / 1000;
    for (let s = 0; s < 2 * day_s; s += 5) history.add(START_MS + s * 1000, { dieTemperature_C: s });
    expect(history.bytes).toBe(bytes);
    const all = die(history, 0, 2 * day_s);
    expect(all).toHaveLength(HISTORY_MS / SLOT_MS - 1); // the oldest slot is not whole any more
    expect(all[0][0]).toBeGreaterThanOrEqual(day_s);
    expect(all.at(-1)).toEqual([2 * day_s - 5, 2 * day_s - 5]);
  });

  it('is given back when it is forgotten', () => {
    const history = filled(10);
    history.clear();
    expect([history.bytes, die(history, 0, 100)]).toEqual([0, []]);
  });
});

describe('values by name', () => {
  it('follow the bits of the mask, ascending', () => {
    expect(valuesOf(0b1000_0010, [41, 0.2])).toEqual({ dieTemperature_C: 41, ioCurrent_A: 0.2 });
  });

  it('are null where a sensor is silent, or the reading too short', () => {
    expect(valuesOf(0b110, [NaN])).toEqual({ dieTemperature_C: null, boardTemperature_C: null });
  });

  it('leave out bits that are no channel, without losing their place', () => {
    expect(valuesOf(0b11, [1, 2])).toEqual({ dieTemperature_C: 2 });
    expect(valuesOf((1 << 31) | 2, [3, 4])).toEqual({ dieTemperature_C: 3 });
  });
});
