// Many jobs at once: each admitted by itself, those that pass added in one commit.
import { PhysicsError } from '../physics/index.ts';
import {
  StoreError,
  isStoreError,
  type JobRow,
  type NewJob,
  type Repositories,
  type Store,
} from '../store/index.ts';
import { JobError } from './errors.ts';
import type { BatchItem, BatchOptions, SubmitOptions } from './runner-port.ts';
import type { RelaxJobRequest } from './request.ts';

/** Refusals that are about the job, not about the service. */
export const isRefusal = (error: unknown): error is Error =>
  (error instanceof JobError && error.code !== 'runner-closed') ||
  error instanceof PhysicsError ||
  isStoreError(error, 'corrupt-blob') ||
  isStoreError(error, 'not-found');

/**
 * @param items an Error: refused before it came here
 * @param admit rejects with the refusal of one job
 * @returns in the order of `items`, the new rows and why there is none
 */
export async function addBatch(
  store: Pick<Store, 'transaction'>,
  items: readonly (BatchItem | Error)[],
  admit: (request: RelaxJobRequest, options: SubmitOptions<JobRow>) => Promise<NewJob>,
  options: BatchOptions,
): Promise<(JobRow | Error)[]> {
  const admitted: (NewJob | Error)[] = [];
  for (const item of items)
    admitted.push(
      item instanceof Error
        ? item
        : await admit(item.request, { keyId: options.keyId, id: item.id }).catch((error: unknown) => {
            if (isRefusal(error)) return error;
            throw error;
          }),
    );
  return store.transaction(async (tx) => {
    const rows: (JobRow | Error)[] = [];
    for (const job of admitted) rows.push(job instanceof Error ? job : await addOne(tx, job));
    await options.alongside?.(tx, rows);
    return rows;
  });
}

/** A given id is looked for first: a conflict would undo all of the transaction. */
async function addOne(tx: Repositories, job: NewJob): Promise<JobRow | Error> {
  if (job.id !== undefined && (await tx.jobs.find(job.id)) !== null)
    return new StoreError('conflict', `there is a job ${job.id} already`);
  return tx.jobs.add(job);
}
