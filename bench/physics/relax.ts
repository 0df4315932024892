// Restarts of a program on the twin's core, in this process, in reduced time; and averages over them.
import {
  createTwinCore,
  type CoreDynamics,
  type CorePhase,
  type CoreProgram,
  type CoreRun,
} from '../../firmware-sim/chip/index.ts';
import { quantiseField } from '../../src/physics/index.ts';
import { Average, type Estimate } from './judge.ts';

/** What a group of rows is run with. */
export interface Settings {
  /** Fewer restarts, small programs only: for continuous integration. */
  quick: boolean;
  threads: number;
  say(line: string): void;
}

/** Readouts of a run; `x` is in reduced units. */
export interface Restarts {
  samples: number;
  reads: number;
  units: number;
  x(sample: number, read: number, unit: number): number;
  /** One state, N values; the array is used again by the next call. */
  state(sample: number, read: number): Float64Array;
}

export interface Phase {
  /** Reduced time, 1/(mu E0). */
  duration: number;
  coupled?: boolean;
  /** A constant field of this size on every unit (a force, E0). */
  field_E0?: number;
  /** kT of the phase over the program's own; default 1. */
  noiseTemperature_ratio?: number;
  /** Reduced times of reads within the phase. */
  readAt?: readonly number[];
}

export interface RelaxOptions {
  samples: number;
  seed: bigint;
  /** Integration step in reduced time, a multiple of 0.001; default 0.001. */
  dt?: number;
  /** How the units move; default overdamped. */
  dynamics?: CoreDynamics;
  /** 'voltage': v / omega_0 of an oscillator cell stands in for x. */
  readout?: CoreRun['readout'];
}

const TIME_PER_NS = 1e-3;

function corePhase(program: CoreProgram, phase: Phase, dt: number): CorePhase {
  const steps = (time: number): number => Math.round(time / dt);
  const { field_E0 } = phase;
  const field = field_E0 === undefined ? null : quantiseField(new Float64Array(program.units).fill(field_E0));
  return {
    steps: steps(phase.duration),
    coupled: phase.coupled ?? false,
    field: field && { ...field, from_q15: 32768, to_q15: 32768 },
    noiseTemperatureCode: Math.round(program.noiseTemperatureCode * (phase.noiseTemperature_ratio ?? 1)),
    readAtStep: (phase.readAt ?? []).map(steps),
  };
}

/** Runs independent restarts of a program. Throws CoreRefusal for what the core cannot represent. */
export async function relax(
  program: CoreProgram,
  phases: readonly Phase[],
  { samples, seed, dt = 0.001, dynamics, readout }: RelaxOptions,
  { threads }: Settings,
): Promise<Restarts> {
  const { units } = program;
  const core = await createTwinCore({ units, threads, noiseTemperatureError_ratio: 0, dynamics });
  try {
    core.load(program);
    const run: CoreRun = {
      seed,
      firstSample: 0,
      samples,
      step_ns: Math.round(dt / TIME_PER_NS),
      readout,
      phases: phases.map((phase) => corePhase(program, phase, dt)),
    };
    const codes = await core.run(run);
    return restarts(codes, units, samples, program.scale.state);
  } finally {
    await core.close();
  }
}

function restarts(codes: Int16Array, units: number, samples: number, scale: number): Restarts {
  const reads = codes.length / samples / units;
  const at = (sample: number, read: number): number => (sample * reads + read) * units;
  const state = new Float64Array(units);
  return {
    samples,
    reads,
    units,
    x: (sample, read, unit) => codes[at(sample, read) + unit] * scale,
    state: (sample, read) => {
      const first = at(sample, read);
      for (let i = 0; i < units; i++) state[i] = codes[first + i] * scale;
      return state;
    },
  };
}

/** Times `first`, `first + spacing`, ...: `count` reads. */
export function readTimes(first: number, spacing: number, count: number): number[] {
  return Array.from({ length: count }, (_, k) => first + k * spacing);
}

/**
 * <f(x)> of independent, equal units: the mean over the reads of one unit in one restart is one independent value, so
 * that memory between reads cannot make the error look smaller.
 */
export function overUnits(run: Restarts, f: (x: number) => number): Estimate {
  const average = new Average();
  for (let sample = 0; sample < run.samples; sample++)
    for (let unit = 0; unit < run.units; unit++) {
      let sum = 0;
      for (let read = 0; read < run.reads; read++) sum += f(run.x(sample, read, unit));
      average.add(sum / run.reads);
    }
  return average.estimate;
}

/** <f(state)>: the mean over the reads of one restart is one independent value. */
export function overRestarts(run: Restarts, f: (state: Float64Array) => number): Estimate {
  const average = new Average();
  for (let sample = 0; sample < run.samples; sample++) {
    let sum = 0;
    for (let read = 0; read < run.reads; read++) sum += f(run.state(sample, read));
    average.add(sum / run.reads);
  }
  return average.estimate;
}
