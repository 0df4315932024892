// What a caller asks of a device and gets back: requests and results in physical units, codes only where a sample is one.
import type { Clock, ClockFacts } from '../clock/clock.ts';
import type { LinkCounters } from '../link/index.ts';
import type { ProgramImage, ProgramRanges, QuantisedProgram } from '../physics/index.ts';
import type { Port, ReturnWatch } from '../transports/index.ts';
import type { DeviceErrorCode } from './errors.ts';
import type { TelemetryMetric } from './telemetry/metrics.ts';

/** What answers: the device states in its hello whether it is simulated; `replay` is a recording, and no device. */
export type DeviceBackend = 'chip' | 'twin' | 'replay';
/** What an operator may demand. */
export type ExpectedBackend = DeviceBackend;

export type DeviceStateName = 'connecting' | 'ready' | 'running' | 'offline' | 'refused' | 'closed';

export interface DeviceOptions {
  id: string;
  url: string;
  /** A fresh, closed port for each attempt to connect. */
  openPort(): Port;
  /** Calls back whenever trying again is worth it before the back-off has passed; absent: nothing tells. */
  watchForReturn?(callback: () => void): ReturnWatch;
  /** The device's time: a simulated device may keep another than the machine's, and its link keeps the same. */
  clock: Clock;
  /** Uniform 32-bit numbers: jitter of the back-off, nonces, run tokens. */
  random32(): number;
  /** Checked at every connect; a device of the other kind is refused. */
  expectBackend?: ExpectedBackend;
  /** Of a twin whose control channel is known; absent: faults in the device cannot be. */
  injectedFaults?: InjectedFaults;
  hostVersion: string;
  /** Absent: nobody else can drive it. */
  lease?: DriveLease;
  /** How often the sensors are asked for, within what the device allows; default 1000. */
  telemetryPeriod_ms?: number;
  onLog?(level: 'info' | 'warn' | 'error', message: string, fields: object): void;
}

/** Whether this host may drive the device, and under which fence (src/jobs/lease). */
export interface DriveLease {
  /** Null: not now. */
  readonly fence: number | null;
  /** Whether bytes may still go to the chip in a session that began under `fence`. */
  mayWrite(fence: number): boolean;
}

/** What is known of the faults in a twin. */
export interface InjectedFaults {
  /** Hexadecimal uid of the twin that was asked; null while none answers. */
  readonly uid: string | null;
  /** Faults are planted in it. */
  readonly active: boolean;
  /** Calls back after every change; returns what ends it. */
  onChange(callback: () => void): () => void;
}

/** Who answered last; kept while the device is offline. JSON-safe. */
export interface DeviceIdentity {
  /** Hexadecimal. */
  uid: string;
  backend: DeviceBackend;
  /** Hexadecimal, new at every boot. */
  bootId: string;
  firmware: string;
  /** Hexadecimal commit of the firmware. */
  firmwareGit: string;
  /** Hexadecimal CRC-32C of the wire's schema. */
  schemaHash: string;
}

/** What a program and a schedule may ask of a device; from its own GetCapabilities. JSON-safe. */
export interface DeviceCapabilities {
  unitsMax: number;
  imageVersion: number;
  /** Topology ids that an image may have; 1 is the dense upper triangle. */
  topologies: number[];
  /** Full scales of the blocks and the state scale, for `quantise`. */
  ranges: ProgramRanges;
  /** |x| is clamped here. */
  stateRail: number;
  adcBits: number;
  /** Physical seconds per unit of reduced time, 1/(mu E0). */
  timeUnit_s: number;
  stepDefault_s: number;
  stepMin_s: number;
  stepMax_s: number;
  phaseMax_s: number;
  phasesMax: number;
  /** Single reads of one phase; equally spaced reads have no such limit. */
  readsPerPhaseMax: number;
  samplesMax: number;
  recordBytesMax: number;
  /** A run may carry a seed (twins only). */
  seed: boolean;
  /** Different fields that one schedule may name. */
  fieldSlots: number;
  /** Levels that its converters can read instead of the units; null: it has none. */
  reference: {
    level_max_x: number;
    /** Standard uncertainty of the levels as the device states it, the same error for all of them. */
    uncertainty_ratio: number;
  } | null;
  /** What its sensors can tell; null: it has none. */
  telemetry: {
    /** As on the wire: one bit for each channel. */
    mask: number;
    metrics: TelemetryMetric[];
    periodMin_s: number;
    periodMax_s: number;
  } | null;
  /** Temperatures of the die, degrees Celsius, that the device itself enforces; null: it enforces none. */
  dieLimits: {
    /** Above it the device idles between batches. */
    derate_C: number;
    /** At it a run fails, and a fault is latched. */
    trip_C: number;
    /** That fault can be cleared below it. */
    clear_C: number;
  } | null;
}

export type DevicePhase = 'programming' | 'verifying' | 'settling' | 'relaxing' | 'reading';

export interface DeviceProgress {
  phase: DevicePhase;
  /** Bytes while programming and verifying, samples otherwise. */
  done: number;
  total: number;
}

export interface OperationOptions {
  onProgress?(progress: DeviceProgress): void;
  /**
   * Readout codes as they arrive, [samples][reads][units], each sample once and in order, from sample `firstSample` of
   * the run: provisional until the operation resolves, because only then its digest has matched.
   */
  onSamples?(codes: Int16Array, firstSample: number): void;
  /** Asked whenever samples arrive: nothing is decoded for a no. Absent: always yes. */
  wantsSamples?(): boolean;
  /** Abort stops the run on the device; the operation rejects with `cancelled`. */
  signal?: AbortSignal;
}

