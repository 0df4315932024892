// The calibration procedures by kind, as the runner takes them, and the pure estimators behind them.
import { noiseTemperature } from './noise-temperature/procedure.ts';
import { readoutGain } from './readout/gain-procedure.ts';
import { readoutOffset } from './readout/offset-procedure.ts';
import { couplingGain } from './coupling/gain-procedure.ts';
import { couplingMap } from './coupling/map-procedure.ts';
import { mask } from './coupling/mask-procedure.ts';
import { full } from './full/procedure.ts';
import { mobility } from './mobility/procedure.ts';
import { potential } from './potential/procedure.ts';
import type { CalibrationProcedure, ReferenceDevice } from './procedure.ts';

/** Every procedure of this version by its kind. */
export const calibrationProcedures = {
  'readout-offset': readoutOffset,
  'readout-gain': readoutGain,
  'noise-temperature': noiseTemperature,
  potential,
  'coupling-gain': couplingGain,
  'coupling-map': couplingMap,
  mask,
  mobility,
  full,
} as const satisfies Record<string, CalibrationProcedure<ReferenceDevice>>;

export { CalibrationError, calibrationErrorCodes } from './errors.ts';
export type { CalibrationErrorCode } from './errors.ts';
export { diffCalibrations } from './diff.ts';
export type { CalibrationChange, CalibrationDiff } from './diff.ts';
export { estimateHold } from './noise-temperature/hold-estimator.ts';
export type { HoldData } from './noise-temperature/hold-data.ts';
export type { FlaggedUnit, HoldEstimate, UnitQuality } from './noise-temperature/hold-estimator.ts';
export { noiseTemperature } from './noise-temperature/procedure.ts';
export type { NoiseTemperatureOptions } from './noise-temperature/procedure.ts';
export type {
  CalibrationControl,
  CalibrationOutcome,
  CalibrationProcedure,
  HoldDevice,
  MeasureDevice,
  ReferenceDevice,
} from './procedure.ts';
export { NOTHING_KNOWN, calibrationKinds, knowledgeFrom, knownFor, resultOf } from './knowledge.ts';
export type {
  CalibrationKind,
  ChipKnowledge,
  CouplingKnowledge,
  MeasuredValues,
  PotentialKnowledge,
  ReadoutKnowledge,
} from './knowledge.ts';
export { CORRECTION_MAX_RATIO, canCorrect, correctModel, correctionParts } from './correction.ts';
export type { Correction, CorrectionOptions, CorrectionPart, CorrectionReport } from './correction.ts';
export { shrunk } from './shrink.ts';
export { driftQuantities, type DriftQuantity } from './drift/index.ts';
