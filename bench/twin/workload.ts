// What the bench of the kernel runs: programs of N units with couplings of the size of trained ones, in one coupled phase.
import { readFileSync } from 'node:fs';
import type { CoreProgram } from '../../firmware-sim/chip/analog-core.ts';
import { idealProgram } from '../../firmware-sim/chip/effective-program.ts';
import { couplingNorms, planRun, type RunPlan } from '../../firmware-sim/chip/kernel/coefficients.ts';
import { buildGaussianTable } from '../../firmware-sim/chip/kernel/gaussian.ts';
import {
  createKernelMemory,
  writeCouplings,
  writeGaussianTable,
  type ProductPath,
} from '../../firmware-sim/chip/kernel/kernel.ts';
import { WorkerPool } from '../../firmware-sim/chip/kernel/pool.ts';
import { normalFrom, uniformFrom } from '../physics/seeded-couplings.ts';

/** Standard deviation of a coupling times sqrt(N), E0: that of the couplings trained on three digits (0.0102 at N = 784). */
const COUPLING_STRENGTH_E0 = 0.2856;
/** Largest row sum of |code| of the trained couplings at N = 784 and N = 1296 (they fill their 12 bits). */
const ROW_L1_CODES = [
  { units: 784, codes: 597_517 },
  { units: 1296, codes: 503_213 },
] as const;

const wasm = new URL('../../firmware-sim/chip/kernel/wasm/kernel.wasm', import.meta.url);

/** Uniform codes whose rows have the L1 norm of trained ones; below N = 784 the mean |code| is that of N = 784. */
export function workloadProgram(
  units: number,
  isBond: (i: number, j: number) => boolean = () => true,
): CoreProgram {
  const { units: n, codes } = ROW_L1_CODES.find((known) => known.units >= units) ?? ROW_L1_CODES[1];
  const size = Math.min(2047, (2 * codes) / n);
  const uniform = uniformFrom(units);
  const couplingCode = new Int16Array((units * (units - 1)) / 2);
  let at = 0;
  for (let i = 0; i < units; i++) {
    for (let j = i + 1; j < units; j++, at++) {
      const code = Math.round((2 * uniform() - 1) * size);
      if (isBond(i, j)) couplingCode[at] = code;
    }
  }
  const normal = normalFrom(uniform);
  return {
    units,
    couplingCode,
    biasCode: Int16Array.from({ length: units }, () => Math.round(300 * normal())),
    j2Code: new Int16Array(units).fill(1638),
    j4Code: new Int16Array(units).fill(1638),
    noiseTemperatureCode: 3276,
    scale: {
      coupling_E0: COUPLING_STRENGTH_E0 / Math.sqrt(units) / (size / Math.sqrt(3)),
      bias_E0: 1e-4,
      field_E0: 0,
      j2_E0: 1 / 1638,
      j4_E0: 1 / 1638,
      noiseTemperature_E0: 0.1 / 3276,
      state: 2 ** -10,
    },
  };
}

export interface Workload {
  readonly units: number;
  readonly couplingCode: Int16Array;
  readonly table: Int16Array;
  plan: (steps: number, replicas: number) => RunPlan;
}

export function workload(program: CoreProgram): Workload {
  const effective = idealProgram(program);
  const { units } = program;
  const norms = couplingNorms(units, effective.couplingCode);
  return {
    units,
    couplingCode: effective.couplingCode,
    table: buildGaussianTable(),
    plan: (steps, replicas) => {
      const phase = { steps, coupled: true, field: null, noiseTemperatureCode: 3276, readAtStep: [steps] };
      return planRun(
        effective,
        norms,
        { seed: 1n, firstSample: 0, samples: replicas, step_ns: 1, phases: [phase] },
        0,
      );
    },
  };
}

export interface KernelRig {
  /** Runs the workload from x = 0 and returns the final states in Q27, [replica][unit]. */
  run: (steps: number, replicas: number) => Promise<Int32Array>;
  readonly memory: WebAssembly.Memory;
  close: () => Promise<void>;
}

/** The kernel with its worker threads, as the twin's core drives it. */
export async function kernelRig(
  load: Workload,
  threads: number,
  path: ProductPath = 'masked',
): Promise<KernelRig> {
  const { units, table, couplingCode } = load;
  const module = new WebAssembly.Module(new Uint8Array(readFileSync(wasm)));
  const memory = createKernelMemory(units, threads);
  writeGaussianTable(memory, table);
  writeCouplings(memory, units, couplingCode, path);
  const pool = await WorkerPool.start(module, memory, units, threads);
  return {
    run: (steps, replicas) => pool.runRaw(load.plan(steps, replicas)),
    memory,
    close: () => pool.close(),
  };
}
