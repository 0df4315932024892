// Calibration `mobility`: a field holds the units aside, is switched off, and the way back is read. The I/O shell around
// estimator.ts.
import {
  appliedForce_E0,
  planMeasure,
  type DeviceCapabilities,
  type MeasureRequest,
} from '../../device/index.ts';
import { CalibrationError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { ChipKnowledge } from '../knowledge.ts';
import {
  badOption,
  numberOption,
  onGrid_s,
  onlyOptions,
  seedOption,
  stepOf_s,
  stepOption,
  unitsOption,
} from '../options.ts';
import type {
  CalibrationControl,
  CalibrationOutcome,
  CalibrationProcedure,
  MeasureDevice,
} from '../procedure.ts';
import { short } from '../report.ts';
import {
  capabilitiesOf,
  durationOf_s,
  knownOf,
  measureAll,
  measurementFacts,
  onSite,
  readoutAssumptions,
  readoutOf,
  singleUnits,
} from '../runs.ts';
import { MOBILITY_MAX_ratio, MOBILITY_MIN_ratio, estimateMobility, type StepData } from './estimator.ts';

/**
 * A field of 2.5 E0 displaces a unit to 0.63 within a time of 0.15; 64 units and twice 600 restarts know the common mobility to
 * 0.5 %.
 */
const DEFAULTS = { field_E0: 2.5, restarts: 600, settle: 2, record: 2, readEvery: 0.1 } as const;
const RESTARTS_MIN = 20;
const OPTION_NAMES = [
  'units',
  'field_E0',
  'restarts',
  'settle_timeUnits',
  'record_timeUnits',
  'readEvery_timeUnits',
  'step_timeUnits',
  'seed',
];

export const mobility: CalibrationProcedure<MeasureDevice> = {
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
  const [{ program, phases }] = requests;
  const known = knownOf(control, program.units);
  const results = await measureAll(device, requests, control);
  const released_s = phases[0].duration_s;
  const [up, down] = results.map(({ codes, samples, reads, units, stateScale }) => ({
    codes,
    samples,
    reads: reads.length,
    units,
    stateScale,
  }));
  const force_E0 = phases[0].field?.force_E0 ?? new Float64Array(program.units);
  const estimate = estimateMobility({
    up,
    down,
    times: results[0].reads.map(({ time_s }) => (time_s - released_s) / capabilities.timeUnit_s),
    field_E0: appliedForce_E0(force_E0, capabilities.ranges)[0],
    readout: readoutOf(known, program.units),
    ...lawOf(known, onSite(program)),
  });
  if (estimate === null)
    throw new CalibrationError(
      'no-usable-units',
      `the relaxation of ${program.units} units fits no mobility from ${MOBILITY_MIN_ratio} to ${MOBILITY_MAX_ratio}`,
      {
        remedy:
          'Look at the fields and the clock of the chip: the units do not come back as single units do.',
      },
    );
  const device_s = requests.reduce((sum, request) => sum + durationOf_s(request), 0);
  const { quality } = estimate;
  return {
    values: {
      mobility_ratio: short(estimate.mobility_ratio),
      readDelay_timeUnits: short(estimate.delay),
      worstDeviation_z: short(estimate.worst_z),
      method: 'step-response',
      assumes: { ...readoutAssumptions(known), ...lawAssumptions(known) },
      measurement: measurementFacts(results, device_s),
      perUnit: { quality },
      flagged: quality.flatMap((word, unit) =>
        word === 'ok'
          ? []
          : [
              {
                unit,
                quality: word,
                reason: word === 'dead' ? 'every read gave the same code' : 'it does not follow the field',
              },
            ],
      ),
    },
    stderr: {
      mobility_ratio: short(estimate.stderr_ratio),
      readDelay_timeUnits: short(estimate.delayStderr),
    },
    device: results[0].device,
  };
}

function lawOf(
  { potential, noiseTemperature }: ChipKnowledge,
  programmed: { j2_E0: Float64Array; j4_E0: Float64Array; kT_E0: number },
): Pick<StepData, 'j2_E0' | 'j4_E0' | 'kT_E0'> {
  return {
    j2_E0: programmed.j2_E0.map((value, i) => value * (potential?.j2_ratio[i] ?? 1)),
    j4_E0: programmed.j4_E0.map((value, i) => value * (potential?.j4_ratio[i] ?? 1)),
    kT_E0: programmed.kT_E0 * (noiseTemperature?.common_ratio ?? 1),
  };
}

const lawAssumptions = ({ potential, noiseTemperature }: ChipKnowledge): JsonObject => ({
  ...(potential === null && { j2Ratio: 1, j4Ratio: 1 }),
  ...(noiseTemperature === null && { noiseTemperature_ratio: 1 }),
});

/** Held aside to either side, let go, and read on the way back. */
function requestsOf(given: JsonObject, capabilities: DeviceCapabilities): MeasureRequest[] {
  onlyOptions(given, OPTION_NAMES);
  const units = unitsOption(given, capabilities);
  const program = singleUnits(units, capabilities);
  const { fullScaleMax_E0 = Infinity } = capabilities.ranges.field ?? {};
  const most = Math.min(6, fullScaleMax_E0 / 1.25);
  const field = numberOption(given, 'field_E0', Math.min(DEFAULTS.field_E0, most), { min: 0.2, max: most });
  const samples = numberOption(given, 'restarts', DEFAULTS.restarts, {
    min: RESTARTS_MIN,
    max: capabilities.samplesMax,
    integer: true,
  });
  const step_s = stepOf_s(stepOption(given), capabilities);
  const seed = seedOption(given['seed']);
  const time = (name: 'settle' | 'record' | 'readEvery', min: number, max: number): number =>
    numberOption(given, `${name}_timeUnits`, DEFAULTS[name], { min, max });
  const every_s = onGrid_s(time('readEvery', 0.01, 0.3), step_s, capabilities);
  const record_s = onGrid_s(time('record', 1, 10), step_s, capabilities);
  const count = Math.floor(record_s / every_s + 1e-6);
  if (count < 4)
    throw badOption('readEvery_timeUnits', `${count} reads`, 'at least four reads of the way back');
  const settle_s = onGrid_s(time('settle', 1, 100), step_s, capabilities);
  return [field, -field].map((force) => ({
    program,
    samples,
    seed,
    step_s,
    phases: [
      { duration_s: settle_s, coupled: false, field: { force_E0: new Float64Array(units).fill(force) } },
      { duration_s: (count * Math.round(every_s * 1e9)) / 1e9, coupled: false, readEvery_s: every_s },
    ],
  }));
}
