// The golden states of the twin's kernel: a handful of runs whose final states are recorded as SHA-256 in
// test/vectors/kernel-states.json. Every way of computing them must give that hash, on every engine: 1, 2 and 3 threads,
// every product path, and the oracle. Plain Node loads this file too (scripts/ci/kernel-states.ts): no test runner here.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { CoreProgram, CoreRun } from '../../firmware-sim/chip/analog-core.ts';
import { oscillatorCell, type OscillatorCell } from '../../firmware-sim/chip/dynamics.ts';
import { idealProgram, type EffectiveProgram } from '../../firmware-sim/chip/effective-program.ts';
import { couplingNorms, planRun, type RunPlan } from '../../firmware-sim/chip/kernel/coefficients.ts';
import { buildGaussianTable } from '../../firmware-sim/chip/kernel/gaussian.ts';
import {
  areaAddress,
  BLOCK_MAX,
  createKernelMemory,
  Kernel,
  writeCouplings,
  writeGaussianTable,
} from '../../firmware-sim/chip/kernel/kernel.ts';
import { runOracle } from '../../firmware-sim/chip/kernel/oracle.ts';
import { voltageState } from '../../firmware-sim/chip/kernel/oscillator.ts';
import { WorkerPool } from '../../firmware-sim/chip/kernel/pool.ts';
import { phase, randomCodes, referenceProgram, schedule, seededRandom } from './core-programs.ts';

export interface GoldenCase {
  name: string;
  about: string;
  effective: EffectiveProgram;
  run: CoreRun;
  cell: OscillatorCell | null;
}

export interface GoldenFile {
  about: string;
  version: number;
  states: { name: string; about: string; sha256: string }[];
}

const UNITS_MAX = 1296;
const THREADS = [1, 2, 3];
const wasm = new URL('../../firmware-sim/chip/kernel/wasm/kernel.wasm', import.meta.url);
const vectors = new URL('../vectors/kernel-states.json', import.meta.url);

export const readGoldenFile = (): GoldenFile => JSON.parse(readFileSync(vectors, 'utf8')) as GoldenFile;

/** Uncoupled with a falling field, then coupled with it; only the final states are read. */
function relaxation(units: number, steps: number, change: Partial<CoreRun>): CoreRun {
  const code = randomCodes(units, 2047, seededRandom(units));
  const field = { code, scale_E0: 1e-3, from_q15: 32_768, to_q15: -12_345 };
  const phases = [
    phase(steps, { field, readAtStep: [] }),
    phase(2 * steps, { coupled: true, field, noiseTemperatureCode: 3000 }),
  ];
  return schedule(phases, { seed: 0x1234_5678_9abc_def0n, firstSample: 4_294_967_000, ...change });
}

function randomProgram(units: number, size: number, coupling_E0: number): CoreProgram {
  const random = seededRandom(1000 + units);
  const program = referenceProgram(units, {
    couplingCode: randomCodes((units * (units - 1)) / 2, size, random),
    biasCode: randomCodes(units, 2047, random),
  });
  return { ...program, scale: { ...program.scale, coupling_E0 } };
}

/** Everything that an effective program can hold at once: what no ideal chip has. */
function faultyProgram(units: number): EffectiveProgram {
  const program = randomProgram(units, 2047, 1e-4);
  const random = seededRandom(77);
  const around1 = (spread: number): Float64Array =>
    Float64Array.from({ length: units }, () => 1 + spread * (2 * random() - 1));
  const couplingCode = randomCodes(units * units, 2047 * 4, random);
  for (let i = 0; i < units; i++) couplingCode[i * units + i] = 0;
  const factor = around1(0.1);
  return {
    ...idealProgram(program),
    couplingCode,
    couplingFractionBits: 2,
    couplingFactor: around1(0.1),
    biasCode: Float64Array.from(program.biasCode, (code) => code + random() - 0.5),
    offset_E0: around1(0.5).map((x) => x - 1),
    j2Factor: around1(0.1),
    j4Factor: around1(0.1),
    noiseAmplitudeFactor: around1(0.2),
    noiseMemory_q15: Int32Array.from({ length: units }, () => Math.floor(random() * 32_768)),
    frozen: Uint8Array.from({ length: units }, () => (random() < 0.1 ? 1 : 0)),
    frozenState: Float64Array.from({ length: units }, () => 4 * random() - 2),
    field: (code) => ({ code, factor }),
  };
}

/** Visible units see hidden ones only: the shape of the paper's network. */
function masked(program: CoreProgram, visible: number): CoreProgram {
  let at = 0;
  const couplingCode = program.couplingCode.slice();
  for (let i = 0; i < program.units; i++)
    for (let j = i + 1; j < program.units; j++, at++) if (j < visible) couplingCode[at] = 0;
  return { ...program, couplingCode };
}

