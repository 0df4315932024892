// How much a key may keep (limits.storageBytesMax): models and samples together, asked before anything is accepted.
import type { Store } from '../store/index.ts';
import type { Identity } from './context.ts';
import { ProblemError } from './problems/problem.ts';

/**
 * @param added_bytes what the request would add
 * @throws {ProblemError} storage-quota
 */
export async function checkStorageQuota(
  store: Pick<Store, 'deletion'>,
  { keyId, limits }: Identity,
  added_bytes: number,
): Promise<void> {
  const max = limits.storageBytesMax;
  if (max === null) return;
  const stored = await store.deletion.storedBytes(keyId);
  if (stored + added_bytes <= max) return;
  throw new ProblemError(
    'storage-quota',
    `The key keeps ${stored} bytes, this would add ${added_bytes}, and it may keep ${max}.`,
    { limit_bytes: max },
  );
}

/** Bytes of the samples that a job asks for: 16-bit codes of every read of every unit. */
export function samplesBytes(
  job: { samples: { count: number }; relax: { readAt_s?: readonly number[] }; record?: { heat?: boolean } },
  units: number,
): number {
  const reads = (job.relax.readAt_s?.length ?? 1) + (job.record?.heat === false ? 0 : 1);
  return 2 * job.samples.count * reads * units;
}
