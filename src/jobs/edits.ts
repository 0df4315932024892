// Changes of a job that has not ended, in one commit with what their sender writes beside them.
import { isStoreError, type JobPatch, type JobRow, type Store } from '../store/index.ts';
import { LONGEST_HOLD_MS } from './queue/expiry.ts';
import type { EditOptions } from './runner-port.ts';

/** A new deadline moves when the job expires; a held one not beyond the longest time that a job is held. */
function withExpiry({ hold, state }: Pick<JobRow, 'hold' | 'state'>, change: JobPatch): JobPatch {
  const { deadline_ms } = change;
  // What runs gets its expiry when it is put back.
  if (deadline_ms === undefined || state === 'running') return change;
  const longest_ms = hold === null ? Infinity : hold.since_ms + LONGEST_HOLD_MS;
  const expiresAt_ms = Math.min(deadline_ms ?? Infinity, longest_ms);
  return { ...change, expiresAt_ms: Number.isFinite(expiresAt_ms) ? expiresAt_ms : null };
}

/** The row after the change, or null when the job has ended. Rejects with what `before` throws, and `not-found`. */
export async function editJob(
  store: Pick<Store, 'transaction'>,
  id: string,
  change: JobPatch,
  { before, alongside }: EditOptions,
): Promise<JobRow | null> {
  try {
    return await store.transaction(async (tx) => {
      before?.(await tx.jobs.get(id));
      const row = await tx.jobs.patch(id, withExpiry(await tx.jobs.get(id), change));
      await alongside?.(tx, row);
      return row;
    });
  } catch (error) {
    if (isStoreError(error, 'conflict')) return null;
    throw error;
  }
}