export function goldenCases(): GoldenCase[] {
  const ideal = (
    name: string,
    about: string,
    program: CoreProgram,
    run: CoreRun,
    cell: OscillatorCell | null = null,
  ): GoldenCase => ({ name, about, effective: idealProgram(program), run, cell });
  const cell = oscillatorCell({ kind: 'oscillator', qualityFactor: 1 });
  const oscillating = randomProgram(37, 2047, 1e-4);
  const oscillation = relaxation(37, 60, { samples: 13, step_ns: 4 });
  return [
    ideal(
      'small',
      '12 units, full couplings, 21 samples, 150 steps of 2 ns',
      randomProgram(12, 2047, 1e-4),
      relaxation(12, 50, { samples: 21, step_ns: 2 }),
    ),
    ideal(
      'odd',
      '45 units, 35 samples (a whole block and 3), 120 steps of 5 ns',
      randomProgram(45, 2047, 5e-5),
      relaxation(45, 40, { samples: 35, step_ns: 5 }),
    ),
    ideal('oscillator-flux', '37 oscillator cells, Q = 1, flux', oscillating, oscillation, cell),
    ideal(
      'oscillator-voltage',
      'the same run, voltage',
      oscillating,
      { ...oscillation, readout: 'voltage' },
      cell,
    ),
    {
      name: 'faulty',
      about: '50 units with gains, offsets, asymmetric fractional couplings, coloured noise, frozen units',
      effective: faultyProgram(50),
      run: relaxation(50, 30, { samples: 19, step_ns: 2 }),
      cell: null,
    },
    ideal(
      'masked',
      '96 units, 60 of them see the other 36 only',
      masked(randomProgram(96, 1200, 1e-4), 60),
      relaxation(96, 30, { samples: 17, step_ns: 3 }),
    ),
    ideal(
      'n784',
      '784 units, couplings of the size of trained ones, 12 samples, 9 steps of 1 ns',
      randomProgram(784, 540, 4e-5),
      relaxation(784, 3, { samples: 12 }),
    ),
    ideal(
      'n1296',
      '1296 units, couplings of full size (sums beyond 32 bits), 9 samples, 6 steps of 10 ns',
      randomProgram(1296, 2047, 1e-5),
      relaxation(1296, 2, { samples: 9, step_ns: 10 }),
    ),
  ];
}

const sha256 = (states: Int32Array): string => {
  const bytes = Buffer.alloc(states.length * 4);
  states.forEach((x, k) => bytes.writeInt32LE(x, 4 * k));
  return createHash('sha256').update(bytes).digest('hex');
};

function planOf({ effective, run, cell }: GoldenCase): RunPlan {
  const norms = couplingNorms(effective.program.units, effective.couplingCode);
  return planRun(effective, norms, run, 0, cell);
}

function oracleStates(golden: GoldenCase, plan: RunPlan, table: Int16Array): Int32Array {
  const { state, velocity } = runOracle(plan, golden.effective.couplingCode, table);
  const { oscillator } = plan;
  return oscillator?.readout === 'voltage' ? velocity.map((w) => voltageState(oscillator, w)) : state;
}

export interface GoldenResult {
  name: string;
  about: string;
  /** SHA-256 of the final states, little-endian Q27 [sample][unit], by how they were computed. */
  sha256: Record<string, string>;
}

interface Threaded {
  threads: number;
  memory: WebAssembly.Memory;
  pool: WorkerPool;
}

/** Computes every case in every way. */
export async function computeGoldenStates(): Promise<GoldenResult[]> {
  const table = buildGaussianTable();
  const module = new WebAssembly.Module(new Uint8Array(readFileSync(wasm)));
  const memoryFor = (threads: number): WebAssembly.Memory => {
    const memory = createKernelMemory(UNITS_MAX, threads);
    writeGaussianTable(memory, table);
    return memory;
  };
  const threaded: Threaded[] = [];
  try {
    for (const threads of THREADS) {
      const memory = memoryFor(threads);
      threaded.push({ threads, memory, pool: await WorkerPool.start(module, memory, UNITS_MAX, threads) });
    }
    const memory = memoryFor(1);
    const few = new Kernel(module, memory, areaAddress(UNITS_MAX, 0), 8);
    const results: GoldenResult[] = [];
    for (const golden of goldenCases()) {
      const plan = planOf(golden);
      const { units } = plan;
      const { couplingCode } = golden.effective;
      const hashes: Record<string, string> = {};
      for (const path of ['dense', 'masked'] as const) {
        for (const { threads, memory: shared, pool } of threaded) {
          writeCouplings(shared, units, couplingCode, path);
          hashes[`${path}, threads ${threads}`] = sha256(await pool.runRaw(plan));
        }
      }
      writeCouplings(memory, units, couplingCode);
      const states = new Int32Array(plan.samples * units);
      for (let first = 0; first < plan.samples; first += BLOCK_MAX) {
        const count = Math.min(BLOCK_MAX, plan.samples - first);
        states.set(few.runBlockRaw(plan, first, count, () => false) ?? [], first * units);
      }
      hashes['matrix-vector'] = sha256(states);
      hashes.oracle = sha256(oracleStates(golden, plan, table));
      results.push({ name: golden.name, about: golden.about, sha256: hashes });
    }
    return results;
  } finally {
    for (const { pool } of threaded) await pool.close();
  }
}
