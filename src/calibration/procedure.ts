// What a calibration procedure needs and gives. A procedure measures a device and hands back plain data; storing and
// activating it is the business of the floors above.
import type { DeviceCapabilities, HoldRequest, OperationOptions, RelaxResult } from '../device/index.ts';
import type { QuantisedProgram } from '../physics/index.ts';
import type { Json, JsonObject } from './json.ts';
import type { ChipKnowledge } from './knowledge.ts';

/** One stretch of a schedule; times are whole steps. */
export interface MeasurePhase {
  duration_s: number;
  coupled: boolean;
  /** N forces, E0 (a force: +f pushes x up). From `from_ratio` of it to `to_ratio`, linearly; 1 and 1 unless told. */
  field?: { force_E0: Float64Array; from_ratio?: number; to_ratio?: number };
  /** Within the phase. */
  readAt_s?: number[];
  readEvery_s?: number;
  /** Over the program's own kT; default 1. */
  noiseTemperature_ratio?: number;
}

export interface MeasureRequest {
  program: QuantisedProgram;
  samples: number;
  phases: MeasurePhase[];
  seed?: bigint;
  step_s?: number;
}

/** The converters read a reference instead of the units: [samples][levels][units]. */
export interface ReferenceRequest {
  units: number;
  samples: number;
  levels_x: number[];
  seed?: bigint;
}

/** The part of a Device that procedures use; a fake in a test is enough. */
export interface HoldDevice {
  readonly id: string;
  readonly capabilities: DeviceCapabilities | null;
  hold(request: HoldRequest, options: OperationOptions): Promise<RelaxResult>;
}

export interface MeasureDevice extends HoldDevice {
  /** Reads are in the order of the schedule; `time_s` counts from its beginning. */
  measure(request: MeasureRequest, options: OperationOptions): Promise<RelaxResult>;
  readReference(request: ReferenceRequest, options: OperationOptions): Promise<RelaxResult>;
}

export type { Json, JsonObject };

export interface CalibrationControl {
  /** Restarts done. */
  onProgress(progress: { done: number; total: number }): void;
  signal: AbortSignal;
  /** What active calibrations say of this chip; absent: nothing. */
  known?: ChipKnowledge;
}

export interface CalibrationOutcome {
  values: JsonObject;
  /** Standard errors, with the keys of `values`. */
  stderr: JsonObject;
  /** Identity of what was measured. */
  device: RelaxResult['device'];
  /** What is too big for a row: of a coupling map float32 little-endian [2][N][N], value and standard error. */
  blob?: Uint8Array;
}

export interface CalibrationProcedure<D extends HoldDevice = MeasureDevice> {
  /**
   * Holds options against what the device can do, before anything is queued.
   * @throws {CalibrationError | DeviceError} with a pointer into the options
   */
  check(options: JsonObject, capabilities: DeviceCapabilities): void;
  /** Measures. Rejects with CalibrationError or DeviceError. */
  run(device: D, options: JsonObject, control: CalibrationControl): Promise<CalibrationOutcome>;
}
