// Many elements under watch, each against its own baseline, judged together: which of them stands out, and is it certain. Pure.
import { Baseline, EwmaChart, type Estimates } from './charts.ts';
import {
  commonGain,
  excessRms,
  familyBound_z,
  gainWithout,
  worstElements,
  type Changes,
  type Element,
} from './family.ts';
import {
  ALARM_LIMITS,
  GOOD_Z,
  emptyReading,
  type CommonOfRound,
  type DriftAlarm,
  type DriftQuantity,
  type DriftReading,
  type Found,
  type RoundTime,
} from './readings.ts';

/** Elements that a reading names. */
const TOP = 20;
/** Rounds whose deviations are kept, to say when an element was last good. */
const KEPT_ROUNDS = 64;
/**
 * What is beyond chance in one round is a suspect. It is an alarm when the next round, which need not wait for its turn, says the
 * same by itself; together one false alarm in a million rounds of the family.
 */
const CONFIRMED_Z = 3;

export interface Family {
  /** In units of `scale`. */
  programmed: Float64Array;
  scale: number;
  name(k: number): string;
}

/** Many elements, each against its own baseline. */
export class FamilyWatch {
  readonly #quantity: DriftQuantity;
  readonly #family: Family;
  readonly #bound_z: number;
  readonly #baseline: Baseline;
  readonly #chart: EwmaChart;
  readonly #past: { from_ms: number; z: Float32Array }[] = [];
  #baselineEnd_ms = 0;
  #raised = false;
  #suspect: number | null = null;

  constructor(quantity: DriftQuantity, family: Family) {
    this.#quantity = quantity;
    this.#family = family;
    const size = family.programmed.length;
    this.#bound_z = familyBound_z(size);
    this.#baseline = new Baseline(size);
    this.#chart = new EwmaChart(this.#baseline, size);
  }

  get hasBaseline(): boolean {
    return this.#baseline.isEnough;
  }

  get isSuspicious(): boolean {
    return this.#suspect !== null;
  }

  add(round: Estimates, { from_ms, to_ms }: RoundTime): Found & { common: CommonOfRound | null } {
    const { programmed, scale } = this.#family;
    const isBaseline = !this.#baseline.isEnough;
    const estimates: Estimates = {
      value: round.value.map((v) => v / scale),
      stderr: round.stderr.map((s) => s / scale),
    };
    if (isBaseline) {
      this.#baseline.add(estimates);
      this.#baselineEnd_ms = to_ms;
      const reading = emptyReading(this.#quantity, { from_ms, to_ms });
      return { reading, alarm: null, common: null };
    }
    this.#chart.add(estimates);
    const changes: Changes = {
      size: programmed.length,
      change: (k) => this.#chart.change(k),
      stderr: (k) => this.#chart.stderr(k),
    };
    const smoothed = commonGain(changes, programmed);
    const alone = this.#ofRound(estimates);
    const common = { smoothed, round: gainWithout(alone, programmed, smoothed.leftOut) };
    const { ratio } = smoothed;
    const single: Changes = { ...changes, change: (k) => changes.change(k) - ratio * programmed[k] };
    this.#remember(single, from_ms);
    const worst = worstElements(changes, { programmed, ratio }, TOP);
    const { rms, stderr } = excessRms(single);
    const first = worst.at(0);
    const isBeyond = first !== undefined && Math.abs(first.z) > this.#bound_z;
    const reading: DriftReading = {
      quantity: this.#quantity,
      from_ms,
      to_ms,
      isBaseline,
      value_ratio: rms,
      stderr_ratio: stderr,
      largest_ratio: isBeyond ? Math.abs(first.change) : 0,
      resolution_ratio: this.#bound_z * medianError(single),
      chart_ratio: first === undefined ? 0 : Math.abs(first.z) / this.#bound_z,
      worst: worst.map(({ index, change, stderr: error, z }) => ({
        name: this.#family.name(index),
        value_ratio: change,
        stderr_ratio: error,
        z,
      })),
    };
    const isSuspect = isBeyond && !this.#raised && Math.abs(first.change) >= ALARM_LIMITS[this.#quantity];
    if (!isSuspect || !this.#isConfirmed(first, ratio, alone)) {
      this.#suspect = isSuspect ? first.index : null;
      return { reading, alarm: null, common };
    }
    this.#suspect = null;
    this.#raised = true;
    const alarm: DriftAlarm = {
      quantity: this.#quantity,
      element: this.#family.name(first.index),
      value_ratio: first.change,
      stderr_ratio: first.stderr,
      z: first.z,
      lastGood_ms: this.#lastGood_ms(first.index),
      alarm_ms: to_ms,
    };
    return { reading, alarm, common };
  }

  /** It was the suspect before this round, and the round alone says the same. */
  #isConfirmed({ index, change }: Element, ratio: number, alone: Changes): boolean {
    if (this.#suspect !== index) return false;
    const z = (alone.change(index) - ratio * this.#family.programmed[index]) / alone.stderr(index);
    return Math.sign(change) * z > CONFIRMED_Z;
  }

  #ofRound({ value, stderr }: Estimates): Changes {
    return {
      size: value.length,
      change: (k) => value[k] - this.#baseline.value(k),
      stderr: (k) => Math.hypot(stderr[k], Math.sqrt(this.#baseline.variance(k))),
    };
  }

  #remember(changes: Changes, from_ms: number): void {
    const z = Float32Array.from({ length: changes.size }, (_, k) => changes.change(k) / changes.stderr(k));
    this.#past.push({ from_ms, z });
    if (this.#past.length > KEPT_ROUNDS) this.#past.shift();
  }

  #lastGood_ms(k: number): number {
    const good = this.#past.findLast(({ z }) => Math.abs(z[k]) <= GOOD_Z);
    return good?.from_ms ?? this.#baselineEnd_ms;
  }
}

function medianError(changes: Changes): number {
  const errors = Float64Array.from({ length: changes.size }, (_, k) => changes.stderr(k)).sort();
  return errors[Math.floor(errors.length / 2)];
}
