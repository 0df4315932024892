// The simulated analog core: checks programs and schedules, plans the integers of a run, and lets the workers compute.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CoreRefusal } from './analog-core.ts';
import type { AnalogCore, CoreProgram, CoreReference, CoreRun } from './analog-core.ts';
import { checkEffective, checkProgram, checkReference, checkSchedule, checkStability } from './checks.ts';
import type { CoreFaults } from './core-faults.ts';
import { dynamicsFault, oscillatorCell } from './dynamics.ts';
import type { CoreDynamics, OscillatorCell } from './dynamics.ts';
import type { EffectiveProgram } from './effective-program.ts';
import { idealProgram } from './effective-program.ts';
import {
  advanceDrift,
  drifts,
  driftValues,
  idealReference,
  ImperfectChip,
  mistimed,
  startDrift,
} from './imperfections/index.ts';
import type { DriftState, DriftValues, EffectiveCouplings } from './imperfections/index.ts';
import { couplingNorms, isCoupled, planRun, programMultipliers, TIME_PER_NS } from './kernel/coefficients.ts';
import type { CouplingNorms, RunPlan } from './kernel/coefficients.ts';
import { buildGaussianTable, GAUSSIAN_SHA256 } from './kernel/gaussian.ts';
import { createKernelMemory, writeCouplings, writeGaussianTable } from './kernel/kernel.ts';
import { oscillatorStep } from './kernel/oscillator.ts';
import type { StepWeights } from './kernel/oscillator.ts';
import { WorkerPool } from './kernel/pool.ts';
import { isIdeal } from './profile/index.ts';
import type { ChipProfile } from './profile/index.ts';
import { atTemperature } from './thermal/index.ts';

/** Bound of the overflow proof in kernel/coefficients.ts. */
const UNITS_LIMIT = 4096;
const THREADS_LIMIT = 64;
const STEP_MIN_NS = 1;

export interface TwinCoreOptions {
  /** Largest program, in units: 1 to 4096. Memory is sized for it. */
  units: number;
  /** Worker threads, 1 to 64; the samples do not depend on it. */
  threads: number;
  /**
   * Error of the actual noise temperature: kT_actual = kT_programmed * (1 + error), above -1. Overrides the common error
   * of the profile.
   */
  noiseTemperatureError_ratio?: number;
  /** What differs from an ideal chip; absent: nothing. */
  profile?: ChipProfile;
  /** Time since power on, seconds, for the drift of the profile; absent: it stands still at 0. */
  deviceTime_s?: () => number;
  /** Temperature of the die, degrees Celsius; absent: the one that the profile's coefficients refer to. */
  dieTemperature_C?: () => number;
  /** How the units of this chip move; absent: as the profile says, or overdamped. */
  dynamics?: CoreDynamics;
  /** What fails while the core runs; asked at every batch. Absent: nothing ever does. */
  faults?: CoreFaults;
}

export type CoreErrorCode = 'busy' | 'no-program' | 'bad-options' | 'damaged-kernel' | 'worker-failed';

/** Wrong use or failure of the simulated core itself (a CoreRefusal is about what it was given). */
export class CoreError extends Error {
  override readonly name = 'CoreError';
  readonly code: CoreErrorCode;
  readonly retryable: boolean;
  constructor(code: CoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'busy';
  }
}

interface LoadedProgram {
  /** On an ideal chip, or at the time of loading and the finest step. */
  effective: EffectiveProgram;
  couplings: EffectiveCouplings;
  norms: CouplingNorms;
}

/** The core's own copy, without the coupling codes: effective programs carry them. */
function copyProgram(program: CoreProgram): CoreProgram {
  return {
    ...program,
    couplingCode: new Int16Array(0),
    biasCode: program.biasCode.slice(),
    j2Code: program.j2Code.slice(),
    j4Code: program.j4Code.slice(),
    scale: { ...program.scale },
  };
}

class TwinCore implements AnalogCore {
  readonly unitsMax: number;
  readonly #memory: WebAssembly.Memory;
  readonly #pool: WorkerPool;
  readonly #noiseTemperatureError_ratio: number;
  readonly #chip: ImperfectChip | null;
  readonly #deviceTime_s: () => number;
  readonly #dieTemperature_C: (() => number) | null;
  #drift: DriftState | null = null;
  readonly #cell: OscillatorCell | null;
  #active: LoadedProgram | null = null;
  readonly #faults: CoreFaults | null;
  /** The active program with failing couplings, while they fail. */
  #failing: { key: string; program: LoadedProgram } | null = null;
  /** Whose couplings lie in the kernel's memory. */
  #written: LoadedProgram | null = null;

