// What is let go of by itself: results, captures and audit rows that are older than the operator keeps them, and blobs that no
// row names. And the bytes of what was deleted on request.
//
// A blob goes only when no row names it and it was stored or asked to be stored again (which makes it young) longer ago than
// any commit takes that is still to name it. So a put whose commit is under way keeps its bytes.
import type { Store } from './store.ts';
import type { Digest } from './rows.ts';

const DAY_MS = 86_400_000;
/** From a put to the commit that names it there are seconds; to the collector of garbage this is forever. */
export const GARBAGE_GRACE_MS = 3_600_000;
/** For what somebody has just deleted: a minute is more than a request takes. What is younger waits for the collector. */
export const DELETION_GRACE_MS = 60_000;
/** Rows at a time, so that nobody waits long for the database. */
const STEP = 20;
const AUDIT_STEP = 500;
/** Deliveries to webhooks that have ended are kept for looking at. */
const DELIVERIES_DAYS = 7;

type Part = Pick<Store, 'blobs' | 'deletion'>;

/** Days; null keeps for ever. */
export interface RetentionPolicy {
  /** Jobs that have ended, with samples, certificate and log, counted from their end. */
  jobs_days: number | null;
  captures_days: number | null;
  /** Also of the heat ledger, which is an account like it, and of the series of drift. */
  audit_days: number | null;
}

export interface Swept {
  jobs: number;
  captures: number;
  auditRows: number;
  heatEntries: number;
  driftPoints: number;
  blobs: number;
}

/** Removes the bytes of blobs that no row names any more; returns how many. Those younger than `grace_ms` stay for later. */
export async function releaseBlobs(
  store: Part,
  digests: readonly Digest[],
  { now_ms, grace_ms = DELETION_GRACE_MS }: { now_ms: number; grace_ms?: number },
): Promise<number> {
  let removed = 0;
  for (const digest of digests) {
    if (await store.deletion.isReferenced(digest)) continue;
    if (await store.blobs.delete(digest, { storedBefore_ms: now_ms - grace_ms })) removed++;
  }
  return removed;
}

/** Removes blobs that no row names and that nobody has stored within the grace. */
export async function collectGarbage(store: Part, now_ms: number, signal?: AbortSignal): Promise<number> {
  const named = await store.deletion.referenced();
  let removed = 0;
  for await (const { digest, storedAt_ms } of store.blobs.list()) {
    signal?.throwIfAborted();
    if (named.has(digest) || storedAt_ms >= now_ms - GARBAGE_GRACE_MS) continue;
    // Named since the list was made?
    removed += await releaseBlobs(store, [digest], { now_ms, grace_ms: GARBAGE_GRACE_MS });
  }
  return removed;
}

/** One round of everything: expired rows, their blobs, garbage, and answers that were kept for repeats. */
export async function sweep(
  store: Pick<Store, 'blobs' | 'deletion' | 'idempotency' | 'transaction' | 'webhooks' | 'heat' | 'drift'>,
  policy: RetentionPolicy,
  now_ms: number,
  signal?: AbortSignal,
): Promise<Swept> {
  const before = (days: number | null): number | null => (days === null ? null : now_ms - days * DAY_MS);
  const swept: Swept = { jobs: 0, captures: 0, auditRows: 0, heatEntries: 0, driftPoints: 0, blobs: 0 };
  const each = async (
    at_ms: number | null,
    list: (at_ms: number, limit: number) => Promise<string[]>,
    kind: 'job' | 'capture',
    count: 'jobs' | 'captures',
  ): Promise<void> => {
    if (at_ms === null) return;
    for (let ids = await list(at_ms, STEP); ids.length > 0; ids = await list(at_ms, STEP))
      for (const id of ids) {
        signal?.throwIfAborted();
        const blobs = await store.transaction(async (tx) => {
          const named = await tx.deletion[kind](id);
          await tx.audit.append({
            keyId: null,
            action: `${kind}.retention`,
            target: id,
            outcome: 'done',
            correlationId: null,
            detail: {},
          });
          return named;
        });
        swept[count]++;
        swept.blobs += await releaseBlobs(store, blobs, { now_ms });
      }
  };
  await each(
    before(policy.jobs_days),
    (...asked) => store.deletion.jobsFinishedBefore(...asked),
    'job',
    'jobs',
  );
  await each(
    before(policy.captures_days),
    (...asked) => store.deletion.capturesBefore(...asked),
    'capture',
    'captures',
  );
  const audit_ms = before(policy.audit_days);
  const inSteps = async (remove: (before_ms: number) => Promise<number>): Promise<number> => {
    if (audit_ms === null) return 0;
    for (let removed = 0; ;) {
      signal?.throwIfAborted();
      const gone = await remove(audit_ms);
      removed += gone;
      if (gone < AUDIT_STEP) return removed;
    }
  };
  swept.auditRows = await inSteps((before_ms) => store.deletion.auditBefore(before_ms, AUDIT_STEP));
  swept.driftPoints = await inSteps((before_ms) => store.drift.prune(before_ms, AUDIT_STEP));
  swept.heatEntries = await inSteps((before_ms) => store.heat.prune(before_ms, AUDIT_STEP));
  await store.idempotency.prune();
  await store.webhooks.prune(now_ms - DELIVERIES_DAYS * DAY_MS);
  swept.blobs += await collectGarbage(store, now_ms, signal);
  return swept;
}
