// What a relax job asks for, and what it answers: the JSON that is stored with the job and shown by the API.
import type { ClockFacts } from '../clock/clock.ts';
import type { Digest, JobPhase, PhaseEnergy_J } from '../store/index.ts';
import type { Backend } from './device-port.ts';
import type { RequirementReadings } from './requirements/readings.ts';
import type { JobRequire, OnUnmet } from './requirements/require.ts';

/** Names of the API for the priority column; higher runs first. */
export const JobPriority = { batch: 0, normal: 10, interactive: 20 } as const;
export type JobPriorityName = keyof typeof JobPriority;

/** A relax job: let go from thermal noise, read at fixed times (service-api.md, section 3). */
export interface RelaxJobRequest {
  mode: 'relax';
  model: string;
  device: { id: string; backend?: Backend };
  relax: {
    /** Coupled time t_f. */
    duration_s: number;
    /** Within (0, duration_s], ascending; the last one ends the heat. Default: [duration_s]. */
    readAt_s?: number[];
    /** `prepare_s`: uncoupled time before; default duration_s. */
    initial?: { kind: 'thermal'; prepare_s?: number };
  };
  /** kT over the model's own kT; default 1. */
  noiseTemperature?: number;
  /** `targetEss`: stop as soon as the watched observables have this effective sample size; `count` is then the maximum. */
  samples: { count: number; targetEss?: number | null };
  /** Twins only; an unsigned 64-bit integer, in decimal where a JSON number would lose digits. */
  seed?: number | string;
  /** Twins only; integration step. More than the default is the fast mode, labelled in the result (decisions 2). */
  step_s?: number;
  /** Default true: without the switch-on read there is no heat (decisions 9). */
  record?: { heat?: boolean };
  /** `dither`: stochastic roundings of the couplings that share the samples, 2 to 64. */
  mitigation?: { dither?: number | null };
  /** `scale`: energies and kT raised together, so that all times are divided by it; default 1. */
  clock?: { scale?: number };
  labels?: Record<string, string>;
  priority?: JobPriorityName;
  /** Whether it runs again when an attempt is lost; default `auto`. */
  retry?: 'auto' | 'never';
  /** Not started after it; ISO 8601. */
  deadline?: string;
  /** Read at admission and again just before programming. */
  require?: JobRequire;
  /** `wait`: accept although the device is offline, or not as required; `recalibrate`: calibrate first; default `reject`. */
  onUnmet?: OnUnmet;
}

/** The same with every default filled in; what is stored. */
export interface AdmittedRelaxJob {
  mode: 'relax';
  model: Digest;
  device: { id: string; backend: Backend | null };
  relax: { duration_s: number; readAt_s: number[]; initial: { kind: 'thermal'; prepare_s: number } };
  noiseTemperature: number;
  /** Without a target the member is absent. */
  samples: { count: number; targetEss?: number };
  seed: string | null;
  step_s: number | null;
  record: { heat: boolean };
  /** Without dithering the member is absent. */
  mitigation?: { dither: number };
  /** At scale 1 the member is absent. */
  clock?: { scale: number };
  labels: Record<string, string>;
  priority: JobPriorityName;
  retry: 'auto' | 'never';
  deadline: string | null;
  /** Of a job that requires something. */
  require?: JobRequire;
  onUnmet: OnUnmet;
}

/** Q = V(switch-on) - V(last read) per sample, in kT of the job's nominal noise temperature. */
export interface JobHeat {
  mean_kT: number;
  sd_kT: number;
  stderr_kT: number;
  n: number;
  /** Time of the read that ends the heat. */
  until_s: number;
  /** Heat of the samples that gave some to the bath, and of those that took some, both at least 0; absent in results of before. */
  released_kT?: number;
  absorbed_kT?: number;
  /** Float64 little-endian, one value per sample. */
  blob: Digest;
}

/** How much one observable is known, at the last read of every restart. */
export interface ObservableEss {
  /** Potential energy, mean of x over the units, or x of one unit. */
  name: 'energy' | 'mean' | 'unit';
  /** Of `unit` alone. */
  unit: number | null;
  /** Samples over the autocorrelation time, at most the samples; null where nothing can be said. */
  ess: number | null;
  /** Standard error of `ess`. */
  essStderr: number | null;
  /** In restarts, at least 1. */
  autocorrelationTime: number | null;
  /** `short`: fewer than 50 autocorrelation times, not to be believed; `constant`: it never moved, and is not counted. */
  quality: 'trusted' | 'short' | 'constant';
}

/** Why a job with a target ended where it did. */
export interface EarlyStop {
  targetEss: number;
  stoppedBy: 'target' | 'count';
  observables: ObservableEss[];
  /** Runs of the device, in order. `wireDigest`: hexadecimal, each verified against the device's own. */
  batches: BatchFacts[];
}

