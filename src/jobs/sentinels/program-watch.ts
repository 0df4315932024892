// One program on one chip under watch: goes through the rounds of its probes and hands what they measured to the charts.
import {
  DriftWatch,
  FieldResponseSums,
  zeroCouplingSteps,
  type DriftFindings,
  type DriftQuantity,
  type ProgrammedUnits,
} from '../../calibration/drift/index.ts';
import type { Clock } from '../../clock/clock.ts';
import { inSlices } from '../../clock/slices.ts';
import type { DeviceCapabilities, RelaxResult } from '../../device/index.ts';
import type { QuantisedProgram } from '../../physics/index.ts';
import { planRound, watchedOf, type Probe, type ProbePlan } from './probes.ts';

/** Of a chip and a program there is one; what it was compared with goes with it. */
export class ProgramWatch {
  readonly programId: string;
  readonly deviceUid: string;
  readonly #plan: ProbePlan;
  readonly #units: ProgrammedUnits;
  readonly #watch: DriftWatch;
  #sums: FieldResponseSums;
  /** Next probe of the round. */
  #next = 0;
  #from_ms = 0;

  constructor(
    id: { programId: string; deviceUid: string },
    program: QuantisedProgram,
    capabilities: DeviceCapabilities,
  ) {
    this.programId = id.programId;
    this.deviceUid = id.deviceUid;
    this.#plan = planRound(program, capabilities);
    const { scale } = program;
    this.#units = {
      j2: Float64Array.from(program.j2Code, (code) => code * scale.j2_E0),
      j4: Float64Array.from(program.j4Code, (code) => code * scale.j4_E0),
      biases: Float64Array.from(program.biasCode, (code) => code * scale.bias_E0),
    };
    this.#watch = new DriftWatch(watchedOf(program));
    this.#sums = this.#newSums();
  }

  /** Why couplings are not looked at; null: they are. */
  get withoutCouplings(): string | null {
    return this.#plan.withoutCouplings;
  }

  get hasBaseline(): boolean {
    return this.#watch.hasBaseline();
  }

  /** The next round decides over a suspect. */
  get isSuspicious(): boolean {
    return this.#watch.isSuspicious;
  }

  /** A round has begun. */
  get isUnderWay(): boolean {
    return this.#next > 0;
  }

  next(now_ms: number): Probe {
    if (this.#next === 0) this.#from_ms = now_ms;
    return this.#plan.probe(this.#next);
  }

  /** What a probe gave, and with the last one of a round what that says; others get their turn meanwhile. */
  async add(
    probe: Probe,
    result: RelaxResult,
    now_ms: number,
    clock: Pick<Clock, 'now_ms'>,
  ): Promise<DriftFindings> {
    const { codes, samples, stateScale, reads, units } = result;
    const run = { codes, samples, stateScale, reads: reads.length };
    const time = { from_ms: this.#from_ms, to_ms: now_ms };
    this.#next = (this.#next + 1) % this.#plan.length;
    if (probe.kind === 'zero') {
      const { j2, j4 } = this.#units;
      const zero = await inSlices(zeroCouplingSteps({ ...run, units, j2, j4 }), clock);
      return zero === null ? NOTHING : this.#watch.addZeroCoupling(zero, time);
    }
    const { first, count, readsPerPattern } = probe;
    for (let k = 0; k < count; k++)
      this.#sums.add(first + k, {
        ...run,
        firstRead: k * readsPerPattern,
        reads: readsPerPattern,
        readsInAll: run.reads,
      });
    if (this.#next !== 0) return NOTHING;
    const response = this.#sums.solve();
    this.#sums = this.#newSums();
    return this.#watch.addCouplings(response, time);
  }

  /** After a calibration of these quantities: what is measured from now on is what they are compared with. */
  startOver(quantities: readonly DriftQuantity[]): void {
    this.#watch.startOver(quantities);
    this.#sums = this.#newSums();
    this.#next = 0;
  }

  #newSums(): FieldResponseSums {
    return new FieldResponseSums(this.#plan.patterns, this.#units);
  }
}

const NOTHING: DriftFindings = { readings: [], alarms: [] };
