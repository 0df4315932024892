// Calibration `potential`: holds under fields of both signs, and from them J2, J4 and the constant force of every unit. The
// I/O shell around estimator.ts.
import { planMeasure, type DeviceCapabilities, type MeasureRequest } from '../../device/index.ts';
import { CalibrationError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { listOption, numberOption, onlyOptions, seedOption, stepOption, unitsOption } from '../options.ts';
import type {
  CalibrationControl,
  CalibrationOutcome,
  CalibrationProcedure,
  MeasureDevice,
} from '../procedure.ts';
import { short, shortAll } from '../report.ts';
import {
  capabilitiesOf,
  durationOf_s,
  forceOf,
  knownOf,
  measureAll,
  measurementFacts,
  onSite,
  readoutAssumptions,
  readoutOf,
  singleUnits,
  steadyRequest,
} from '../runs.ts';
import { estimatePotential, type PotentialEstimate, type UnitPotential } from './estimator.ts';

/**
 * Fields reach x = 0.41, 0.63 and 0.87, where J2 and J4 share the force in different proportions; one size would not tell
 * them apart. 160 restarts of 16 time units at each of them know J2 of a unit to 1 %, J4 to 0.7 %, the offset to 0.004 E0.
 */
const DEFAULTS = {
  fields_E0: [1, 2.5, 5],
  restarts: 160,
  settle: 4,
  record: 16,
  readEvery: 0.1,
} as const;
const FIELD_MIN_E0 = 0.1;
const FIELD_MAX_E0 = 6;
const RESTARTS_MIN = 30;
const OPTION_NAMES = [
  'units',
  'fields_E0',
  'restarts',
  'settle_timeUnits',
  'record_timeUnits',
  'readEvery_timeUnits',
  'step_timeUnits',
  'seed',
];

export const potential: CalibrationProcedure = {
  check: (options, capabilities) => {
    for (const request of requestsOf(options, capabilities)) planMeasure(request, capabilities);
  },
  cost_s: (options, capabilities) =>
    requestsOf(options, capabilities).reduce((sum, request) => sum + durationOf_s(request), 0),
  run,
};

async function run(
  device: MeasureDevice,
  options: JsonObject,
  control: CalibrationControl,
): Promise<CalibrationOutcome> {
  const capabilities = capabilitiesOf(device);
  const requests = requestsOf(options, capabilities);
  const { units } = requests[0].program;
  const known = knownOf(control, units);
  const results = await measureAll(device, requests, control);
  const programmed = onSite(requests[0].program);
  const estimate = estimatePotential({
    runs: results.map(({ codes, samples, reads, stateScale }, k) => ({
      codes,
      samples,
      reads: reads.length,
      units,
      stateScale,
      force_E0: forceOf(requests[k], capabilities),
    })),
    readout: readoutOf(known, units),
    ...programmed,
  });
  if (!estimate.quality.includes('ok'))
    throw new CalibrationError('no-usable-units', `none of ${units} units gives a potential`, {
      remedy: 'Look at the readout and the fields: every unit is dead, stuck, or does not follow.',
    });
  const device_s = requests.reduce((sum, request) => sum + durationOf_s(request), 0);
  const { values, stderr } = report(estimate, programmed);
  const facts = {
    assumes: { ...readoutAssumptions(known), fieldGain: 1 },
    measurement: measurementFacts(results, device_s),
  };
  return { values: { ...values, ...facts }, stderr, device: results[0].device };
}

/** A hold without a field, and one at each field of either sign. */
function requestsOf(given: JsonObject, capabilities: DeviceCapabilities): MeasureRequest[] {
  onlyOptions(given, OPTION_NAMES);
  const units = unitsOption(given, capabilities);
  const { fullScaleMax_E0 = Infinity } = capabilities.ranges.field ?? {};
  const most = Math.min(FIELD_MAX_E0, fullScaleMax_E0 / 1.25);
  const fallback = DEFAULTS.fields_E0.map((field) => (field * Math.min(most, 5)) / 5);
  const range = { min: FIELD_MIN_E0, max: most, least: 2, most: 8 };
  const fields = listOption(given, 'fields_E0', fallback, range);
  const times = { min: 1e-3, max: 1e4 };
  const samplesMax = capabilities.samplesMax;
  const steady = {
    program: singleUnits(units, capabilities),
    samples: numberOption(given, 'restarts', DEFAULTS.restarts, {
      min: RESTARTS_MIN,
      max: samplesMax,
      integer: true,
    }),
    settle: numberOption(given, 'settle_timeUnits', DEFAULTS.settle, { min: 1, max: 1e4 }),
    record: numberOption(given, 'record_timeUnits', DEFAULTS.record, times),
    readEvery: numberOption(given, 'readEvery_timeUnits', DEFAULTS.readEvery, times),
    step: stepOption(given),
    seed: seedOption(given['seed']),
  };
  return [0, ...fields.flatMap((field) => [field, -field])].map((force_E0) =>
    steadyRequest({ ...steady, force_E0 }, capabilities),
  );
}

function report(
  { units, quality, reasons, common, chiSquare }: PotentialEstimate,
  programmed: { j2_E0: Float64Array; j4_E0: Float64Array; kT_E0: number },
): Pick<CalibrationOutcome, 'values' | 'stderr'> {
  const per = (of: (unit: UnitPotential, at: number) => number): (number | null)[] =>
    shortAll(units.map((unit, at) => (unit === null ? null : of(unit, at))));
  const { j2_E0, j4_E0, kT_E0 } = programmed;
  return {
    values: {
      j2_ratio: short(common.j2_ratio.value),
      j4_ratio: short(common.j4_ratio.value),
      offset_E0: short(common.offset_E0.value),
      noiseTemperature_ratio: short(common.kT_ratio.value),
      method: 'field-sweep',
      perUnit: {
        j2_ratio: per((unit, at) => unit.j2_E0 / j2_E0[at]),
        j4_ratio: per((unit, at) => unit.j4_E0 / j4_E0[at]),
        offset_E0: per((unit) => unit.offset_E0),
        noiseTemperature_ratio: per((unit) => unit.kT_E0 / kT_E0),
        j2j4Correlation: per((unit) => unit.j2j4Correlation),
        quality,
      },
      flagged: quality.flatMap((word, unit) =>
        word === 'ok' ? [] : [{ unit, quality: word, reason: reasons[unit] }],
      ),
      chiSquare: { value: short(chiSquare.value), degreesOfFreedom: chiSquare.degrees },
    },
    stderr: {
      j2_ratio: short(common.j2_ratio.stderr),
      j4_ratio: short(common.j4_ratio.stderr),
      offset_E0: short(common.offset_E0.stderr),
      noiseTemperature_ratio: short(common.kT_ratio.stderr),
      perUnit: {
        j2_ratio: per((unit, at) => unit.stderr.j2_E0 / j2_E0[at]),
        j4_ratio: per((unit, at) => unit.stderr.j4_E0 / j4_E0[at]),
        offset_E0: per((unit) => unit.stderr.offset_E0),
        noiseTemperature_ratio: per((unit) => unit.stderr.kT_E0 / kT_E0),
      },
    },
  };
}
