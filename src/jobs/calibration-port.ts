// What a calibration procedure is to the runner: a function that measures a device and hands back values. The
// procedures themselves live in src/calibration and are handed in.
import type { CalibrationKind, ChipKnowledge, MeasuredValues } from '../calibration/index.ts';
import type { ClockFacts } from '../clock/clock.ts';
import type { JsonObject } from '../store/index.ts';
import type { RelaxDevice } from './device-port.ts';

/** The kind of calibration that results name and that jobs require something of. */
export const NOISE_TEMPERATURE = 'noise-temperature';

export interface CalibrationProgress {
  /** Samples or steps done. */
  done: number;
  total: number;
}

export interface CalibrationOutcome {
  values: JsonObject;
  /** Standard errors, with the keys of `values`. */
  stderr: JsonObject;
  /** Identity of the chip that was measured. */
  device: {
    uid: string;
    backend: string;
    bootId: string;
    firmware: string;
    schemaHash: string;
    clock: ClockFacts;
  };
  /** Whatever is too big for the row, for example per-unit arrays. */
  blob?: Uint8Array;
}

export interface CalibrationControl {
  onProgress(progress: CalibrationProgress): void;
  signal: AbortSignal;
  /** What active calibrations say of this chip, and the results behind it. */
  known: ChipKnowledge;
  active: Readonly<Partial<Record<CalibrationKind, MeasuredValues>>>;
}

export interface CalibrationProcedure<D extends Pick<RelaxDevice, 'capabilities'>> {
  /** Throws an Error with `pointer` and `allowed` when the options do not fit the device. */
  check(options: JsonObject, capabilities: NonNullable<D['capabilities']>): void;
  run(device: D, options: JsonObject, control: CalibrationControl): Promise<CalibrationOutcome>;
}
