// Reading the converter reference: every channel converts levels that the device itself supplies, instead of the state of its
// unit. No program is needed, and the active one stays as it is.
import { REFERENCE_LEVELS_MAX } from '../link/index.ts';
import { DeviceError, outOfRange } from './errors.ts';
import { deviceOf, type Chip, type Work } from './operation.ts';
import { codesOf, receiving, type RecordShape } from './records.ts';
import { checkRecord, checkSamples, checkSeed } from './schedule-checks.ts';
import type { DeviceCapabilities, ReferenceRequest } from './types.ts';

/** The device is told levels in parts of its largest one. */
const LEVEL_STEPS = 32_768;

export interface ReferencePlan extends RecordShape {
  /** Over the largest level, in whole steps of the device. */
  levels_ratio: number[];
  /** What these come to, x. */
  levels_x: number[];
}

/**
 * What a device is asked for a request.
 * @throws {DeviceError} out-of-range with pointer and allowed values; refused by a device without a reference, and for a
 * seed on one that takes none
 */
export function planReference(request: ReferenceRequest, capabilities: DeviceCapabilities): ReferencePlan {
  const { units, samples, levels_x } = request;
  const { reference, unitsMax } = capabilities;
  if (reference === null)
    throw new DeviceError('refused', 'this device has no converter reference', {
      remedy: 'Calibrate what needs none; readout gain and noise temperature cannot be told apart here.',
    });
  if (!Number.isInteger(units) || units < 1 || units > unitsMax)
    throw outOfRange('/units', `${units} units`, { min: 1, max: unitsMax });
  checkSamples(samples, capabilities);
  checkSeed(request.seed, capabilities);
  if (levels_x.length < 1 || levels_x.length > REFERENCE_LEVELS_MAX)
    throw outOfRange('/levels_x', `${levels_x.length} levels`, { min: 1, max: REFERENCE_LEVELS_MAX });
  const max = reference.level_max_x;
  levels_x.forEach((level_x, k) => {
    if (!(Math.abs(level_x) <= max))
      throw outOfRange(`/levels_x/${k}`, `a level of ${level_x}`, { min: -max, max });
  });
  const recordBytes = checkRecord(units, levels_x.length, capabilities, '/levels_x');
  const levels_ratio = levels_x.map((level_x) => Math.round((level_x / max) * LEVEL_STEPS) / LEVEL_STEPS);
  const applied_x = levels_ratio.map((ratio) => ratio * max);
  return { samples, units, reads: levels_x.length, recordBytes, levels_ratio, levels_x: applied_x };
}

/** The work of a request. @throws {DeviceError} as planReference */
export function referenceWork(request: ReferenceRequest): (chip: Chip) => Work {
  return (chip) => {
    const { link, clock, capabilities } = chip;
    const plan = planReference(request, capabilities);
    const { samples, units, levels_ratio } = plan;
    return async (options) => {
      const start_ms = clock.now_ms();
      options.onProgress?.({ phase: 'reading', done: 0, total: samples });
      const order = { units, samples, levels_ratio, seed: request.seed };
      const run = await link.readReference(order, receiving(plan, options));
      const codes = codesOf(run, plan);
      const total_s = (clock.now_ms() - start_ms) / 1e3;
      return {
        codes,
        samples,
        units,
        reads: levels_ratio.map(() => ({ time_s: 0, label: 'read' as const })),
        stateScale: capabilities.ranges.stateScale,
        programId: '',
        digest: run.digest,
        step_s: capabilities.stepDefault_s,
        seed: request.seed === undefined ? null : request.seed.toString(),
        noiseTemperature_ratio: 1,
        timing: {
          upload_s: 0,
          relax_s: total_s,
          total_s,
          sentBytes: 0,
          skippedUpload: true,
          patchedUpload: false,
        },
        device: deviceOf(chip),
      };
    };
  };
}
