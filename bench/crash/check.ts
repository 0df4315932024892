// Holds the service to what it has acknowledged: everything there, once, and as it was.
import {
  digestOfCalibration,
  digestOfJob,
  type CalibrationView,
  type JobView,
  type Ledger,
} from './ledger.ts';
import { ask, isOk, listAll, sha256 } from './requests.ts';

/** What is wrong, each thing once, however often it is seen. */
export class Findings {
  readonly lost = new Set<string>();
  readonly doubled = new Set<string>();
}

export interface Service {
  url: string;
  key: string;
}

/** @param jobs whose samples and certificates are read again */
export async function check(
  { url, key }: Service,
  ledger: Ledger,
  findings: Findings,
  jobs: Iterable<string>,
): Promise<void> {
  checkJobs(await listAll<JobView>(url, key, '/v1/jobs'), ledger, findings);
  const calibrations = byId(await listAll<CalibrationView>(url, key, '/v1/calibrations'));
  for (const id of ledger.calibrations) if (!calibrations.has(id)) findings.lost.add(`calibration ${id}`);
  for (const [id, digest] of ledger.endedCalibrations) {
    const now = calibrations.get(id);
    if (now !== undefined && digestOfCalibration(now) !== digest)
      findings.lost.add(`calibration ${id} is another one: ${JSON.stringify(now)}`);
  }
  const models = await listAll<{ digest: string }>(url, key, '/v1/models');
  checkOnce(count(models.map(({ digest }) => digest)), ledger.models, 'model', findings);
  const keys = await listAll<{ id: string }>(url, key, '/v1/keys');
  checkOnce(count(keys.map(({ id }) => id)), ledger.keys, 'key', findings);
  const audit = await listAll<{ action: string; target: string }>(url, key, '/v1/audit');
  const rows = count(audit.map(({ action, target }) => `${action} ${target}`));
  checkOnce(rows, ledger.audit(), 'audit row', findings);
  for (const id of jobs) await checkResult({ url, key }, id, ledger, findings);
}

function checkJobs(all: JobView[], ledger: Ledger, findings: Findings): void {
  const jobs = byId(all);
  for (const [request, times] of count(all.map(({ labels }) => labels['request'])))
    if (times > 1) findings.doubled.add(`request ${request} made ${times} jobs`);
  for (const [id] of ledger.jobs) {
    const now = jobs.get(id);
    if (now === undefined) findings.lost.add(`job ${id}`);
    else if (ledger.cancelled.has(id) && now.state !== 'cancelled')
      findings.lost.add(`cancel of job ${id}, which is ${now.state}`);
  }
  for (const [id, { view, state }] of ledger.endedJobs) {
    const now = jobs.get(id);
    if (now !== undefined && digestOfJob(now) !== view)
      findings.lost.add(`result of job ${id}, which was ${state}: ${JSON.stringify(now)}`);
  }
}

async function checkResult(
  { url, key }: Service,
  id: string,
  ledger: Ledger,
  findings: Findings,
): Promise<void> {
  const ended = ledger.endedJobs.get(id);
  if (ended === undefined) return;
  for (const [what, digest] of [
    ['samples', ended.samples],
    ['certificate', ended.certificate],
  ] as const) {
    if (digest === null) continue;
    const headers = what === 'samples' ? { accept: 'application/x-npy' } : undefined;
    const read = await ask(url, key, { method: 'GET', path: `/v1/jobs/${id}/${what}`, headers });
    if (read === null) throw new Error(`the ${what} of job ${id} got no answer`);
    if (!isOk(read)) findings.lost.add(`${what} of job ${id}: ${read.status}`);
    else if (sha256(read.bytes) !== digest) findings.lost.add(`${what} of job ${id}: other bytes`);
  }
}

/** Every acknowledged job must have come to one good end, or to the one that was asked for. */
export function checkEnds(ledger: Ledger, findings: Findings): void {
  for (const id of ledger.jobs.keys()) {
    const state = ledger.endedJobs.get(id)?.state ?? 'without an end';
    if (state !== 'succeeded' && !(state === 'cancelled' && ledger.cancelAsked.has(id)))
      findings.lost.add(`result of job ${id}, which is ${state}`);
  }
}

function checkOnce(
  counts: ReadonlyMap<string, number>,
  expected: Iterable<string>,
  what: string,
  findings: Findings,
): void {
  for (const name of expected) {
    const times = counts.get(name) ?? 0;
    if (times === 0) findings.lost.add(`${what} ${name}`);
    if (times > 1) findings.doubled.add(`${what} ${name}: ${times} times`);
  }
}

function count(names: Iterable<string | undefined>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function byId<T extends { id: string }>(items: readonly T[]): Map<string, T> {
  return new Map(items.map((item) => [item.id, item]));
}
