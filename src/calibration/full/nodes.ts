// The procedures behind the nodes of a full calibration, with the options that it gives them, and the cheap measurement that
// tells whether what is known of a node still holds.
import { couplingGain } from '../coupling/gain-procedure.ts';
import { couplingMap } from '../coupling/map-procedure.ts';
import { mask } from '../coupling/mask-procedure.ts';
import type { JsonObject } from '../json.ts';
import type { MeasuredValues } from '../knowledge.ts';
import { mobility } from '../mobility/procedure.ts';
import { noiseTemperature } from '../noise-temperature/procedure.ts';
import { potential } from '../potential/procedure.ts';
import type { CalibrationOutcome, CalibrationProcedure, ReferenceDevice } from '../procedure.ts';
import { readoutGain } from '../readout/gain-procedure.ts';
import { readoutOffset } from '../readout/offset-procedure.ts';
import type { NodeKind } from './graph.ts';

export interface NodeProcedure {
  procedure: CalibrationProcedure<ReferenceDevice>;
  options: JsonObject;
  /** Options of the cheap measurement, and the values that it compares; null: none is cheaper than the real one. */
  check: { options: JsonObject; values: readonly string[] } | null;
}

export const nodeProcedures: Readonly<Record<NodeKind, NodeProcedure>> = {
  'readout-offset': { procedure: readoutOffset, options: {}, check: null },
  'readout-gain': { procedure: readoutGain, options: {}, check: null },
  // Half as many again as alone: the offsets of the worst of 40 chips had an rms error of 0.51 % of full scale with 160.
  potential: {
    procedure: potential,
    options: { restarts: 240 },
    check: { options: { restarts: 30, record_timeUnits: 4 }, values: ['j2_ratio', 'j4_ratio', 'offset_E0'] },
  },
  // 800 holds of 16 time units are 26,000 independent reads of each unit. With 400 the common value of the worst of 40 chips of
  // 64 units was 0.50 % off, at a standard error of 0.18 %.
  'noise-temperature': {
    procedure: noiseTemperature,
    options: { holds: 800, record_timeUnits: 16 },
    check: { options: { holds: 60 }, values: ['noiseTemperature_ratio'] },
  },
  mobility: {
    procedure: mobility,
    options: {},
    check: { options: { restarts: 60 }, values: ['mobility_ratio'] },
  },
  mask: { procedure: mask, options: {}, check: null },
  'coupling-gain': { procedure: couplingGain, options: {}, check: null },
  'coupling-map': { procedure: couplingMap, options: {}, check: null },
};

/** Beyond so many combined standard errors what is known does not hold any more. */
export const CHECK_BOUND_Z = 4;

/** The largest deviation of a cheap measurement from what is known, in combined standard errors. */
export function deviationOf(
  names: readonly string[],
  known: MeasuredValues,
  measured: Pick<CalibrationOutcome, 'values' | 'stderr'>,
): number {
  const number = (of: JsonObject, name: string): number => {
    const value = of[name];
    return typeof value === 'number' ? value : NaN;
  };
  const deviations = names.map((name) => {
    const change = number(measured.values, name) - number(known.values, name);
    const error = Math.hypot(number(measured.stderr, name), number(known.stderr, name));
    return Math.abs(change / error);
  });
  // A value that cannot be compared does not hold.
  return deviations.some(Number.isNaN) ? Infinity : Math.max(...deviations);
}
