// What a calibration procedure needs and gives. A procedure measures a device and hands back plain data; storing and
// activating it is the business of the floors above.
import type {
  DeviceCapabilities,
  HoldRequest,
  MeasureRequest,
  OperationOptions,
  ReferenceRequest,
  RelaxResult,
} from '../device/index.ts';
import type { Json, JsonObject } from './json.ts';
import type { CalibrationKind, ChipKnowledge, MeasuredValues } from './knowledge.ts';

/** The part of a Device that procedures use; a fake in a test is enough. */
export interface HoldDevice {
  readonly id: string;
  readonly capabilities: DeviceCapabilities | null;
  hold(request: HoldRequest, options: OperationOptions): Promise<RelaxResult>;
}

export interface MeasureDevice extends HoldDevice {
  measure(request: MeasureRequest, options: OperationOptions): Promise<RelaxResult>;
}

/** A device whose converters may have a reference of their own. */
export interface ReferenceDevice extends MeasureDevice {
  readReference(request: ReferenceRequest, options: OperationOptions): Promise<RelaxResult>;
}

export type { Json, JsonObject };

export interface CalibrationControl {
  /** Restarts done. */
  onProgress(progress: { done: number; total: number }): void;
  signal: AbortSignal;
  /** What active calibrations say of this chip; absent: nothing. */
  known?: ChipKnowledge;
  /** The results behind it, by kind; absent: none. */
  active?: Readonly<Partial<Record<CalibrationKind, MeasuredValues>>>;
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
  /** Device time that the schedules add up to, without uploads and transfers; options as `check` takes them. */
  cost_s?(options: JsonObject, capabilities: DeviceCapabilities): number;
  /** Measures. Rejects with CalibrationError or DeviceError. */
  run(device: D, options: JsonObject, control: CalibrationControl): Promise<CalibrationOutcome>;
}
