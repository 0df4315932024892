// The native references of the kernel: compiles them into a temporary folder with the machine's own C compiler, hands them
// a plan as a file, and reads back CPU seconds and final states. Where something is missing there is a reason instead.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PhasePlan, RunPlan } from '../../firmware-sim/chip/kernel/coefficients.ts';
import { countChildCpu } from '../machine.ts';
import type { Workload } from './workload.ts';

const run = promisify(execFile);
const COMPILER = 'gcc';
const FLAGS = ['-O3', '-march=native', '-std=gnu11'];
const source = (name: string): string => new URL(`../baselines/${name}`, import.meta.url).pathname;

/** Why a reference cannot run here. */
export interface Absent {
  readonly missing: string;
}

export interface NativeKernel {
  /** Relaxes `replicas` (a multiple of 32) from x = 0; CPU seconds of the steps alone. */
  run: (steps: number, replicas: number) => Promise<{ cpu_s: number; states: Int32Array }>;
}

export interface NativeReferences {
  /** The same step in int16 AVX2: exact row sums, or (bits differ where they overflow) row sums of 32 bits. */
  kernel: (load: Workload, widened?: boolean) => Promise<NativeKernel>;
  /** CPU seconds of `times` float32 products (N x N) x (N x R) by OpenBLAS on one thread. */
  sgemm: ((units: number, replicas: number, times: number) => Promise<number>) | Absent;
  close: () => Promise<void>;
}

function processorFlags(): string {
  return existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
}

/** Whether this machine can build and run the int16 reference; null, or what is missing. */
export async function missingForNative(): Promise<string | null> {
  if (!/^flags.*\bavx2\b/m.test(processorFlags())) return 'no AVX2 in /proc/cpuinfo';
  const found = await run(COMPILER, ['--version']).then(
    () => true,
    () => false,
  );
  return found ? null : `no ${COMPILER} on the path`;
}

/** Lays out what bench/baselines/native-int16.c reads. The plan must be one coupled phase without a field. */
export function planFile(load: Workload, plan: RunPlan): Buffer {
  const [phase] = plan.phases as [PhasePlan];
  const { units, couplingExponent } = plan;
  const header = [
    ...[units, plan.samples, plan.exactColumns / 2, Math.max(0, -couplingExponent)],
    ...[Math.max(0, couplingExponent), plan.seedLow, plan.seedHigh, 0],
  ];
  const constant = BigInt64Array.from({ length: units }, (_, unit) => {
    const bias = BigInt(plan.biasInput[unit]) * BigInt(plan.biasMultiplier);
    return bias + (BigInt(plan.offsetMultiplier[unit]) << 30n) + (1n << 31n);
  });
  // [tile of 4 rows][column pair][row][column]
  const packed = Int16Array.from({ length: units * units }, (_, k) => {
    const tile = Math.floor(k / (4 * units));
    const within = k % (4 * units);
    const column = 2 * Math.floor(within / 8) + (within & 1);
    return load.couplingCode[(4 * tile + ((within >> 1) & 3)) * units + column];
  });
  const arrays = [
    Uint32Array.from(header),
    constant,
    plan.j2Multiplier,
    plan.j4Multiplier,
    plan.couplingMultiplier,
    phase.noiseMultiplier,
    load.table,
    packed,
  ];
  return Buffer.concat(arrays.map((a) => Buffer.from(a.buffer, a.byteOffset, a.byteLength)));
}

async function compile(folder: string, name: string, more: string[] = []): Promise<string> {
  const program = join(
    folder,
    `${name.replace('.c', '')}${more.includes('-DUNWIDENED') ? '-unwidened' : ''}`,
  );
  await run(COMPILER, [...FLAGS, source(name), '-o', program, ...more]);
  return program;
}

/** Compiles all references, or says what is missing. Close them when done. */
export async function nativeReferences(): Promise<NativeReferences | Absent> {
  const missing = await missingForNative();
  if (missing !== null) return { missing };
  const folder = await mkdtemp(join(tmpdir(), 'thermoloop-native-'));
  const close = (): Promise<void> => rm(folder, { recursive: true });
  try {
    return await referencesIn(folder, close);
  } catch (cause) {
    await close();
    const [, why] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
    return { missing: `${COMPILER} does not compile the reference: ${why ?? String(cause)}` };
  }
}

async function referencesIn(folder: string, close: () => Promise<void>): Promise<NativeReferences> {
  const programs = {
    widened: await compile(folder, 'native-int16.c'),
    unwidened: await compile(folder, 'native-int16.c', ['-DUNWIDENED']),
  };
  const sgemm = await compile(folder, 'sgemm.c', ['-lopenblas']).catch(() => null);
  let files = 0;
  return {
    kernel: async (load, widened = true) => {
      const input = join(folder, `plan-${(files += 1)}`);
      const output = `${input}-states`;
      let planned = 0;
      return {
        run: async (steps, replicas) => {
          if (planned !== replicas) await writeFile(input, planFile(load, load.plan(1, replicas)));
          planned = replicas;
          const program = widened ? programs.widened : programs.unwidened;
          const { stdout } = await run(program, [input, output, String(steps)]);
          countChildCpu(Number(stdout));
          const bytes = await readFile(output);
          const states = new Int32Array(
            bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
          );
          return { cpu_s: Number(stdout), states };
        },
      };
    },
    sgemm:
      sgemm === null
        ? { missing: 'OpenBLAS (libopenblas-dev) does not link' }
        : async (units, replicas, times) => {
            const env = { ...process.env, OPENBLAS_NUM_THREADS: '1' };
            const { stdout } = await run(sgemm, [units, replicas, times].map(String), { env });
            countChildCpu(Number(stdout));
            return Number(stdout);
          },
    close,
  };
}
