// Reads the samples of a finished job back from the store.
import type { SampleSetRow, Store } from '../store/index.ts';

/** The samples of a job, as numbers. */
export interface JobSamples {
  set: SampleSetRow;
  /** Readout codes, [samples][reads][units]; times `set.stateScale` they are x. */
  codes: Int16Array;
  /** One per sample; null when no heat was recorded. */
  heat_kT: Float64Array | null;
}

/** The samples of a job, verified against their digests; null when it has none (yet). `corrupt-blob` on damage. */
export async function readJobSamples(store: Store, jobId: string): Promise<JobSamples | null> {
  const set = await store.sampleSets.findByJob(jobId);
  if (set === null) return null;
  const bytes = await store.blobs.get(set.blob);
  const codes = new Int16Array(aligned(bytes));
  if (set.heatBlob === null) return { set, codes, heat_kT: null };
  return { set, codes, heat_kT: new Float64Array(aligned(await store.blobs.get(set.heatBlob))) };
}

/** A buffer of its own, so that wider elements may start at byte 0. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy.buffer;
}
