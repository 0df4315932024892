// Calibration `noise-temperature`: hold the units uncoupled until they are in equilibrium, read them late, and invert
// the exact one-unit curve. The I/O shell around hold-estimator.ts.
import { DeviceError, planHold, type DeviceCapabilities, type HoldRequest } from '../../device/index.ts';
import { emptyModel, quantise, type QuantisedProgram } from '../../physics/index.ts';
import { CalibrationError } from '../errors.ts';
import {
  numberOption,
  onGrid_s,
  onlyOptions,
  seedOption,
  stepOf_s,
  stepOption,
  unitsOption,
} from '../options.ts';
import { short } from '../report.ts';
import { knownOf, onSite } from '../runs.ts';
import type { ChipKnowledge } from '../knowledge.ts';
import type { HoldData } from './hold-data.ts';
import { assumptions, knowledgeErrors, lawsOf, type KnowledgeErrors } from './known.ts';
import { HOLDS_MIN, estimateHold, type HoldEstimate } from './hold-estimator.ts';
import type {
  CalibrationControl,
  CalibrationOutcome,
  CalibrationProcedure,
  HoldDevice,
  JsonObject,
} from '../procedure.ts';

/** Options of the procedure; times in units of reduced time, 1/(mu E0). */
export interface NoiseTemperatureOptions {
  /** Default: as many as the device has. */
  units?: number;
  /** Independent restarts. */
  holds: number;
  /** Time before the first read. The slowest even mode of a unit has 0.18, so 2.5 leaves 1e-6 of the start. */
  settle: number;
  /** Time over which each hold is read. */
  record: number;
  readEvery: number;
  /** At most 0.0025: the step raises kT (by 0.12 % at 0.001), and is not corrected for. Whole nanoseconds of the device
   * clock, rounded down; default the device's own. */
  step?: number;
  /** Twins only. */
  seed?: bigint;
}

const DEFAULTS = { holds: 200, settle: 2.5, record: 2.5, readEvery: 0.25 } as const;
/** Procedure for the runner. Option names are those of NoiseTemperatureOptions with `_timeUnits` on times. */
export const noiseTemperature: CalibrationProcedure<HoldDevice> = { check, cost_s, run };

function check(options: JsonObject, capabilities: DeviceCapabilities): void {
  const parsed = parseOptions(options, capabilities);
  holdRequest(holdProgram(parsed.units, capabilities), parsed, capabilities);
}

function cost_s(options: JsonObject, capabilities: DeviceCapabilities): number {
  const parsed = parseOptions(options, capabilities);
  const { samples, duration_s } = holdRequest(holdProgram(parsed.units, capabilities), parsed, capabilities);
  return samples * duration_s;
}

async function run(
  device: HoldDevice,
  options: JsonObject,
  control: CalibrationControl,
): Promise<CalibrationOutcome> {
  const { capabilities } = device;
  if (capabilities === null)
    throw new DeviceError('device-offline', `device ${device.id} has not connected yet`);
  const parsed = parseOptions(options, capabilities);
  const program = holdProgram(parsed.units, capabilities);
  const request = holdRequest(program, parsed, capabilities);
  const result = await device.hold(request, {
    signal: control.signal,
    onProgress: ({ phase, done, total }) => {
      if (phase === 'relaxing' || phase === 'reading') control.onProgress({ done, total });
    },
  });
  const programmed = onSite(program);
  const known = knownOf(control, result.units);
  const data: HoldData = {
    codes: result.codes,
    holds: result.samples,
    reads: result.reads.length,
    units: result.units,
    stateScale: result.stateScale,
    ...lawsOf(known, programmed),
  };
  const estimate = estimateHold(data);
  const nominal_E0 = programmed.kT_E0;
  const every = parsed.options.readEvery;
  return {
    ...report(estimate, { nominal_E0, known, errors: knowledgeErrors(known, data, estimate) }, every, {
      units: result.units,
      holds: result.samples,
      reads: result.reads.length,
      firstRead_s: result.reads[0].time_s,
      lastRead_s: result.reads[result.reads.length - 1].time_s,
      step_timeUnits: result.step_s / capabilities.timeUnit_s,
      seed: result.seed,
      programId: result.programId,
      samplesDigest: result.digest,
      duration_s: result.timing.total_s,
    }),
    device: result.device,
  };
}

/** Zero couplings and biases at the reference working point: J2 = J4 = 1 E0, kT = 0.1 E0. */
function holdProgram(units: number, capabilities: DeviceCapabilities): QuantisedProgram {
  return quantise(emptyModel(units), capabilities.ranges);
}

