// Changes of a job that has not ended, in one commit with what their sender writes beside them.
import { isStoreError, type JobPatch, type JobRow, type Store } from '../store/index.ts';
import type { EditOptions } from './runner-port.ts';

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
      const row = await tx.jobs.patch(id, change);
      await alongside?.(tx, row);
      return row;
    });
  } catch (error) {
    if (isStoreError(error, 'conflict')) return null;
    throw error;
  }
}