  constructor(options: TwinCoreOptions, memory: WebAssembly.Memory, pool: WorkerPool) {
    const { profile } = options;
    this.unitsMax = options.units;
    this.#noiseTemperatureError_ratio = actualNoiseTemperatureError_ratio(options);
    this.#deviceTime_s = options.deviceTime_s ?? (() => 0);
    this.#dieTemperature_C = options.dieTemperature_C ?? null;
    this.#chip = profile && !isIdeal(profile) ? new ImperfectChip(profile, options.units) : null;
    if (profile && drifts(profile.drift)) {
      this.#drift = startDrift(profile.drift, profile.seed, options.units);
    }
    this.#cell = oscillatorCell(chosenDynamics(options));
    this.#faults = options.faults ?? null;
    this.#memory = memory;
    this.#pool = pool;
  }

  /** Refuses what no schedule could run: the finest step is the most lenient one. */
  load(program: CoreProgram): void {
    this.#requireIdle();
    checkProgram(program, this.unitsMax);
    const { effective, couplings } = this.#effectiveOnLoad(program);
    checkEffective(effective);
    const norms = couplingNorms(program.units, effective.couplingCode);
    const weights = this.#cell
      ? finestWeights(this.#cell, effective.program, norms.rowL1_codes)
      : STEP_MIN_NS;
    programMultipliers(effective, norms, weights, true);
    checkStability(effective, norms, true, STEP_MIN_NS, this.#cell);
    this.#active = { effective, couplings, norms };
    this.#failing = null;
    this.#write(this.#active);
  }

  check(run: CoreRun): void {
    if (run.reference) checkReference(run, run.reference, this.unitsMax);
    else this.#plan(run, this.#present());
  }

  async run(run: CoreRun, signal?: AbortSignal): Promise<Int16Array> {
    this.#requireIdle();
    this.#advanceDrift();
    if (run.reference) return this.#readReference(run, run.reference);
    const program = this.#present();
    const plan = this.#plan(run, program);
    this.#write(program);
    const codes = await this.#codes(plan, run, signal);
    this.#faults?.readout(codes, { run, reads: plan.reads, units: plan.units });
    return codes;
  }

  /** No dynamics, no workers: what the converters make of a level that is there. */
  #readReference(run: CoreRun, reference: CoreReference): Int16Array {
    checkReference(run, reference, this.unitsMax);
    const { units, level_x } = reference;
    const shape = { ...run, units, reads: level_x.length };
    const codes =
      this.#chip?.readout.reference(level_x, shape, this.#deviations()) ?? idealReference(level_x, shape);
    this.#faults?.readout(codes, { run, reads: level_x.length, units });
    return codes;
  }

  async #codes(plan: RunPlan, run: CoreRun, signal?: AbortSignal): Promise<Int16Array> {
    const drift = this.#deviations();
    try {
      if (this.#chip === null) return await this.#pool.run(plan, signal);
      const raw = await this.#pool.runRaw(plan, signal);
      return this.#chip.readout.deliver(raw, { ...plan, seed: run.seed }, drift);
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw new CoreError('worker-failed', 'a kernel worker failed during a run', { cause });
    }
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #requireIdle(): void {
    if (this.#pool.failure) {
      throw new CoreError('worker-failed', 'the core has no workers', { cause: this.#pool.failure });
    }
    if (this.#pool.busy) throw new CoreError('busy', 'the core is running; one operation at a time');
  }

  #plan(run: CoreRun, { norms, couplings, effective: loaded }: LoadedProgram): RunPlan {
    checkSchedule(run, loaded.program.units);
    checkReadout(run, this.#cell);
    const chip = this.#chip;
    if (chip === null) return this.#planEffective(loaded, norms, run);
    const actual = mistimed(run, chip.profile.timing);
    checkSchedule(actual, loaded.program.units);
    const effective = chip.effective(loaded.program, couplings, run.step_ns, this.#deviations());
    checkEffective(effective);
    return this.#planEffective(effective, norms, actual);
  }

  /** The active program as it is now: with what failing couplings make of it. */
  #present(): LoadedProgram {
    const active = this.#active;
    if (!active) throw new CoreError('no-program', 'no program is loaded');
    const damage = this.#faults?.couplings() ?? null;
    if (damage === null) return active;
    if (this.#failing?.key !== damage.key) {
      const { units } = active.effective.program;
      const couplings = damage.apply(units, active.couplings);
      const effective = { ...active.effective, ...couplings };
      checkEffective(effective);
      const norms = couplingNorms(units, couplings.couplingCode);
      this.#failing = { key: damage.key, program: { effective, couplings, norms } };
    }
    return this.#failing.program;
  }

  #write(program: LoadedProgram): void {
    if (this.#written === program) return;
    writeCouplings(this.#memory, program.effective.program.units, program.effective.couplingCode);
    this.#written = program;
  }

  #planEffective(effective: EffectiveProgram, norms: CouplingNorms, run: CoreRun): RunPlan {
    checkStability(effective, norms, isCoupled(run), run.step_ns, this.#cell);
    return planRun(effective, norms, run, this.#noiseTemperatureError_ratio, this.#cell);
  }

  #effectiveOnLoad(program: CoreProgram): { effective: EffectiveProgram; couplings: EffectiveCouplings } {
    if (this.#chip === null) {
      const effective = idealProgram(program);
      return { effective, couplings: effective };
    }
    const couplings = this.#chip.couplings(program);
    const kept = copyProgram(program);
    return { effective: this.#chip.effective(kept, couplings, STEP_MIN_NS, this.#deviations()), couplings };
  }

  /** A run sees the chip as it is when it begins. */
  #advanceDrift(): void {
    if (this.#drift === null || this.#chip === null) return;
    const { drift, seed } = this.#chip.profile;
    this.#drift = advanceDrift(this.#drift, drift, seed, this.unitsMax, this.#deviceTime_s());
  }

  /** Drift, and what the temperature of the die does, now. */
  #deviations(): DriftValues | null {
    if (this.#chip === null) return null;
    const { drift: magnitudes, thermal } = this.#chip.profile;
    const drift = this.#drift && driftValues(this.#drift, magnitudes, this.unitsMax);
    if (this.#dieTemperature_C === null) return drift;
    return atTemperature(drift, thermal.sensitivity, this.#dieTemperature_C(), this.unitsMax);
  }
}

/** Overdamped noise has no voltage: dx/dt is white. */
function checkReadout(run: CoreRun, cell: OscillatorCell | null): void {
  if (run.readout !== 'voltage' || cell) return;
  throw new CoreRefusal('bad-schedule', 'overdamped units have no voltage to read; read the flux');
}

function finestWeights(cell: OscillatorCell, program: CoreProgram, rowL1_codes: number): StepWeights {
  return oscillatorStep(cell, program, rowL1_codes, STEP_MIN_NS, STEP_MIN_NS * TIME_PER_NS, null).weights;
}

function actualNoiseTemperatureError_ratio(options: TwinCoreOptions): number {
  return options.noiseTemperatureError_ratio ?? options.profile?.noise.temperature.common_ratio ?? 0;
}

function chosenDynamics({ dynamics, profile }: TwinCoreOptions): CoreDynamics {
  return dynamics ?? profile?.dynamics ?? { kind: 'overdamped' };
}

function checkOptions(options: TwinCoreOptions): void {
  const { units, threads } = options;
  const noiseTemperatureError_ratio = actualNoiseTemperatureError_ratio(options);
  const integer = (name: string, value: number, limit: number): void => {
    if (Number.isInteger(value) && value >= 1 && value <= limit) return;
    throw new CoreError('bad-options', `${name} is ${value}; allowed are integers from 1 to ${limit}`);
  };
  integer('units', units, UNITS_LIMIT);
  integer('threads', threads, THREADS_LIMIT);
  const fault = dynamicsFault(chosenDynamics(options));
  if (fault !== null) throw new CoreError('bad-options', fault);
  if (Number.isFinite(noiseTemperatureError_ratio) && noiseTemperatureError_ratio > -1) return;
  throw new CoreError(
    'bad-options',
    `the noise temperature error is ${noiseTemperatureError_ratio}; it must be finite and above -1`,
  );
}

function checkedGaussianTable(): Int16Array {
  const table = buildGaussianTable();
  const digest = createHash('sha256').update(new Uint8Array(table.buffer)).digest('hex');
  if (digest === GAUSSIAN_SHA256) return table;
  throw new CoreError(
    'damaged-kernel',
    `the Gaussian table has digest ${digest}; expected ${GAUSSIAN_SHA256}`,
  );
}

/** Builds the simulated analog core and starts its workers. Throws CoreError 'bad-options' and 'damaged-kernel'. */
export async function createTwinCore(options: TwinCoreOptions): Promise<AnalogCore> {
  checkOptions(options);
  const bytes = await readFile(new URL('./kernel/wasm/kernel.wasm', import.meta.url));
  const module = await WebAssembly.compile(bytes);
  const memory = createKernelMemory(options.units, options.threads);
  writeGaussianTable(memory, checkedGaussianTable());
  return new TwinCore(
    options,
    memory,
    await WorkerPool.start(module, memory, options.units, options.threads),
  );
}
