// Calibration `readout-gain`: the slope of every channel over levels of the converter reference. It has to come before the
// noise temperature, which cannot be told from it otherwise.
import type { DeviceCapabilities } from '../../device/index.ts';
import { CalibrationError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { listOption, numberOption, onlyOptions, seedOption, unitsOption } from '../options.ts';
import type {
  CalibrationControl,
  CalibrationOutcome,
  CalibrationProcedure,
  ReferenceDevice,
} from '../procedure.ts';
import { short, shortAll } from '../report.ts';
import { capabilitiesOf } from '../runs.ts';
import { estimateGains, type GainEstimate } from './gain-estimator.ts';
import { levelsOnGrid, readLevels, referenceOf } from './reference.ts';

/**
 * Where the units live: x has an rms of 0.2, and its largest share of <x^2> between 0.2 and 0.4. A converter that bows has
 * another slope further out. 200 reads know the gain of a channel to 1/9 of the noise of a read over 0.3.
 */
const DEFAULTS = { levels_x: [-0.4, -0.2, 0.2, 0.4], reads: 200 } as const;
const READS_MIN = 30;
const LEVELS_MAX = 16;
const OPTION_NAMES = ['units', 'reads', 'levels_x', 'seed'];

export const readoutGain: CalibrationProcedure<ReferenceDevice> = {
  check: (options, capabilities) => void parse(options, capabilities),
  /** Converters alone: no dynamics. */
  cost_s: () => 0,
  run,
};

interface Parsed {
  units: number;
  reads: number;
  levels_x: number[];
  seed?: bigint;
}

function parse(given: JsonObject, capabilities: DeviceCapabilities): Parsed {
  onlyOptions(given, OPTION_NAMES);
  const { level_max_x } = referenceOf(capabilities);
  const within = DEFAULTS.levels_x.map((level) => (level * Math.min(level_max_x, 0.4)) / 0.4);
  const range = { min: -level_max_x, max: level_max_x, least: 2, most: LEVELS_MAX };
  return {
    units: unitsOption(given, capabilities),
    reads: numberOption(given, 'reads', DEFAULTS.reads, {
      min: READS_MIN,
      max: capabilities.samplesMax,
      integer: true,
    }),
    levels_x: levelsOnGrid(listOption(given, 'levels_x', within, range), level_max_x),
    seed: seedOption(given['seed']),
  };
}

async function run(
  device: ReferenceDevice,
  options: JsonObject,
  control: CalibrationControl,
): Promise<CalibrationOutcome> {
  const capabilities = capabilitiesOf(device);
  const { units, reads, levels_x, seed } = parse(options, capabilities);
  const { block, result } = await readLevels(device, { units, samples: reads, levels_x, seed }, control);
  const estimate = estimateGains(block, levels_x);
  if (!estimate.quality.includes('ok'))
    throw new CalibrationError('no-usable-units', `none of ${units} channels follows the reference`, {
      remedy: 'Look at the readout: every channel delivers the same code at every level.',
    });
  return {
    ...report(estimate, { levels_x, reads }, referenceOf(capabilities).uncertainty_ratio),
    device: result.device,
  };
}

function report(
  { common, gain_ratio, gainStderr_ratio, offset_x, quality, reasons }: GainEstimate,
  measurement: JsonObject,
  uncertainty_ratio: number,
): Pick<CalibrationOutcome, 'values' | 'stderr'> {
  return {
    values: {
      gain_ratio: short(common.gain_ratio),
      /** An error that all gains have in common, beside the statistical ones in `stderr`. */
      reference: { uncertainty_ratio },
      method: 'reference',
      assumes: { referenceError: 0 },
      measurement,
      perUnit: { gain_ratio: shortAll(gain_ratio), offset_x: shortAll(offset_x), quality },
      flagged: quality.flatMap((word, unit) =>
        word === 'ok' ? [] : [{ unit, quality: word, reason: reasons[unit] }],
      ),
    },
    stderr: {
      gain_ratio: short(common.gainStderr_ratio),
      perUnit: { gain_ratio: shortAll(gainStderr_ratio) },
    },
  };
}
