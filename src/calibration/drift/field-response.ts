// What a unit feels from the others, from where driven units stand: in equilibrium the mean of 2 J2 x + 4 J4 x^3 + b + sum J x - f
// is exactly 0, whatever the temperature and the step. So over patterns of driven units, the mean of -(2 J2 x + 4 J4 x^3 + b)
// is linear in the means of the others, and the slopes are the couplings that act. Pure.
import { pairCount } from '../../physics/index.ts';
import { CalibrationError } from '../errors.ts';
import { solveSpd } from './least-squares.ts';
import type { DrivePattern } from './patterns.ts';

/** Above this the solve takes seconds, and decision 4 has the samples out of reach (16 million at 784 units). */
export const COUPLING_UNITS_MAX = 128;

/** What was programmed, per unit; E0. */
export interface ProgrammedUnits {
  j2: Float64Array;
  j4: Float64Array;
  biases: Float64Array;
}

/** Readout codes of one driven run, reads taken once the units have settled. */
export interface DrivenRun {
  /** [samples][readsInAll][units]; times `stateScale` they are x. */
  codes: Int16Array;
  samples: number;
  /** Those that belong to the pattern: `reads`, from `firstRead` on (default 0, all of them). */
  reads: number;
  firstRead?: number;
  readsInAll?: number;
  stateScale: number;
}

/** Means over the samples of one pattern. */
interface PatternMeans {
  samples: number;
  x: Float64Array;
  /** Of -(2 J2 x + 4 J4 x^3 + b), E0. */
  felt_E0: Float64Array;
  /** Variance of one sample of it. */
  variance: Float64Array;
}

/** Couplings that act, pairs i < j row by row, and what else pushes on the units; E0. */
export interface FieldResponse {
  units: number;
  /** Runs and samples behind it. */
  samples: number;
  coupling_E0: Float64Array;
  couplingStderr_E0: Float64Array;
  /** J_ij minus J_ji as seen from the two ends, in standard errors: no drift makes it other than about 1. */
  asymmetry_z: Float64Array;
  /** A force that acts without any field (and a readout offset as J2 turns it into minus one). */
  offset_E0: Float64Array;
  offsetStderr_E0: Float64Array;
}

/** Collects the runs of one round. */
export class FieldResponseSums {
  readonly #patterns: readonly DrivePattern[];
  readonly #programmed: ProgrammedUnits;
  readonly #means: (PatternMeans | null)[];

  constructor(patterns: readonly DrivePattern[], programmed: ProgrammedUnits) {
    this.#patterns = patterns;
    this.#programmed = programmed;
    this.#means = patterns.map(() => null);
  }

  get units(): number {
    return this.#programmed.j2.length;
  }

  /** The first pattern that was not measured; null: the round is whole. */
  get missing(): number | null {
    const index = this.#means.indexOf(null);
    return index < 0 ? null : index;
  }

  /** @throws {CalibrationError} too-few-holds: below 10 samples there is no error bar */
  add(pattern: number, run: DrivenRun): void {
    if (run.samples < SAMPLES_MIN)
      throw new CalibrationError('too-few-holds', `${run.samples} samples of a pattern give no error bar`, {
        pointer: '/samples',
        allowed: `${SAMPLES_MIN} samples or more`,
      });
    this.#means[pattern] = meansOf(run, this.#programmed);
  }

  /**
   * Weighted least squares per unit: each pattern's mean weighs as its own scatter says (a driven unit scatters twice as much
   * as a free one). What a unit's own field does to it is a column of its own, so neither the field converter nor J2 enters
   * the couplings.
   * @throws {CalibrationError} bad-option with more units than COUPLING_UNITS_MAX, or patterns missing
   */
  solve(): FieldResponse {
    const { units } = this;
    if (units > COUPLING_UNITS_MAX || this.missing !== null)
      throw new CalibrationError(
        'bad-option',
        units > COUPLING_UNITS_MAX ? `${units} units are too many` : `pattern ${this.missing} is missing`,
        { pointer: '/units', allowed: `${COUPLING_UNITS_MAX} units at most, every pattern measured` },
      );
    const rows = Array.from({ length: units }, (_, i) => this.#row(i));
    const pairs = pairCount(units);
    const coupling_E0 = new Float64Array(pairs);
    const couplingStderr_E0 = new Float64Array(pairs);
    const asymmetry_z = new Float64Array(pairs);
    for (let i = 0, k = 0; i < units; i++)
      for (let j = i + 1; j < units; j++, k++) {
        const [a, b] = [rows[i], rows[j]];
        const [va, vb] = [a.variance[j], b.variance[i]];
        coupling_E0[k] = (a.value[j] * vb + b.value[i] * va) / (va + vb);
        couplingStderr_E0[k] = Math.sqrt((va * vb) / (va + vb));
        asymmetry_z[k] = (a.value[j] - b.value[i]) / Math.sqrt(va + vb);
      }
    return {
      units,
      samples: this.#means.reduce((sum, means) => sum + (means?.samples ?? 0), 0),
      coupling_E0,
      couplingStderr_E0,
      asymmetry_z,
      offset_E0: Float64Array.from(rows, (row) => -row.value[units]),
      offsetStderr_E0: Float64Array.from(rows, (row) => Math.sqrt(row.variance[units])),
    };
  }

  /** Columns: the other units, at place i the own field, and a constant at place N. */
  #row(i: number): { value: Float64Array; variance: Float64Array } {
    const { units } = this;
    const size = units + 1;
    const normal = new Float64Array(size * size);
    const right = new Float64Array(size);
    const column = new Float64Array(size);
    this.#means.forEach((means, p) => {
      if (means === null) return;
      column.set(means.x);
      column[i] = this.#patterns[p][i];
      column[units] = 1;
      const weight = means.samples / Math.max(means.variance[i], Number.MIN_VALUE);
      for (let a = 0; a < size; a++) {
        const scaled = weight * column[a];
        right[a] += scaled * means.felt_E0[i];
        for (let b = 0; b <= a; b++) normal[a * size + b] += scaled * column[b];
      }
    });
    return solveSpd(normal, right);
  }
}

const SAMPLES_MIN = 10;

function meansOf(run: DrivenRun, { j2, j4, biases }: ProgrammedUnits): PatternMeans {
  const { codes, samples, reads, stateScale, firstRead = 0, readsInAll = reads } = run;
  const units = j2.length;
  const [x, felt, square] = [0, 0, 0].map(() => new Float64Array(units));
  for (let k = 0; k < samples; k++)
    for (let i = 0; i < units; i++) {
      let [position, force] = [0, 0];
      for (let r = 0; r < reads; r++) {
        const at = codes[(k * readsInAll + firstRead + r) * units + i] * stateScale;
        position += at;
        force -= 2 * j2[i] * at + 4 * j4[i] * at * at * at + biases[i];
      }
      x[i] += position / reads;
      felt[i] += force / reads;
      square[i] += (force / reads) ** 2;
    }
  const variance = new Float64Array(units);
  for (let i = 0; i < units; i++) {
    x[i] /= samples;
    felt[i] /= samples;
    variance[i] = Math.max(0, (square[i] / samples - felt[i] ** 2) * (samples / (samples - 1)));
  }
  return { samples, x, felt_E0: felt, variance };
}
