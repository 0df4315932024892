// What the jobs floor needs of a device, as a structure: `Device` of src/device satisfies it, and so does a fake in a
// test. The rest of a device (connecting, telemetry) is not the business of jobs.
import type {
  DeviceCapabilities,
  DeviceReason,
  DeviceStateName,
  LoadForecast,
  MeasureRequest,
  OperationOptions,
  RelaxRequest,
  RelaxResult,
  TelemetryReading,
} from '../device/index.ts';
import type { ProgramImage } from '../physics/index.ts';

export type { DeviceCapabilities as RelaxCapabilities, LoadForecast } from '../device/index.ts';

/** What may answer (service-api.md, section 7). */
export type Backend = 'chip' | 'twin' | 'replay';

/** One operation at a time; rejects with an error that carries `code`, `retryable`, `outcome` and `remedy`. */
export interface RelaxDevice {
  readonly id: string;
  readonly state: DeviceStateName;
  /** Why it is not ready. */
  readonly reason: DeviceReason | null;
  /** What answered last; null until something has. */
  readonly backend: Backend | null;
  /** Faults are planted on the way to it or in it, or nobody knows; its results say so. A change calls `onChange`. */
  readonly faultsActive: boolean;
  /** Who answered last; null until something has. */
  readonly identity: { readonly uid: string } | null;
  /** Of what answered last; null until something has. */
  readonly capabilities: DeviceCapabilities | null;
  /** Its sensors, where this process has it; absent: nothing is known of its energy. */
  readonly telemetry?: {
    /** `reason`: why there is no fresh reading; null: there is one. */
    readonly status: { latest: TelemetryReading | null; reason: DeviceReason | null };
    /** A reading of now; null when there is none. Never rejects. */
    readNow(): Promise<TelemetryReading | null>;
    /** Calls back after every reading; returns what ends it. */
    onReading?(callback: () => void): () => void;
  };
  relax(request: RelaxRequest, options: OperationOptions): Promise<RelaxResult>;
  /** What loading this image of a program would send now; null while this process is not connected to it. */
  forecastLoad?(image: ProgramImage): Promise<LoadForecast | null>;
  /** Any schedule; absent where this process does not have the device. */
  measure?(request: MeasureRequest, options: OperationOptions): Promise<RelaxResult>;
  /** Calls back after every change of the state; returns what ends it. */
  onChange(callback: () => void): () => void;
}
