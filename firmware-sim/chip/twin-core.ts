// The simulated analog core: checks programs and schedules, plans the integers of a run, and lets the workers compute.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { AnalogCore, CoreProgram, CoreRun } from './analog-core.ts';
import { checkEffective, checkProgram, checkSchedule, checkStability } from './checks.ts';
import type { EffectiveProgram } from './effective-program.ts';
import { idealProgram } from './effective-program.ts';
import { couplingNorms, isCoupled, planRun, programMultipliers } from './kernel/coefficients.ts';
import type { CouplingNorms, RunPlan } from './kernel/coefficients.ts';
import { buildGaussianTable, GAUSSIAN_SHA256 } from './kernel/gaussian.ts';
import { createKernelMemory, writeCouplings, writeGaussianTable } from './kernel/kernel.ts';
import { WorkerPool } from './kernel/pool.ts';

/** Bound of the overflow proof in kernel/coefficients.ts. */
const UNITS_LIMIT = 4096;
const THREADS_LIMIT = 64;
const STEP_MIN_NS = 1;

export interface TwinCoreOptions {
  /** Largest program, in units: 1 to 4096. Memory is sized for it. */
  units: number;
  /** Worker threads, 1 to 64; the samples do not depend on it. */
  threads: number;
  /** Error of the actual noise temperature: kT_actual = kT_programmed * (1 + error), above -1. */
  noiseTemperatureError_ratio: number;
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
  effective: EffectiveProgram;
  norms: CouplingNorms;
}

class TwinCore implements AnalogCore {
  readonly unitsMax: number;
  readonly #memory: WebAssembly.Memory;
  readonly #pool: WorkerPool;
  readonly #noiseTemperatureError_ratio: number;
  #active: LoadedProgram | null = null;

  constructor(options: TwinCoreOptions, memory: WebAssembly.Memory, pool: WorkerPool) {
    this.unitsMax = options.units;
    this.#noiseTemperatureError_ratio = options.noiseTemperatureError_ratio;
    this.#memory = memory;
    this.#pool = pool;
  }

  /** Refuses what no schedule could run: the finest step is the most lenient one. */
  load(program: CoreProgram): void {
    this.#requireIdle();
    checkProgram(program, this.unitsMax);
    const effective = idealProgram(program);
    checkEffective(effective);
    const norms = couplingNorms(program.units, effective.couplingCode);
    programMultipliers(effective, norms, STEP_MIN_NS, true);
    checkStability(effective, norms, true, STEP_MIN_NS);
    this.#active = { effective, norms };
    writeCouplings(this.#memory, program.units, effective.couplingCode);
  }

  check(run: CoreRun): void {
    this.#plan(run);
  }

  async run(run: CoreRun, signal?: AbortSignal): Promise<Int16Array> {
    this.#requireIdle();
    const plan = this.#plan(run);
    try {
      return await this.#pool.run(plan, signal);
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

  #plan(run: CoreRun): RunPlan {
    if (!this.#active) throw new CoreError('no-program', 'no program is loaded');
    const { effective, norms } = this.#active;
    checkSchedule(run, effective.program.units);
    checkStability(effective, norms, isCoupled(run), run.step_ns);
    return planRun(effective, norms, run, this.#noiseTemperatureError_ratio);
  }
}

function checkOptions({ units, threads, noiseTemperatureError_ratio }: TwinCoreOptions): void {
  const integer = (name: string, value: number, limit: number): void => {
    if (Number.isInteger(value) && value >= 1 && value <= limit) return;
    throw new CoreError('bad-options', `${name} is ${value}; allowed are integers from 1 to ${limit}`);
  };
  integer('units', units, UNITS_LIMIT);
  integer('threads', threads, THREADS_LIMIT);
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