/** What relax and hold say. Times are seconds of the device's own clock and must be multiples of the step. */
interface OperationRequest {
  program: QuantisedProgram;
  /** Of `program`, where it was made beforehand; absent: the device makes it, 10 ms of arithmetic at 1,296 units. */
  image?: ProgramImage;
  /** Independent restarts from x = 0. */
  samples: number;
  /** Reads lie within (0, duration_s]. */
  duration_s: number;
  /** Ascending. Nothing is run after the last read. */
  readAt_s: number[];
  /** Twins only. */
  seed?: bigint;
  /** Integration step of a twin; default the device's own. */
  step_s?: number;
  /** kT over the program's own kT; rounded to the device's noise temperature code. */
  noiseTemperature_ratio: number;
}

/** A generation run: uncoupled preparation, switch-on, coupled relaxation (docs/physics.md, generation). */
export interface RelaxRequest extends OperationRequest {
  /** Uncoupled time before the couplings are switched on; default duration_s. */
  prepare_s?: number;
  /** Adds a read at switch-on, time 0, without which there is no heat. */
  recordSwitchOn: boolean;
}

/** An uncoupled run from x = 0, for the thermometer; times count from its start. */
export type HoldRequest = OperationRequest;

/** A force on each unit during a phase. */
export interface MeasureField {
  /**
   * N forces, E0: +f pushes x up (biases are energies, b = -f). Rounded to the codes of the device's field converters on a
   * scale of their own; `appliedForce_E0` says to what. Phases with equal forces share one image and differ by their ramps.
   */
  force_E0: Float64Array;
  /** The force over `force_E0` at the start and at the end of the phase, linear in between, -1..1; default 1 and 1. */
  from_ratio?: number;
  to_ratio?: number;
}

/** One phase of a measurement; times are seconds of the device's own clock, multiples of the step. */
export interface MeasurePhase {
  duration_s: number;
  /** Couplings and biases of the program act; the single units always do. */
  coupled: boolean;
  field?: MeasureField;
  /** Single reads, ascending, within [0, duration_s] of this phase; at most the device's readsPerPhaseMax. */
  readAt_s?: number[];
  /** Reads at every multiple within (0, duration_s] of this phase. */
  readEvery_s?: number;
  /** kT over the program's own kT; rounded to the device's noise temperature code. Default 1. */
  noiseTemperature_ratio?: number;
}

/**
 * Any schedule on one program: the state goes on from phase to phase, and every sample begins at x = 0 again. All phases
 * run to their end, whether they are read or not.
 */
export interface MeasureRequest {
  program: QuantisedProgram;
  /** Of `program`, where it was made beforehand; absent: the device makes it, 10 ms of arithmetic at 1,296 units. */
  image?: ProgramImage;
  /** Independent restarts from x = 0. */
  samples: number;
  /** 1 to the device's phasesMax, with at most fieldSlots different fields; at least one of them reads. */
  phases: MeasurePhase[];
  /** Twins only. */
  seed?: bigint;
  /** Integration step of a twin; default the device's own. */
  step_s?: number;
}

/** Levels of the converter reference, read through the channels of the units. */
export interface ReferenceRequest {
  /** Channels of the units 0 .. units - 1. */
  units: number;
  /** Records, each with one read of every level. */
  samples: number;
  /** x, at most 16, within the device's level_max_x; rounded to 1/32768 of that. */
  levels_x: number[];
  /** Twins only. */
  seed?: bigint;
}

export interface ReadInfo {
  /** Since switch-on; in a hold and a measurement since its start; 0 for a level of the reference. */
  time_s: number;
  label: 'switch-on' | 'read';
}

export interface OperationTiming {
  upload_s: number;
  relax_s: number;
  total_s: number;
  /** Bytes of image, patch and fields on the wire, repeats included. */
  sentBytes: number;
  /** The device had the program. */
  skippedUpload: boolean;
  /** A patch brought it. */
  patchedUpload: boolean;
}

export interface RelaxResult {
  /** Readout codes, [samples][reads][units]; times stateScale they are x. */
  codes: Int16Array;
  samples: number;
  units: number;
  reads: ReadInfo[];
  /** x per code. */
  stateScale: number;
  /** SHA-256 of the program image, hexadecimal; empty where the converter reference was read. */
  programId: string;
  /** SHA-256 of the packed records as they came over the link, equal to the device's own; hexadecimal. */
  digest: string;
  step_s: number;
  /** Decimal; null on a device that takes none, or when none was asked for. */
  seed: string | null;
  /** What the code that was set comes to, over the program's own kT; of a measurement that of its last phase. */
  noiseTemperature_ratio: number;
  timing: OperationTiming;
  device: {
    uid: string;
    backend: DeviceBackend;
    bootId: string;
    firmware: string;
    schemaHash: string;
    /** Whose time the device and its link kept, and `timing` is in. */
    clock: ClockFacts;
  };
}

/** Plain counters that monitoring reads; all since the Device was made. */
export interface DeviceCounters {
  connects: number;
  /** Attempts that failed, by reason code. */
  connectFailures: Record<string, number>;
  /** Sessions that ended without being asked to, by reason code. */
  losses: Record<string, number>;
  operations: number;
  operationsFailed: Partial<Record<DeviceErrorCode, number>>;
  uploads: number;
  uploadsSkipped: number;
  /** Of the uploads, those that a patch brought. */
  uploadsPatched: number;
  uploadedBytes: number;
  samples: number;
  sampleBytes: number;
  /** Of the present session; null without one. */
  link: LinkCounters | null;
  /** Of all sessions together, the present one included; null before the first. */
  linkTotals: LinkCounters | null;
}
