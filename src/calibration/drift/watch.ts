// Watches one program on one chip: rounds of probes go in, and out comes for each quantity how far it is from where it was after
// the last calibration, which element stands out, and whether that is an alarm. Pure: times come in with the rounds.
import { BASELINE_ROUNDS_MIN, Baseline, CusumChart, EwmaChart, type Estimates } from './charts.ts';
import {
  commonGain,
  excessRms,
  gainWithout,
  familyBound_z,
  worstElements,
  type Changes,
  type CommonChange,
} from './family.ts';
import type { FieldResponse } from './field-response.ts';
import { pairOf } from './pairs.ts';
import type { ZeroCoupling } from './zero-coupling.ts';

export const driftQuantities = ['coupling', 'gain', 'offset', 'noiseTemperature'] as const;
export type DriftQuantity = (typeof driftQuantities)[number];

/** A change that is certain and yet smaller than this is no alarm; ratios. */
export const ALARM_LIMITS: Readonly<Record<DriftQuantity, number>> = {
  /** Of full scale. */
  coupling: 0.02,
  gain: 0.005,
  /** Of the full scale of the readout. */
  offset: 0.005,
  noiseTemperature: 0.005,
};
/** Elements that a reading names. */
const TOP = 20;
/** An element this close to its baseline had not moved yet, in standard errors. */
const GOOD_Z = 1.5;
/** Of the EWMA of a common change, in a round: it has no family that the bound is shared with. */
const COMMON_FALSE_ALARM_PROBABILITY = 1e-4;
/** Rounds whose deviations are kept, to say when an element was last good. */
const KEPT_ROUNDS = 64;

export interface DriftElement {
  /** `3-7` of a coupling, `17` of a unit. */
  name: string;
  /** Change since the baseline; ratio as the quantity's. */
  value_ratio: number;
  stderr_ratio: number;
  z: number;
}

export interface DriftReading {
  quantity: DriftQuantity;
  from_ms: number;
  to_ms: number;
  /** Belongs to the baseline: nothing is judged yet. */
  isBaseline: boolean;
  /**
   * Change since the baseline. coupling: rms of single couplings over full scale, beyond their errors; offset: the same over
   * the readout's full scale; gain, noiseTemperature: the common change, signed.
   */
  value_ratio: number;
  stderr_ratio: number;
  /** The largest change of one element that is beyond chance; 0: none is. */
  largest_ratio: number;
  /** A single change as large as this would be noticed. */
  resolution_ratio: number;
  /** Statistic over its limit; above 1 it is beyond chance. */
  chart_ratio: number;
  worst: DriftElement[];
}

export interface DriftAlarm {
  quantity: DriftQuantity;
  /** Null: a common change. */
  element: string | null;
  value_ratio: number;
  stderr_ratio: number;
  z: number;
  /** Begin of the last round in which it was where it had been. */
  lastGood_ms: number;
  /** End of the round that raised it. */
  alarm_ms: number;
}

export interface DriftFindings {
  readings: DriftReading[];
  /** New ones; a quantity is not told of twice before the next calibration. */
  alarms: DriftAlarm[];
}

export interface WatchedProgram {
  units: number;
  /** Pairs i < j row by row, as programmed, E0. */
  coupling_E0: Float64Array;
  /** The largest coupling (decision 3); 1 where there is none. */
  fullScale_E0: number;
  /** Programmed, E0. */
  noiseTemperature_E0: number;
  /** Largest x of the readout. */
  stateScaleMax_x: number;
}

/** Begin and end of a round, wall time of the device. */
export interface RoundTime {
  from_ms: number;
  to_ms: number;
}

export class DriftWatch {
  readonly program: WatchedProgram;
  readonly #couplings: FamilyWatch | null;
  readonly #gain = new CommonWatch('gain');
  readonly #offsets: FamilyWatch;
  readonly #temperature = new CommonWatch('noiseTemperature');

