// What the coupling procedures have in common: their options, what they cost, and what they assume.
import type { DeviceCapabilities } from '../../device/index.ts';
import type { QuantisedProgram } from '../../physics/index.ts';
import { CalibrationError } from '../errors.ts';
import type { ChipKnowledge } from '../knowledge.ts';
import { numberOption, onGrid_s, onlyOptions, seedOption } from '../options.ts';
import type { JsonObject } from '../procedure.ts';
import { readoutAssumptions } from '../runs.ts';
import { couplingsOf } from './drive.ts';

/** Default step: the balance of forces holds for the law of the step itself, so a coarse one costs nothing. */
const STEP = 0.005;
const STEP_LIMIT = 0.01;
const UNITS_MIN = 4;
const SAMPLES_MIN = 4;
const PATTERNS_MIN = 11;
const PATTERNS_MAX = 65_536;
const OPTION_NAMES = [
  'units',
  'patterns',
  'samples',
  'settle_timeUnits',
  'rowForce_E0',
  'step_timeUnits',
  'seed',
];

export interface CouplingDefaults {
  patterns(units: number): number;
  samples(units: number): number;
  settle: number;
  /** Rms force of all couplings together on a unit. */
  rowForce_E0: number;
}

/** Options with their defaults; times in units of reduced time. */
export interface CouplingOptions {
  units: number;
  /** Force patterns, at least this many. */
  patterns: number;
  /** Independent states of each pattern. */
  samples: number;
  settle: number;
  rowForce_E0: number;
  step_s: number;
  seed: bigint | undefined;
}

/** @throws {CalibrationError} bad-option */
export function couplingOptions(
  given: JsonObject,
  capabilities: DeviceCapabilities,
  defaults: CouplingDefaults,
): CouplingOptions {
  onlyOptions(given, OPTION_NAMES);
  const { unitsMax, samplesMax } = capabilities;
  const whole = (name: string, fallback: number, min: number, max: number): number =>
    numberOption(given, name, fallback, { min, max, integer: true });
  const units = whole('units', unitsMax, UNITS_MIN, unitsMax);
  const step = numberOption(given, 'step_timeUnits', STEP, { min: 1e-6, max: STEP_LIMIT });
  return {
    units,
    samples: whole('samples', defaults.samples(units), SAMPLES_MIN, samplesMax),
    patterns: whole('patterns', defaults.patterns(units), PATTERNS_MIN, PATTERNS_MAX),
    settle: numberOption(given, 'settle_timeUnits', defaults.settle, { min: 0.5, max: 1e3 }),
    rowForce_E0: numberOption(given, 'rowForce_E0', defaults.rowForce_E0, { min: 0.5, max: 4 }),
    step_s: stepOf_s(step, capabilities),
    seed: seedOption(given['seed']),
  };
}

/** Whole nanoseconds at or below what was asked for, within what the device does. */
function stepOf_s(step: number, { timeUnit_s, stepMin_s, stepMax_s }: DeviceCapabilities): number {
  const floor_s = Math.floor(step * timeUnit_s * 1e9 + 1e-6) / 1e9;
  return Math.min(Math.max(floor_s, stepMin_s), stepMax_s);
}

/** Time of the chip for one drive. */
export function driveCost_s(
  patterns: number,
  { samples, settle, step_s }: CouplingOptions,
  capabilities: DeviceCapabilities,
): number {
  return patterns * samples * onGrid_s(settle, step_s, capabilities);
}

/** What the numbers rest on where nothing was measured. The forces are those of the field converters: the second reference. */
export function assumptionsOf(known: ChipKnowledge): JsonObject {
  return { ...readoutAssumptions(known), fieldGain: 1 };
}

/** The couplings of a program without those that are known to be missing. */
export function presentCouplings(program: QuantisedProgram, { mask }: ChipKnowledge): Float64Array {
  const couplings = couplingsOf(program);
  for (const [i, j] of mask?.missing ?? []) {
    couplings[i * program.units + j] = 0;
    couplings[j * program.units + i] = 0;
  }
  return couplings;
}

export function noUsableUnits(found: number, units: number): CalibrationError {
  return new CalibrationError('no-usable-units', `${found} of ${units} units follow the forces on them`, {
    remedy: 'Look at readout and field converters: most units are dead or stuck.',
  });
}

export function notToldApart(): CalibrationError {
  return new CalibrationError(
    'no-usable-units',
    'the states under these forces do not tell the units apart',
    {
      pointer: '/patterns',
      remedy: 'Ask for more patterns.',
    },
  );
}
