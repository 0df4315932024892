// What a calibration procedure needs and gives. A procedure measures a device and hands back plain data; storing and
// activating it is the business of the floors above.
import type { DeviceCapabilities, HoldRequest, OperationOptions, RelaxResult } from '../device/index.ts';

/** The part of a Device that procedures use; a fake in a test is enough. */
export interface HoldDevice {
  readonly id: string;
  readonly capabilities: DeviceCapabilities | null;
  hold(request: HoldRequest, options: OperationOptions): Promise<RelaxResult>;
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export interface CalibrationControl {
  /** Restarts done. */
  onProgress(progress: { done: number; total: number }): void;
  signal: AbortSignal;
}

export interface CalibrationOutcome {
  values: JsonObject;
  /** Standard errors, with the keys of `values`. */
  stderr: JsonObject;
  /** Identity of what was measured. */
  device: RelaxResult['device'];
}

export interface CalibrationProcedure {
  /**
   * Holds options against what the device can do, before anything is queued.
   * @throws {CalibrationError | DeviceError} with a pointer into the options
   */
  check(options: JsonObject, capabilities: DeviceCapabilities): void;
  /** Measures. Rejects with CalibrationError or DeviceError. */
  run(device: HoldDevice, options: JsonObject, control: CalibrationControl): Promise<CalibrationOutcome>;
}