  constructor(program: WatchedProgram) {
    this.program = program;
    const { units, coupling_E0, fullScale_E0, stateScaleMax_x } = program;
    this.#couplings =
      coupling_E0.length === 0
        ? null
        : new FamilyWatch('coupling', {
            programmed: Float64Array.from(coupling_E0, (J) => J / fullScale_E0),
            scale: fullScale_E0,
            name: (k) => pairOf(k, units).join('-'),
          });
    this.#offsets = new FamilyWatch('offset', {
      programmed: new Float64Array(units),
      scale: stateScaleMax_x,
      name: String,
    });
  }

  /** Every chart has its baseline; `couplings`: those alone. */
  hasBaseline(of: 'couplings' | 'all' = 'all'): boolean {
    const couplings = this.#couplings?.hasBaseline ?? true;
    return couplings && (of === 'couplings' || this.#offsets.hasBaseline);
  }

  /** A round of driven-field probes. */
  addCouplings({ coupling_E0, couplingStderr_E0 }: FieldResponse, time: RoundTime): DriftFindings {
    const family = this.#couplings;
    if (family === null) return { readings: [], alarms: [] };
    const found = family.add({ value: coupling_E0, stderr: couplingStderr_E0 }, time);
    const { reading, alarm } = found;
    const gain = this.#gain.add(found.common, time);
    return collect([{ reading, alarm }, gain]);
  }

  /** A round of zero-coupling probes. */
  addZeroCoupling(round: ZeroCoupling, time: RoundTime): DriftFindings {
    const { noiseTemperature_E0 } = this.program;
    const value = round.noiseTemperature_E0 / noiseTemperature_E0;
    const stderr = round.stderr_E0 / noiseTemperature_E0;
    const temperature = this.#temperature.addValue(value, stderr, time);
    // A unit that never moves has no error bar, and does not drift.
    const offset = this.#offsets.add(
      { value: round.offset_x, stderr: round.offsetStderr_x.map((s) => (s > 0 ? s : Infinity)) },
      time,
    );
    return collect([temperature, offset]);
  }
}

interface Found {
  reading: DriftReading;
  alarm: DriftAlarm | null;
}

const collect = (found: Found[]): DriftFindings => ({
  readings: found.map(({ reading }) => reading),
  alarms: found.flatMap(({ alarm }) => alarm ?? []),
});

/** Against the baseline: as the EWMA has it, and of the newest round alone. */
interface CommonOfRound {
  smoothed: CommonChange;
  round: CommonChange;
}

interface Family {
  /** In units of `scale`. */
  programmed: Float64Array;
  scale: number;
  name(k: number): string;
}

/** Many elements, each against its own baseline. */
class FamilyWatch {
  readonly #quantity: DriftQuantity;
  readonly #family: Family;
  readonly #bound_z: number;
  readonly #baseline: Baseline;
  readonly #chart: EwmaChart;
  readonly #past: { from_ms: number; z: Float32Array }[] = [];
  #baselineEnd_ms = 0;
  #raised = false;

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
    const isAlarm = isBeyond && !this.#raised && Math.abs(first.change) >= ALARM_LIMITS[this.#quantity];
    if (!isAlarm) return { reading, alarm: null, common };
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

/** One value for all units. */
class CommonWatch {
  readonly #quantity: 'gain' | 'noiseTemperature';
  readonly #baseline = new Baseline(1);
  readonly #chart = new EwmaChart(this.#baseline, 1);
  readonly #cusum = new CusumChart();
  #lastGood_ms = 0;
  #raised = false;

  constructor(quantity: 'gain' | 'noiseTemperature') {
    this.#quantity = quantity;
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
    this.#cusum.add(
      (value - this.#baseline.value(0)) / Math.hypot(stderr, this.#baseline.variance(0) ** 0.5),
    );
    const level = this.#baseline.value(0);
    return this.#judge(this.#chart.change(0) / level, this.#chart.stderr(0) / level, time);
  }

  /** What a family has in common against its baseline; null: that is still being taken. */
  add(common: CommonOfRound | null, time: RoundTime): Found {
    if (common === null) {
      this.#lastGood_ms = time.to_ms;
      return { reading: emptyReading(this.#quantity, time), alarm: null };
    }
    const { smoothed, round } = common;
    this.#cusum.add(round.ratio / round.stderr_ratio);
    return this.#judge(smoothed.ratio, smoothed.stderr_ratio, time);
  }

  #judge(ratio: number, stderr: number, time: RoundTime): Found {
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
    if (!isBeyond || this.#raised || Math.abs(ratio) < ALARM_LIMITS[this.#quantity])
      return { reading, alarm: null };
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

function emptyReading(quantity: DriftQuantity, { from_ms, to_ms }: RoundTime): DriftReading {
  return {
    quantity,
    from_ms,
    to_ms,
    isBaseline: true,
    value_ratio: 0,
    stderr_ratio: 0,
    largest_ratio: 0,
    resolution_ratio: 0,
    chart_ratio: 0,
    worst: [],
  };
}

function medianError(changes: Changes): number {
  const errors = Float64Array.from({ length: changes.size }, (_, k) => changes.stderr(k)).sort();
  return errors[Math.floor(errors.length / 2)];
}

/** Rounds of a baseline, for those who plan. */
export const BASELINE_ROUNDS = BASELINE_ROUNDS_MIN;
