// One value for all units under watch: a common gain, a noise temperature. Pure.
import { Baseline, CusumChart, EwmaChart } from './charts.ts';
import { familyBound_z } from './family.ts';
import {
  ALARM_LIMITS,
  GOOD_Z,
  emptyReading,
  type CommonOfRound,
  type DriftAlarm,
  type DriftReading,
  type Found,
  type RoundTime,
} from './readings.ts';

/** Of the EWMA of a common change, in a round: it has no family that the bound is shared with. */
const COMMON_FALSE_ALARM_PROBABILITY = 1e-4;
/** A suspect is an alarm when the next round says the same by itself. */
const CONFIRMED_COMMON_Z = 2;

/** One value for all units. */
export class CommonWatch {
  readonly #quantity: 'gain' | 'noiseTemperature';
  readonly #baseline = new Baseline(1);
  readonly #chart = new EwmaChart(this.#baseline, 1);
  readonly #cusum = new CusumChart();
  #lastGood_ms = 0;
  #raised = false;
  isSuspicious = false;

  constructor(quantity: 'gain' | 'noiseTemperature') {
    this.#quantity = quantity;
  }

  get hasBaseline(): boolean {
    return this.#baseline.isEnough;
  }

  /** A measured value, judged against a baseline of its own. */
  addValue(value: number, stderr: number, time: RoundTime): Found {
    const estimates = { value: Float64Array.of(value), stderr: Float64Array.of(stderr) };
    if (!this.#baseline.isEnough) {
      this.#baseline.add(estimates);
      this.#lastGood_ms = time.to_ms;
      return { reading: emptyReading(this.#quantity, time), alarm: null };
    }
    this.#chart.add(estimates);
    const level = this.#baseline.value(0);
    const alone_z = (value - level) / Math.hypot(stderr, Math.sqrt(this.#baseline.variance(0)));
    return this.#judge(this.#chart.change(0) / level, this.#chart.stderr(0) / level, alone_z, time);
  }

  /** What a family has in common against its baseline; null: that is still being taken. */
  add(common: CommonOfRound | null, time: RoundTime): Found {
    if (common === null) {
      this.#lastGood_ms = time.to_ms;
      return { reading: emptyReading(this.#quantity, time), alarm: null };
    }
    const { smoothed, round } = common;
    return this.#judge(smoothed.ratio, smoothed.stderr_ratio, round.ratio / round.stderr_ratio, time);
  }

  #judge(ratio: number, stderr: number, alone_z: number, time: RoundTime): Found {
    this.#cusum.add(alone_z);
    const z = ratio / stderr;
    const bound_z = familyBound_z(1, COMMON_FALSE_ALARM_PROBABILITY);
    const chart_ratio = Math.max(Math.abs(z) / bound_z, this.#cusum.ratio);
    const isBeyond = chart_ratio > 1;
    const reading: DriftReading = {
      quantity: this.#quantity,
      ...time,
      isBaseline: false,
      value_ratio: ratio,
      stderr_ratio: stderr,
      largest_ratio: isBeyond ? Math.abs(ratio) : 0,
      resolution_ratio: bound_z * stderr,
      chart_ratio,
      worst: [],
    };
    if (Math.abs(z) <= GOOD_Z) this.#lastGood_ms = time.from_ms;
    const isSuspect = isBeyond && !this.#raised && Math.abs(ratio) >= ALARM_LIMITS[this.#quantity];
    const isConfirmed = this.isSuspicious && Math.sign(ratio) * alone_z > CONFIRMED_COMMON_Z;
    this.isSuspicious = isSuspect && !isConfirmed;
    if (!isSuspect || !isConfirmed) return { reading, alarm: null };
    this.#raised = true;
    const alarm: DriftAlarm = {
      quantity: this.#quantity,
      element: null,
      value_ratio: ratio,
      stderr_ratio: stderr,
      z,
      lastGood_ms: this.#lastGood_ms,
      alarm_ms: time.to_ms,
    };
    return { reading, alarm };
  }
}
