// Where samples come from: the same facts in every format that can hold them and in the header Thermoloop-Provenance. Made
// from stored rows alone, so that the same job gives the same bytes for ever.
import type { JobResult } from '../../jobs/index.ts';
import type { JobRow, SampleSetRow } from '../../store/index.ts';
import { toTimeOrNull } from '../schemas/common.ts';

/** Null: not recorded. Times in s, energies in E0; digests are SHA-256. */
export interface Provenance {
  job: string;
  finishedAt: string | null;
  device: string;
  deviceUid: string | null;
  backend: string;
  faultsActive: boolean | null;
  firmware: string | null;
  schemaHash: string | null;
  bootId: string | null;
  clock: unknown;
  model: string;
  programDigest: string | null;
  seed: string | null;
  step_s: number | null;
  fastMode: boolean | null;
  noiseTemperature_ratio: number | null;
  noiseTemperature_E0: number | null;
  calibration: string | null;
  /** Of a job that requires something; absent in all others. */
  requirements?: JobResult['provenance']['requirements'];
  /** Samples, reads, units. */
  shape: number[];
  reads: { time_s: number; label: string }[];
  /** x per readout code. */
  stateScale: number;
  /** Of the readout codes, int16 little-endian; the one that the certificate names. */
  samplesDigest: string;
  /** Of the heat, float64 little-endian. */
  heatDigest: string | null;
  certificate: string;
}

export function provenanceOf(job: JobRow, set: SampleSetRow): Provenance {
  const known = (job.result as unknown as JobResult | null)?.provenance;
  return {
    job: job.id,
    finishedAt: toTimeOrNull(job.finishedAt_ms),
    device: set.device,
    deviceUid: known?.deviceUid ?? null,
    backend: set.backend,
    faultsActive: known?.faultsActive ?? null,
    firmware: known?.firmware ?? null,
    schemaHash: known?.schemaHash ?? null,
    bootId: known?.bootId ?? null,
    clock: known?.clock ?? null,
    model: set.model,
    programDigest: known?.programDigest ?? null,
    seed: known?.seed ?? null,
    step_s: known?.step_s ?? null,
    fastMode: known?.fastMode ?? null,
    noiseTemperature_ratio: known?.noiseTemperature_ratio ?? null,
    noiseTemperature_E0: known?.noiseTemperature_E0 ?? null,
    calibration: known?.calibration ?? null,
    ...(known?.requirements !== undefined && { requirements: known.requirements }),
    shape: [set.samples, set.reads.length, set.units],
    reads: set.reads.map(({ time_s, label }) => ({ time_s, label })),
    stateScale: set.stateScale,
    samplesDigest: set.blob,
    heatDigest: set.heatBlob,
    certificate: `/v1/jobs/${job.id}/certificate`,
  };
}

/** JSON of visible ASCII, for a header field and for a comment line. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
