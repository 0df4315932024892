// What a job may require of its device (service-api.md, section 3), and what is wrong with a requirement as it was sent. Pure.
import type { RefusedField } from '../errors.ts';

/** At least one member. */
export interface JobRequire {
  /** [lowest, highest] kT over the nominal one, as the active noise temperature calibration measured it. */
  noiseTemperature?: [number, number];
  /** Of that calibration, from its end. */
  maxCalibrationAge_s?: number;
  /** As the sensor on the chip reads now. */
  maxDieTemperature_C?: number;
  /** Of one coupling since the last calibration, over full scale, as probes between jobs have it. */
  maxCouplingDrift_ratio?: number;
}

export type Requirement = keyof JobRequire;

/** What to do with a job whose requirements are not met. */
export type OnUnmet = 'reject' | 'wait' | 'recalibrate';

/** Those that a new calibration may help. */
const CALIBRATED: readonly Requirement[] = ['noiseTemperature', 'maxCalibrationAge_s'];

export const isCalibrated = (requirement: Requirement): boolean => CALIBRATED.includes(requirement);

/** The fields that are not acceptable; ranges the wrong way round, numbers that are none. */
export function requireFlaws({
  require,
  onUnmet,
}: {
  require?: JobRequire;
  onUnmet: OnUnmet;
}): RefusedField[] {
  const flaws: RefusedField[] = [];
  if (require !== undefined) checkRequire(require, flaws);
  if (onUnmet === 'recalibrate' && !CALIBRATED.some((name) => require?.[name] !== undefined))
    flaws.push({
      pointer: '/onUnmet',
      detail: 'a calibration would not help: nothing is required that one measures',
      allowed: `recalibrate with require.${CALIBRATED.join(' or require.')}; reject, wait`,
    });
  return flaws;
}

function checkRequire(require: JobRequire, flaws: RefusedField[]): void {
  const { noiseTemperature: range, maxCalibrationAge_s: age_s, maxDieTemperature_C: die_C } = require;
  const { maxCouplingDrift_ratio: drift } = require;
  if (
    range !== undefined &&
    !(range.length === 2 && range[0] > 0 && range[0] <= range[1] && isFinite(range[1]))
  )
    flaws.push({
      pointer: '/require/noiseTemperature',
      detail: `a range of ${JSON.stringify(range)}`,
      allowed: '[lowest, highest], ratios above 0, the lowest first',
    });
  if (age_s !== undefined && !(age_s > 0 && isFinite(age_s)))
    flaws.push({
      pointer: '/require/maxCalibrationAge_s',
      detail: `an age of ${age_s} s`,
      allowed: 'a finite number above 0',
    });
  if (die_C !== undefined && !isFinite(die_C))
    flaws.push({
      pointer: '/require/maxDieTemperature_C',
      detail: `a temperature of ${die_C}`,
      allowed: 'a finite number',
    });
  if (drift !== undefined && !(drift > 0 && drift <= 1))
    flaws.push({
      pointer: '/require/maxCouplingDrift_ratio',
      detail: `a drift of ${drift}`,
      allowed: 'a share of full scale above 0, 1 at most',
    });
  if (Object.values(require).every((value) => value === undefined))
    flaws.push({ pointer: '/require', detail: 'requires nothing', allowed: 'at least one requirement' });
}
