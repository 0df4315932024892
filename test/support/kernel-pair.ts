// The kernel and its oracle side by side: every path of the one against the other, bit for bit.
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { CoreProgram, CoreRun } from '../../firmware-sim/chip/analog-core.ts';
import {
  checkEffective,
  checkProgram,
  checkSchedule,
  checkStability,
} from '../../firmware-sim/chip/checks.ts';
import type { OscillatorCell } from '../../firmware-sim/chip/dynamics.ts';
import { idealProgram, type EffectiveProgram } from '../../firmware-sim/chip/effective-program.ts';
import { couplingNorms, planRun, type RunPlan } from '../../firmware-sim/chip/kernel/coefficients.ts';
import { buildGaussianTable } from '../../firmware-sim/chip/kernel/gaussian.ts';
import {
  areaAddress,
  createKernelMemory,
  Kernel,
  writeCouplings,
  writeGaussianTable,
} from '../../firmware-sim/chip/kernel/kernel.ts';
import { runOracle, type OracleResult } from '../../firmware-sim/chip/kernel/oracle.ts';

const wasm = new URL('../../firmware-sim/chip/kernel/wasm/kernel.wasm', import.meta.url);

export interface KernelPair {
  kernel: Kernel;
  /** Runs every path of the kernel and the oracle on an admitted program and schedule; they must agree in every bit. */
  expectSameBitsOf: (effective: EffectiveProgram, run: CoreRun, cell?: OscillatorCell) => OracleResult;
  /** The same for a program on a chip without faults. */
  expectSameBits: (program: CoreProgram, run: CoreRun, cell?: OscillatorCell) => OracleResult;
}

/** One kernel memory for programs of at most `unitsMax` units. */
export function kernelPair(unitsMax: number): KernelPair {
  const table = buildGaussianTable();
  const module = new WebAssembly.Module(new Uint8Array(readFileSync(wasm)));
  const memory = createKernelMemory(unitsMax, 2);
  writeGaussianTable(memory, table);
  // The second area: an address that depends on the sizes of the first.
  const area = areaAddress(unitsMax, 1);
  const kernel = new Kernel(module, memory, area);
  // Always, or never, the matrix-vector product.
  const kernels = [kernel, ...[8, 0].map((replicas) => new Kernel(module, memory, area, replicas))];

  const resultOf = (k: Kernel, plan: RunPlan): OracleResult => {
    const codes = k.runBlock(plan, 0, plan.samples, () => false) ?? new Int16Array(0);
    return { codes, state: k.finalState(plan.units), velocity: k.finalVelocity(plan.units) };
  };
  const expectSameBitsOf: KernelPair['expectSameBitsOf'] = (effective, run, cell) => {
    const { units } = effective.program;
    const norms = couplingNorms(units, effective.couplingCode);
    checkEffective(effective);
    checkSchedule(run, units);
    checkStability(effective, norms, true, run.step_ns, cell);
    const plan = planRun(effective, norms, run, 0, cell);
    const oracle = runOracle(plan, effective.couplingCode, table);
    for (const path of ['dense', 'masked'] as const) {
      writeCouplings(memory, units, effective.couplingCode, path);
      for (const k of kernels) expect(resultOf(k, plan)).toEqual(oracle);
    }
    return oracle;
  };
  return {
    kernel,
    expectSameBitsOf,
    expectSameBits: (program, run, cell) => {
      checkProgram(program, unitsMax);
      return expectSameBitsOf(idealProgram(program), run, cell);
    },
  };
}