/** One run of the device. `wireDigest`: hexadecimal, verified against the device's own. */
export interface BatchFacts {
  samples: number;
  seed: string | null;
  wireDigest: string;
}

/** How a job was run so that the die of its device did not become too warm. */
export interface Pacing {
  /** Waited within the run for the die to cool. */
  paused_s: number;
  /**
   * Runs of the device, in order. The first part of what was cut has its seed, part k the first eight bytes of the SHA-256 of the
   * text `SEED/part/k`.
   */
  batches: BatchFacts[];
}

/** One run of a dithered job, in order. */
export interface RoundingRun {
  samples: number;
  /** Of the noise, decimal; null: the device drew its own. */
  seed: string | null;
  /** Of the rounding, decimal: with it and the model anybody makes the same program. */
  roundingSeed: string;
  /** The other of the pair with this seed. */
  mirrored: boolean;
  /** SHA-256 of the program image, hexadecimal. */
  programDigest: string;
  /** Hexadecimal, verified against the device's own. */
  wireDigest: string;
}

/** An observable at the last read of every restart, and how far the roundings lie apart. */
export interface DitherObservable {
  /** Potential energy over kT, mean of x over the units, or x of the unit with the largest mean. */
  name: 'energy_kT' | 'mean_x' | 'unit_x';
  /** Of `unit_x` alone. */
  unit: number | null;
  /** Mean over all samples. */
  value: number;
  /** Standard deviation between the means of the roundings. */
  spread: number;
  /** `spread` over the root of the number of roundings. */
  stderr: number;
}

/** What dithering came to. */
export interface Dither {
  roundings: RoundingRun[];
  observables: DitherObservable[];
}

/** What a succeeded job stores as its result. */
export interface JobResult {
  samples: {
    /** Samples, reads, units. */
    shape: [number, number, number];
    dtype: 'int16';
    reads: { time_s: number; label: 'switch-on' | 'read' }[];
    /** x per code. */
    stateScale: number;
    /** The stored int16 codes. */
    blob: Digest;
    bytes: number;
    /**
     * SHA-256 of the packed bytes of the link, verified against the device's own; of several batches the SHA-256 over
     * their digests (32 bytes each), in order.
     */
    wireDigest: string;
  };
  heat: JobHeat | null;
  /** Why there is no heat. */
  heatReason: string | null;
  /** Electrical energy at the rails during the attempt, joules; absent in results of before. */
  energy_J?: (PhaseEnergy_J & { total: number }) | null;
  /** Why there is none, or why it is only a lower bound. */
  energyReason?: string | null;
  /** Of a job with `samples.targetEss`; absent in all others. */
  earlyStop?: EarlyStop;
  /** How the roundings of a job with `mitigation.dither` differ; they themselves are in the provenance. */
  dither?: Omit<Dither, 'roundings'>;
  /** Of a job that was run in parts, or waited, because of the heat; absent in all others. */
  pacing?: Pacing;
  timing: {
    upload_s: number;
    relax_s: number;
    total_s: number;
    sentBytes: number;
    skippedUpload: boolean;
    /** A patch brought the program; absent in results of before. */
    patchedUpload?: boolean;
  };
  provenance: {
    device: string;
    deviceUid: string;
    backend: string;
    /** Faults were planted in the line or the device during the run; absent in results of before. */
    faultsActive?: boolean;
    bootId: string;
    firmware: string;
    schemaHash: string;
    /** Whose time the device and its link kept; absent in results of before. */
    clock?: ClockFacts;
    model: Digest;
    programDigest: string;
    seed: string | null;
    step_s: number;
    /** Step above 0.001 of the time unit: the bias of the step is larger (decisions 2). */
    fastMode: boolean;
    noiseTemperature_ratio: number;
    /** kT of the heat, E0. */
    noiseTemperature_E0: number;
    /** Energies and kT were raised by it, and every time divided; absent at 1. */
    clockScale?: number;
    /** Of a job with `mitigation.dither`; `programDigest` is then the SHA-256 over theirs (32 bytes each), in order. */
    roundings?: RoundingRun[];
    /** The active noise temperature calibration of this chip, if any. */
    calibration: string | null;
    /** Of a job that requires something; absent in all others. */
    requirements?: {
      /** At its submission. */
      admission: RequirementReadings | null;
      /** Just before programming. */
      start: RequirementReadings;
    };
  };
}

/** How far a running job or calibration is; in memory only. */
export interface JobProgress {
  phase: JobPhase;
  /** Samples done; bytes while programming. */
  done: number;
  total: number;
  unit: 'samples' | 'bytes' | 'steps';
  /** Per second over the present phase; null until known. */
  rate_per_s: number | null;
  /** Seconds to the end of the present phase; null until known. */
  eta_s: number | null;
}
