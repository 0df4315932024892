// The heat ledger as rows and questions: what every attempt at a job has cost in joules, and the stochastic heat of its samples
// in kT. The two never share a field. Beside rows.ts and repositories.ts, by the same rules.

/** Electrical energy at the rails by what the chip did, in joules. */
export interface PhaseEnergy_J {
  idle: number;
  program: number;
  relax: number;
  read: number;
}

/** One attempt at a job, or the device itself between jobs. It outlives the job: deleting results is no way to get a budget back. */
export interface HeatEntryRow {
  id: string;
  device: string;
  backend: string | null;
  /** Null: nobody's job; the energy belongs to the device (idling, calibrations). */
  jobId: string | null;
  /** Counted from 1. */
  attempt: number | null;
  keyId: string | null;
  /** State of the attempt at its end; null for the device itself. */
  ended: string | null;
  /** Of the device's clock. */
  from_ms: number;
  to_ms: number;
  /** Wall time of the commit. */
  at_ms: number;
  samples: number;
  /** Samples over their autocorrelation time, of the observable that knows least; null: not measured. */
  effectiveSamples: number | null;
  energy_J: PhaseEnergy_J | null;
  /** Why there is no energy, or why it is only a lower bound. */
  energyReason: string | null;
  /** Heat of the samples that gave some to the bath, and of those that took some, both at least 0. Null: not recorded. */
  released_kT: number | null;
  absorbed_kT: number | null;
  heatReason: string | null;
  /** The calibration that the heat rests on. */
  calibration: string | null;
}

export type NewHeatEntry = Omit<HeatEntryRow, 'id' | 'at_ms'>;

export const heatGroupings = ['job', 'key', 'hour'] as const;
export type HeatGrouping = (typeof heatGroupings)[number];

export interface HeatQuery {
  device: string;
  by: HeatGrouping;
  /** Of the device's clock; an entry counts where it ends, after `from_ms` and not after `to_ms`. */
  from_ms: number;
  to_ms: number;
  /** Entries of this key alone, and the device's own. Absent: all. */
  keyId?: string;
  /** The last group seen. */
  after?: string;
  limit: number;
}

/** Sums over the entries of a group. */
export interface HeatGroup {
  /** Id of the job; id of the key, `none` without one, `device` for the device itself; begin of the hour in ms. */
  group: string;
  /** Null unless all of the group belongs to one. */
  keyId: string | null;
  attempts: number;
  /** Attempts whose energy is known, lower bounds included. */
  measured: number;
  samples: number;
  /** Null unless it is known of all samples. */
  effectiveSamples: number | null;
  /** Of jobs; null when it was measured of none. */
  energy_J: PhaseEnergy_J | null;
  /** Of the device itself. */
  deviceEnergy_J: PhaseEnergy_J | null;
  released_kT: number | null;
  absorbed_kT: number | null;
  /** Samples whose heat was recorded. */
  heatSamples: number;
  /** The calibration that all of it rests on; null: none, or several. */
  calibration: string | null;
}

export interface HeatRepository {
  /** Once for each attempt: `conflict` when there is an entry. Call it in the commit that ends the attempt. */
  add(entry: NewHeatEntry): Promise<HeatEntryRow>;
  /** By attempt. */
  ofJob(jobId: string): Promise<HeatEntryRow[]>;
  /** Jobs and hours the latest first. */
  groups(query: HeatQuery): Promise<HeatGroup[]>;
  /** Joules that jobs of a key have cost in commits since then, on all devices. */
  spent_J(keyId: string, since_ms: number): Promise<number>;
  /** Removes up to `limit` entries from before; returns how many. */
  prune(before_ms: number, limit: number): Promise<number>;
}
