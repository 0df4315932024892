// Which rules would hold a job that does not exist yet.
import type { JobHold, JobRow, JsonObject } from '../../store/index.ts';
import { AWAY_MS } from '../holds/away.ts';
import { HOLD_RULES } from '../holds/rules.ts';
import type { Look } from '../holds/world.ts';
import { JobPriority, type AdmittedRelaxJob } from '../request.ts';

/** All that would hold it, in the order in which they are told; `look` is at its device. */
export async function holdsOf(look: Look, job: AdmittedRelaxJob, keyId: string | null): Promise<JobHold[]> {
  const row = rowOf(job, keyId, look.world.now_ms);
  const world = longAway(await look.around(row));
  return HOLD_RULES.flatMap((rule) => {
    const answer = rule.of === 'device' ? rule.hold(world) : rule.hold(row, world);
    return answer === null ? [] : [{ reason: rule.reason, ...answer, since_ms: world.now_ms }];
  });
}

/** A device that is away counts as away: whether for a moment only is not known of what is to come. */
function longAway<W extends Look['world']>(world: W): W {
  return world.awaySince_ms === null ? world : { ...world, awaySince_ms: world.now_ms - AWAY_MS };
}

/** As it would stand in the queue. */
function rowOf(job: AdmittedRelaxJob, keyId: string | null, now_ms: number): JobRow {
  return {
    id: '',
    device: job.device.id,
    state: 'queued',
    phase: null,
    cause: null,
    failure: null,
    hold: null,
    priority: JobPriority[job.priority],
    deadline_ms: null,
    expiresAt_ms: null,
    retry: job.retry,
    cancelRequestedAt_ms: null,
    model: job.model,
    request: job as unknown as JsonObject,
    requirements: null,
    result: null,
    labels: job.labels,
    attempts: [],
    samplesBlob: null,
    keyId,
    revision: 0,
    createdAt_ms: now_ms,
    startedAt_ms: null,
    finishedAt_ms: null,
  };
}
