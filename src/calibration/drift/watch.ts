// Watches one program on one chip: rounds of probes go in, and out comes for each quantity how far it is from where it was after
// the last calibration, which element stands out, and whether that is an alarm. Pure: times come in with the rounds.
import { BASELINE_ROUNDS_MIN } from './charts.ts';
import { CommonWatch } from './common-watch.ts';
import { FamilyWatch } from './family-watch.ts';
import type { FieldResponse } from './field-response.ts';
import { pairOf } from './pairs.ts';
import {
  driftQuantities,
  type DriftFindings,
  type DriftQuantity,
  type Found,
  type RoundTime,
  type WatchedProgram,
} from './readings.ts';
import type { ZeroCoupling } from './zero-coupling.ts';

export class DriftWatch {
  readonly program: WatchedProgram;
  #couplings: FamilyWatch | null;
  #gain = new CommonWatch('gain');
  #offsets: FamilyWatch;
  #temperature = new CommonWatch('noiseTemperature');

  constructor(program: WatchedProgram) {
    this.program = program;
    this.#couplings = this.#newCouplings();
    this.#offsets = this.#newOffsets();
  }

  /** After a calibration: the next rounds are what these quantities are compared with. */
  startOver(quantities: readonly DriftQuantity[] = driftQuantities): void {
    // The gain is what the couplings have in common: both hang on one baseline.
    if (quantities.includes('coupling') || quantities.includes('gain')) {
      this.#couplings = this.#newCouplings();
      this.#gain = new CommonWatch('gain');
    }
    if (quantities.includes('offset')) this.#offsets = this.#newOffsets();
    if (quantities.includes('noiseTemperature')) this.#temperature = new CommonWatch('noiseTemperature');
  }

  #newCouplings(): FamilyWatch | null {
    const { units, coupling_E0, fullScale_E0 } = this.program;
    if (coupling_E0.length === 0) return null;
    return new FamilyWatch('coupling', {
      programmed: Float64Array.from(coupling_E0, (J) => J / fullScale_E0),
      scale: fullScale_E0,
      name: (k) => pairOf(k, units).join('-'),
    });
  }

  #newOffsets(): FamilyWatch {
    const { units, stateScaleMax_x } = this.program;
    return new FamilyWatch('offset', {
      programmed: new Float64Array(units),
      scale: stateScaleMax_x,
      name: String,
    });
  }

  /** Every chart has its baseline; `couplings`: those alone. */
  hasBaseline(of: 'couplings' | 'all' = 'all'): boolean {
    const couplings = this.#couplings?.hasBaseline ?? true;
    return couplings && (of === 'couplings' || (this.#offsets.hasBaseline && this.#temperature.hasBaseline));
  }

  /** Something stands out: the next round is to decide, at once (a scan that is booked with calibrations, decision 4). */
  get isSuspicious(): boolean {
    const families = [this.#couplings, this.#offsets, this.#gain, this.#temperature];
    return families.some((one) => one?.isSuspicious === true);
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

const collect = (found: Found[]): DriftFindings => ({
  readings: found.map(({ reading }) => reading),
  alarms: found.flatMap(({ alarm }) => alarm ?? []),
});

/** Rounds of a baseline, for those who plan. */
export const BASELINE_ROUNDS = BASELINE_ROUNDS_MIN;
