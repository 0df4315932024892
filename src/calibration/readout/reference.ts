// Reading the converter reference, for the procedures of the readout.
import type { DeviceCapabilities, ReferenceRequest, RelaxResult } from '../../device/index.ts';
import { CalibrationError } from '../errors.ts';
import type { CodeBlock } from '../moments.ts';
import type { CalibrationControl, ReferenceDevice } from '../procedure.ts';

/** Steps of a reference over its largest level: what was asked for is rounded to them beforehand. */
const LEVEL_STEPS = 32_768;

/** @throws {CalibrationError} no-reference */
export function referenceOf({ reference }: DeviceCapabilities): {
  level_max_x: number;
  uncertainty_ratio: number;
} {
  if (reference !== null) return reference;
  throw new CalibrationError('no-reference', 'the device has no converter reference', {
    remedy:
      'Without one readout gain and noise temperature cannot be told apart: calibrate the noise temperature as seen through the readout.',
  });
}

/** Levels as the device can set them. */
export function levelsOnGrid(levels_x: readonly number[], level_max_x: number): number[] {
  return levels_x.map(
    (level) => (Math.round((level / level_max_x) * LEVEL_STEPS) / LEVEL_STEPS) * level_max_x,
  );
}

/** Rejects with what the device rejects with. */
export async function readLevels(
  device: ReferenceDevice,
  request: ReferenceRequest,
  control: CalibrationControl,
): Promise<{ block: CodeBlock; result: RelaxResult }> {
  const result = await device.readReference(request, {
    signal: control.signal,
    onProgress: ({ phase, done, total }) => {
      if (phase === 'relaxing' || phase === 'reading') control.onProgress({ done, total });
    },
  });
  const { codes, samples, units, stateScale } = result;
  return { block: { codes, samples, reads: request.levels_x.length, units, stateScale }, result };
}