/** The longest record that the device can hold: a record too large for it loses its last reads, not the calibration. */
function holdRequest(
  program: QuantisedProgram,
  { options, units }: ParsedOptions,
  capabilities: DeviceCapabilities,
): HoldRequest {
  const step_s = stepOf_s(options.step, capabilities);
  const onGrid = (time: number): number => onGrid_s(time, step_s, capabilities);
  const extra = Math.floor(options.record / options.readEvery + 1e-9);
  const spacing_s = onGrid(options.readEvery);
  const first_s = onGrid(options.settle);
  let refusal: unknown;
  for (let reads = extra + 1; reads > 0; reads--) {
    const readAt_s = Array.from({ length: reads }, (_, k) => first_s + k * spacing_s);
    const request: HoldRequest = {
      program,
      samples: options.holds,
      duration_s: readAt_s[reads - 1],
      readAt_s,
      step_s,
      noiseTemperature_ratio: 1,
      seed: options.seed,
    };
    try {
      planHold(request, capabilities);
      return request;
    } catch (error) {
      if (!(error instanceof DeviceError && error.pointer === '/readAt_s')) throw error;
      refusal = error;
    }
  }
  throw new CalibrationError('bad-option', `no read of ${units} units fits the device`, {
    pointer: '/units',
    remedy: refusal instanceof DeviceError ? refusal.remedy : undefined,
  });
}

interface ParsedOptions {
  options: NoiseTemperatureOptions;
  units: number;
}

const OPTION_NAMES = [
  'units',
  'holds',
  'settle_timeUnits',
  'record_timeUnits',
  'readEvery_timeUnits',
  'step_timeUnits',
  'seed',
];

function parseOptions(given: JsonObject, capabilities: DeviceCapabilities): ParsedOptions {
  onlyOptions(given, OPTION_NAMES);
  const whole = { integer: true };
  const units = unitsOption(given, capabilities);
  const options: NoiseTemperatureOptions = {
    holds: numberOption(given, 'holds', DEFAULTS.holds, {
      min: HOLDS_MIN,
      max: capabilities.samplesMax,
      ...whole,
    }),
    settle: numberOption(given, 'settle_timeUnits', DEFAULTS.settle, { min: 1, max: 1e6 }),
    record: numberOption(given, 'record_timeUnits', DEFAULTS.record, { min: 0, max: 1e6 }),
    readEvery: numberOption(given, 'readEvery_timeUnits', DEFAULTS.readEvery, { min: 1e-3, max: 1e6 }),
    step: stepOption(given),
    seed: seedOption(given['seed']),
  };
  return { options, units };
}

/** Own scatter and what is known only so well; the own one to the last bit where nothing is known. */
const withError = (own: number, other: number): number => (other === 0 ? own : Math.hypot(own, other));

function report(
  estimate: HoldEstimate,
  { nominal_E0, known, errors }: { nominal_E0: number; known: ChipKnowledge; errors: KnowledgeErrors },
  readEvery: number,
  measurement: JsonObject,
): Pick<CalibrationOutcome, 'values' | 'stderr'> {
  const ratio = (kT: number | null): number | null => (kT === null ? null : short(kT / nominal_E0));
  const { correlation, chiSquare } = estimate;
  const stderr_E0 = withError(estimate.stderr_E0, errors.common_ratio * estimate.noiseTemperature_E0);
  return {
    values: {
      noiseTemperature_ratio: estimate.noiseTemperature_E0 / nominal_E0,
      noiseTemperature_E0: estimate.noiseTemperature_E0,
      secondMoment: estimate.secondMoment,
      nominal_E0,
      method: 'hold',
      ...assumptions(known),
      ...(errors.systematic_ratio > 0 && { systematic_ratio: short(errors.systematic_ratio) }),
      measurement,
      perUnit: { noiseTemperature_ratio: estimate.unit_E0.map(ratio), quality: estimate.quality },
      flagged: estimate.flagged.map((flag) => ({ ...flag, z: flag.z === null ? null : short(flag.z) })),
      bound_z: estimate.bound_z,
      chiSquare: {
        value: chiSquare.value,
        degreesOfFreedom: chiSquare.degrees,
        pValue: chiSquare.pValue,
      },
      crossCheck: correlation && {
        autocorrelationTime_timeUnits: correlation.time_reads * readEvery,
        noiseTemperature_stderr: correlation.stderr_E0 / nominal_E0,
        trusted: correlation.trusted,
      },
    },
    stderr: {
      noiseTemperature_ratio: stderr_E0 / nominal_E0,
      noiseTemperature_E0: stderr_E0,
      perUnit: {
        noiseTemperature_ratio: estimate.unitStderr_E0.map((own, i) =>
          ratio(own === null ? null : withError(own, errors.unit_ratio[i] * (estimate.unit_E0[i] ?? 0))),
        ),
      },
    },
  };
}
