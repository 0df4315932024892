// The runs of a round of probes on the active program: one without couplings, then each pattern of driven units. Pure.
import {
  COUPLING_UNITS_MAX,
  drivePatterns,
  forceOf,
  type DrivePattern,
  type WatchedProgram,
} from '../../calibration/drift/index.ts';
import type { DeviceCapabilities, MeasureRequest } from '../../device/index.ts';
import { CODE_MAX, type QuantisedProgram } from '../../physics/index.ts';

/** Times in units of reduced time, 1/(mu E0). The slowest odd mode of a free unit has 0.41, a driven one far less. */
const PREPARE = 0.3;
const SETTLE = 1;
const AGAIN = 0.5;
const ZERO_SETTLE = 2.5;
const ZERO_AGAIN = 0.8;
/** Force on driven units: they stand at |x| = 1.3, well inside rails of 2. */
const DRIVE_E0 = 12;
/** One after the other in one run; each has a phase to settle and be read in, after the one that prepares. */
const PATTERNS_PER_RUN = 3;
/**
 * The largest step of a twin that is allowed here. It moves <x^2> by 1 %, the same in every round; the mean force of a
 * driven equilibrium is 0 at any step.
 */
const STEP_MAX = 0.01;
/** Driven samples of a round: two rounds name one coupling that moved by 5 % of full scale at 64 units (decision 4). */
const DRIVEN_SAMPLES = 51_200;
const PATTERN_SAMPLES = { min: 50, max: 2000 };
/** Values of uncoupled units in a round: 0.3 % of the noise temperature. */
const ZERO_VALUES = 200_000;
const ZERO_SAMPLES = { min: 200, max: 5000 };

export type Probe =
  | { kind: 'zero'; request: MeasureRequest }
  /** Patterns `first` and on, one per phase, `readsPerPattern` reads each. */
  | { kind: 'driven'; first: number; count: number; readsPerPattern: number; request: MeasureRequest };

export interface ProbePlan {
  patterns: readonly DrivePattern[];
  /** Of a round. */
  length: number;
  /** Why couplings are not looked at; null: they are. */
  withoutCouplings: string | null;
  probe(k: number): Probe;
}

/** What the watch has to know of a program. */
export function watchedOf(program: QuantisedProgram): WatchedProgram {
  const { units, scale, couplingCode, noiseTemperatureCode } = program;
  // Made for those that are watched alone: 839,160 of 1,296 units would take 70 ms of the event loop.
  const watched = whyNoCouplings(program) === null ? couplingCode : new Int16Array(0);
  return {
    units,
    coupling_E0: Float64Array.from(watched, (code) => code * scale.coupling_E0),
    fullScale_E0: CODE_MAX * scale.coupling_E0,
    noiseTemperature_E0: noiseTemperatureCode * scale.noiseTemperature_E0,
    stateScaleMax_x: CODE_MAX * scale.state,
  };
}

function whyNoCouplings({ units, couplingCode }: QuantisedProgram): string | null {
  if (units < 2 || couplingCode.every((code) => code === 0)) return 'the program has no couplings';
  return units > COUPLING_UNITS_MAX
    ? `single couplings are watched up to ${COUPLING_UNITS_MAX} units; more would take millions of samples`
    : null;
}

/** The round on a device that can do it. */
export function planRound(program: QuantisedProgram, capabilities: DeviceCapabilities): ProbePlan {
  const withoutCouplings = whyNoCouplings(program);
  const patterns = withoutCouplings === null ? drivePatterns(program.units) : [];
  const grid = gridOf(capabilities);
  const within = (count: number, { min, max }: { min: number; max: number }): number =>
    Math.min(Math.max(Math.round(count), min), max, capabilities.samplesMax);
  const drivenSamples = within(DRIVEN_SAMPLES / Math.max(1, patterns.length), PATTERN_SAMPLES);
  const zeroSamples = within(ZERO_VALUES / program.units, ZERO_SAMPLES);
  const fieldMax_E0 = (capabilities.ranges.field?.fullScaleMax_E0 ?? Infinity) / 1.25;
  const drive_E0 = Math.min(DRIVE_E0, fieldMax_E0);
  const perRun = Math.max(1, Math.min(PATTERNS_PER_RUN, capabilities.phasesMax - 1, capabilities.fieldSlots));
  const samplesOf = { zero: zeroSamples, driven: drivenSamples };
  const parts = { program, grid, samplesOf };
  return {
    patterns,
    length: 1 + Math.ceil(patterns.length / perRun),
    withoutCouplings,
    probe(k) {
      if (k === 0) return zeroProbe(parts);
      const first = (k - 1) * perRun;
      const forces = patterns.slice(first, first + perRun).map((pattern) => forceOf(pattern, drive_E0));
      return drivenProbe(parts, first, forces);
    },
  };
}

interface Parts {
  program: QuantisedProgram;
  grid: Grid;
  samplesOf: { zero: number; driven: number };
}

function zeroProbe({ program, grid: { step_s, time_s }, samplesOf }: Parts): Probe {
  const readAt_s = [ZERO_SETTLE, ZERO_SETTLE + ZERO_AGAIN].map(time_s);
  const phases = [{ duration_s: readAt_s[1], coupled: false, readAt_s }];
  return { kind: 'zero', request: { program, samples: samplesOf.zero, step_s, phases } };
}

function drivenProbe(
  { program, grid: { step_s, time_s }, samplesOf }: Parts,
  first: number,
  forces: Float64Array[],
): Probe {
  const readAt_s = [SETTLE, SETTLE + AGAIN].map(time_s);
  const prepare = { duration_s: time_s(PREPARE), coupled: false, field: { force_E0: forces[0] } };
  const driven = forces.map((force_E0) => ({
    duration_s: readAt_s[1],
    coupled: true,
    field: { force_E0 },
    readAt_s,
  }));
  const request = { program, samples: samplesOf.driven, step_s, phases: [prepare, ...driven] };
  return { kind: 'driven', first, count: forces.length, readsPerPattern: readAt_s.length, request };
}

interface Grid {
  step_s: number;
  /** Reduced time in whole steps, seconds. */
  time_s: (time: number) => number;
}

/** The step that is used, and reduced times in whole steps of it, seconds. */
function gridOf(capabilities: DeviceCapabilities): Grid {
  const { timeUnit_s, stepMin_s, stepMax_s } = capabilities;
  const wanted_ns = Math.floor(STEP_MAX * timeUnit_s * 1e9 + 1e-6);
  const step_ns = Math.max(
    Math.min(wanted_ns, Math.floor(stepMax_s * 1e9 + 1e-6)),
    Math.ceil(stepMin_s * 1e9 - 1e-6),
    1,
  );
  return {
    step_s: step_ns / 1e9,
    time_s: (time) => (Math.max(1, Math.round((time * timeUnit_s * 1e9) / step_ns)) * step_ns) / 1e9,
  };
}
