// What the jobs floor needs of a device, as a structure: `Device` of src/device satisfies it, and so does a fake in a
// test. The rest of a device (connecting, telemetry) is not the business of jobs.
import type { ProgramRanges, QuantisedProgram } from '../physics/index.ts';

export type Backend = 'chip' | 'twin' | 'replay';

/** What a program and a schedule may ask of a device; from its own GetCapabilities (link.proto). */
export interface RelaxCapabilities {
  unitsMax: number;
  /** Full scales of the blocks, for `quantise`. */
  ranges: ProgramRanges;
  /** Physical seconds per unit of reduced time, 1/(mu E0). */
  timeUnit_s: number;
  stepDefault_s: number;
  stepMin_s: number;
  stepMax_s: number;
  phaseMax_s: number;
  /** Single reads of one phase; the switch-on read is one of them. */
  readsPerPhaseMax: number;
  samplesMax: number;
  recordBytesMax: number;
  /** A run may carry a seed (twins only). */
  seed: boolean;
}

export type DevicePhase = 'programming' | 'verifying' | 'settling' | 'relaxing' | 'reading';

export interface DeviceProgress {
  phase: DevicePhase;
  /** Bytes while programming, samples otherwise. */
  done: number;
  total: number;
}

export interface RelaxRequest {
  program: QuantisedProgram;
  samples: number;
  duration_s: number;
  readAt_s: number[];
  /** Uncoupled time before the couplings are switched on. */
  prepare_s: number;
  recordSwitchOn: boolean;
  seed?: bigint;
  step_s?: number;
  /** kT over the program's own kT. */
  noiseTemperature_ratio: number;
}

export interface RelaxResult {
  /** Readout codes, [samples][reads][units]. */
  codes: Int16Array;
  samples: number;
  units: number;
  reads: { time_s: number; label: 'switch-on' | 'read' }[];
  stateScale: number;
  programId: string;
  /** SHA-256 of the packed bytes as they came over the link, verified against the device's own. */
  digest: string;
  step_s: number;
  seed: string | null;
  timing: { upload_s: number; relax_s: number; total_s: number; sentBytes: number; skippedUpload: boolean };
  device: { uid: string; backend: string; bootId: string; firmware: string; schemaHash: string };
}

export interface OperationOptions {
  onProgress?(progress: DeviceProgress): void;
  signal?: AbortSignal;
}

/** One operation at a time; rejects with an error that carries `code`, `retryable`, `outcome` and `remedy`. */
export interface RelaxDevice {
  readonly id: string;
  readonly state: 'connecting' | 'ready' | 'running' | 'offline' | 'refused' | 'closed';
  readonly reason: { code: string; message: string; remedy: string } | null;
  readonly backend: Backend | null;
  readonly capabilities: RelaxCapabilities | null;
  relax(request: RelaxRequest, options: OperationOptions): Promise<RelaxResult>;
  /** Calls back at every change of the state; returns what ends it. */
  onChange(callback: () => void): () => void;
}
