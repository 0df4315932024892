// What the calibrations of couplings have in common: options with their defaults, cost from the schedules, and how each begins.
import type { DeviceCapabilities } from '../../device/index.ts';
import type { ChipKnowledge } from '../knowledge.ts';
import type {
  CalibrationControl,
  CalibrationOutcome,
  CalibrationProcedure,
  MeasureDevice,
} from '../procedure.ts';
import { capabilitiesOf, knownOf } from '../runs.ts';
import { couplingOptions, driveCost_s, type CouplingDefaults, type CouplingOptions } from './settings.ts';

/** What a procedure begins with. */
export interface CouplingTask {
  device: MeasureDevice;
  capabilities: DeviceCapabilities;
  control: CalibrationControl;
  options: CouplingOptions;
  /** Of the units that take part. */
  known: ChipKnowledge;
}

/** @param patternsOf patterns of forces that it runs with these options: what it costs */
export function couplingProcedure(
  defaults: CouplingDefaults,
  patternsOf: (options: CouplingOptions) => number,
  run: (task: CouplingTask) => Promise<CalibrationOutcome>,
): CalibrationProcedure {
  return {
    check: (given, capabilities) => void couplingOptions(given, capabilities, defaults),
    cost_s(given, capabilities) {
      const options = couplingOptions(given, capabilities, defaults);
      return driveCost_s(patternsOf(options), options, capabilities);
    },
    async run(device, given, control) {
      const capabilities = capabilitiesOf(device);
      const options = couplingOptions(given, capabilities, defaults);
      return run({ device, capabilities, control, options, known: knownOf(control, options.units) });
    },
  };
}
