// Calibration `readout-offset`: what every channel delivers for x = 0, and how much that scatters. From the converter
// reference where the device has one; otherwise two holds at different J2 tell the offset from a constant force.
import { planMeasure, type DeviceCapabilities, type MeasureRequest } from '../../device/index.ts';
import { CalibrationError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { numberOption, onlyOptions, seedOption, stepOption, unitsOption } from '../options.ts';
import type {
  CalibrationControl,
  CalibrationOutcome,
  CalibrationProcedure,
  ReferenceDevice,
} from '../procedure.ts';
import { short, shortAll } from '../report.ts';
import {
  capabilitiesOf,
  durationOf_s,
  measureAll,
  measurementFacts,
  onSite,
  steadyRequest,
} from '../runs.ts';
import { emptyModel, quantise } from '../../physics/index.ts';
import { errorOfMean, estimateOffsets, meanOf, type OffsetEstimate } from './offset-estimator.ts';
import { readLevels } from './reference.ts';
import { estimateTwoHolds, type OffsetHold, type TwoHoldsEstimate } from './two-holds.ts';

/** 400 reads know an offset to 1/20 of the noise of a read, and that noise to 3.5 %. */
const DEFAULTS = { reads: 400, restarts: 100, settle: 4, record: 16, readEvery: 0.1 } as const;
const READS_MIN = 50;
const RESTARTS_MIN = 30;
/** J2 of the stiffer of the two holds, E0: a force displaces a unit by 0.40 of what it does at 1 E0. */
const STIFF_J2_E0 = 3;
const OPTION_NAMES = ['units', 'reads', 'restarts', 'step_timeUnits', 'seed'];

export const readoutOffset: CalibrationProcedure<ReferenceDevice> = {
  check(options, capabilities) {
    const parsed = parse(options, capabilities);
    if (capabilities.reference === null)
      for (const request of holdRequests(parsed, capabilities)) planMeasure(request, capabilities);
  },
  cost_s(options, capabilities) {
    const parsed = parse(options, capabilities);
    if (capabilities.reference !== null) return 0;
    return holdRequests(parsed, capabilities).reduce((sum, request) => sum + durationOf_s(request), 0);
  },
  run: (device, options, control) => {
    const capabilities = capabilitiesOf(device);
    const parsed = parse(options, capabilities);
    return capabilities.reference === null
      ? byHolds(device, parsed, capabilities, control)
      : byReference(device, parsed, control);
  },
};

interface Parsed {
  units: number;
  reads: number;
  restarts: number;
  step?: number;
  seed?: bigint;
}

function parse(given: JsonObject, capabilities: DeviceCapabilities): Parsed {
  onlyOptions(given, OPTION_NAMES);
  const max = capabilities.samplesMax;
  return {
    units: unitsOption(given, capabilities),
    reads: numberOption(given, 'reads', DEFAULTS.reads, { min: READS_MIN, max, integer: true }),
    restarts: numberOption(given, 'restarts', DEFAULTS.restarts, { min: RESTARTS_MIN, max, integer: true }),
    step: stepOption(given),
    seed: seedOption(given['seed']),
  };
}

async function byReference(
  device: ReferenceDevice,
  { units, reads, seed }: Parsed,
  control: CalibrationControl,
): Promise<CalibrationOutcome> {
  const { block, result } = await readLevels(device, { units, samples: reads, levels_x: [0], seed }, control);
  const estimate = estimateOffsets(block);
  if (estimate.quality.every((quality) => quality === 'dead')) throw noUsable(units);
  return { ...reportReference(estimate, reads), device: result.device };
}

function reportReference(
  { common, quality, reasons, ...per }: OffsetEstimate,
  reads: number,
): Pick<CalibrationOutcome, 'values' | 'stderr'> {
  const living = (values: Float64Array): (number | null)[] =>
    shortAll(Array.from(values, (value, i) => (quality[i] === 'dead' ? null : value)));
  return {
    values: {
      offset_x: short(common.offset_x),
      noise_x: short(common.noise_x),
      method: 'reference',
      assumes: {},
      measurement: { reads },
      perUnit: { offset_x: living(per.offset_x), noise_x: living(per.noise_x), quality },
      flagged: quality.flatMap((word, unit) =>
        word === 'ok' ? [] : [{ unit, quality: word, reason: reasons[unit] }],
      ),
    },
    stderr: {
      offset_x: short(common.offsetStderr_x),
      noise_x: short(common.noiseStderr_x),
      perUnit: { offset_x: living(per.offsetStderr_x), noise_x: living(per.noiseStderr_x) },
    },
  };
}

async function byHolds(
  device: ReferenceDevice,
  parsed: Parsed,
  capabilities: DeviceCapabilities,
  control: CalibrationControl,
): Promise<CalibrationOutcome> {
  const requests = holdRequests(parsed, capabilities);
  const results = await measureAll(device, requests, control);
  const [soft, stiff] = results.map(({ codes, samples, reads, stateScale }, k): OffsetHold => {
    const { j2_E0, j4_E0 } = onSite(requests[k].program);
    const shape = { codes, samples, reads: reads.length, units: parsed.units, stateScale };
    return { ...shape, j2_E0: j2_E0[0], j4_E0: j4_E0[0] };
  });
  const estimate = estimateTwoHolds(soft, stiff, onSite(requests[0].program).kT_E0);
  if (estimate.dead.every(Boolean)) throw noUsable(parsed.units);
  const device_s = requests.reduce((sum, request) => sum + durationOf_s(request), 0);
  const { values, stderr } = reportHolds(estimate);
  return {
    values: { ...values, measurement: measurementFacts(results, device_s) },
    stderr,
    device: results[0].device,
  };
}

/** Two holds without a field, at the reference J2 and at a stiffer one. */
function holdRequests(
  { units, restarts, step, seed }: Parsed,
  capabilities: DeviceCapabilities,
): MeasureRequest[] {
  const { settle, record, readEvery } = DEFAULTS;
  const { fullScaleMax_E0 = Infinity } = capabilities.ranges.j2 ?? {};
  const stiff_E0 = Math.min(STIFF_J2_E0, fullScaleMax_E0 / 1.25);
  return [1, stiff_E0].map((j2) => {
    const model = { ...emptyModel(units), j2: new Float64Array(units).fill(j2) };
    const program = quantise(model, capabilities.ranges);
    return steadyRequest({ program, samples: restarts, settle, record, readEvery, step, seed }, capabilities);
  });
}

function reportHolds(estimate: TwoHoldsEstimate): Pick<CalibrationOutcome, 'values' | 'stderr'> {
  const { dead, offset_x, offsetStderr_x, force_E0, forceStderr_E0 } = estimate;
  const ok = dead.flatMap((isDead, i) => (isDead ? [] : [i]));
  const living = (values: Float64Array): (number | null)[] =>
    shortAll(Array.from(values, (value, i) => (dead[i] ? null : value)));
  return {
    values: {
      offset_x: short(meanOf(ok, offset_x)),
      noise_x: null,
      offset_E0: short(meanOf(ok, force_E0)),
      method: 'two-holds',
      assumes: { readoutGain: 1, readoutNoise_x: 0 },
      perUnit: {
        offset_x: living(offset_x),
        noise_x: dead.map(() => null),
        offset_E0: living(force_E0),
        quality: dead.map((isDead) => (isDead ? 'dead' : 'ok')),
      },
      flagged: dead.flatMap((isDead, unit) =>
        isDead ? [{ unit, quality: 'dead', reason: 'every read gave the same code' }] : [],
      ),
    },
    stderr: {
      offset_x: short(errorOfMean(ok, offsetStderr_x)),
      offset_E0: short(errorOfMean(ok, forceStderr_E0)),
      perUnit: { offset_x: living(offsetStderr_x), offset_E0: living(forceStderr_E0) },
    },
  };
}

function noUsable(units: number): CalibrationError {
  return new CalibrationError('no-usable-units', `none of ${units} channels gives an offset`, {
    remedy: 'Look at the readout: every channel delivers one code only.',
  });
}
