// Editing jobs, and what is kept about how they went.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';

interface Job {
  id: string;
  state: string;
  priority: string;
  labels: Record<string, string>;
  revision: number;
}

let service: TestService;
let model: string;
beforeAll(async () => {
  service = await startTestService();
  model = await service.uploadPair();
});
afterAll(() => service.close());
afterEach(async () => {
  release();
  for (const { id } of await service.store.jobs.list({ state: ['queued', 'running'], limit: 500 }))
    await service.runner.waitForEnd(id, 10_000);
});

const code = (response: { json(): unknown }): unknown => (response.json() as { code?: string }).code;
const submit = async (change: object = {}, headers = service.as.researcher): Promise<Job> =>
  (await service.call('POST', '/v1/jobs', { headers, body: jobBody(model, change) })).json<Job>();
const edit = (id: string, body: object | string, headers: Record<string, string> = service.as.researcher) =>
  service.call('PATCH', `/v1/jobs/${id}`, { headers, body });
const read = (path: string) => service.call('GET', `/v1/jobs/${path}`, { role: 'researcher' });

/** A job that holds the device until `release`. */
async function occupy(): Promise<Job> {
  service.device.held = true;
  const started = service.device.started();
  const job = await submit();
  await started;
  return job;
}
function release(): void {
  service.device.held = false;
  service.device.release();
}

describe('PATCH /v1/jobs/{id}', () => {
  it('moves a waiting job ahead and replaces its labels', async () => {
    await occupy();
    const first = await submit({ labels: { a: '1', b: '2' } });
    const second = await submit();
    const raised = await edit(second.id, { priority: 'interactive' });
    expect([raised.statusCode, raised.json<Job>().priority]).toEqual([200, 'interactive']);
    expect(raised.headers).toMatchObject({
      etag: `"${second.id}.${second.revision + 1}"`,
      'thermoloop-device': 'chip-0',
    });
    const relabelled = (await edit(first.id, { labels: { c: '3' } })).json<Job>();
    expect([relabelled.labels, relabelled.priority]).toEqual([{ c: '3' }, 'normal']);
    release();
    for (const { id } of [first, second]) await service.runner.waitForEnd(id, 10_000);
    const rows = await Promise.all([first, second].map(({ id }) => service.store.jobs.get(id)));
    expect(rows[1].attempts[0].startedAt_ms).toBeLessThanOrEqual(rows[0].attempts[0].startedAt_ms);
    expect(rows[1].finishedAt_ms).toBeLessThanOrEqual(Number(rows[0].startedAt_ms));
  });

  it('gives a waiting job a deadline that it expires at, and takes it away', async () => {
    await occupy();
    const job = await submit();
    const far = new Date(Date.now() + 3_600_000).toISOString();
    expect((await edit(job.id, { deadline: far })).json()).toMatchObject({ deadline: far });
    expect((await service.store.jobs.get(job.id)).expiresAt_ms).toBe(Date.parse(far));
    expect((await edit(job.id, { deadline: null })).json()).toMatchObject({ deadline: null });
    expect((await service.store.jobs.get(job.id)).expiresAt_ms).toBeNull();
    const near = new Date(Date.now() + 2_000).toISOString();
    expect((await edit(job.id, { deadline: near })).statusCode).toBe(200);
    expect((await service.runner.waitForEnd(job.id, 20_000)).state).toBe('expired');
  });

  it('edits the version that If-Match names and no other', async () => {
    await occupy();
    const { id, revision } = await submit();
    const tag = (at: number) => ({ ...service.as.researcher, 'if-match': `"${id}.${at}"` });
    expect((await edit(id, { labels: { n: '1' } }, tag(revision))).statusCode).toBe(200);
    const stale = await edit(id, { labels: { n: '2' } }, tag(revision));
    expect([stale.statusCode, code(stale)]).toEqual([412, 'precondition-failed']);
    expect((await service.store.jobs.get(id)).labels).toEqual({ n: '1' });
    const rows = await service.store.audit.list({ action: 'job.edit', target: id, limit: 10 });
    expect(rows.map((row) => row.detail)).toEqual([{ changed: ['labels'] }]);
  });

  it('refuses a job that has ended, one of another key, and none at all', async () => {
    const { id } = await submit();
    await service.runner.waitForEnd(id, 10_000);
    const late = await edit(id, { priority: 'batch' });
    expect([late.statusCode, code(late)]).toEqual([409, 'already-finished']);
    const other = await service.addKey('researcher');
    expect(code(await edit(id, { priority: 'batch' }, other.headers))).toBe('unknown-job');
    expect(code(await edit('nothing', { priority: 'batch' }))).toBe('unknown-job');
  });

  it('keeps to the highest priority of the key, when it edits and when it submits', async () => {
    const { headers } = await service.addKey('researcher', [], undefined, { maxPriority: 'normal' });
    await occupy();
    const job = await submit({}, headers);
    const refused = await edit(job.id, { priority: 'interactive' }, headers);
    expect([refused.statusCode, code(refused)]).toEqual([403, 'forbidden']);
    expect((await edit(job.id, { priority: 'batch' }, headers)).json<Job>().priority).toBe('batch');
    const body = jobBody(model, { priority: 'interactive' });
    expect(code(await service.call('POST', '/v1/jobs', { headers, body }))).toBe('forbidden');
  });

  it.each([
    [{}, ''],
    [[], ''],
    [{ priority: 'urgent' }, '/priority'],
    [{ priority: 10 }, '/priority'],
    [{ priority: null }, '/priority'],
    [{ deadline: 'soon' }, '/deadline'],
    [{ deadline: '2020-01-01T00:00:00Z' }, '/deadline'],
    [{ deadline: 4e12 }, '/deadline'],
    [{ labels: [] }, '/labels'],
    [{ labels: { a: 1 } }, '/labels/a'],
    [{ labels: { a: 'x'.repeat(257) } }, '/labels/a'],
    [{ state: 'cancelled' }, '/state'],
    [{ priority: 'batch', samples: { count: 1 } }, '/samples'],
  ])('refuses %j and changes nothing', async (body, pointer) => {
    await occupy();
    const { id, revision } = await submit();
    const response = await edit(id, body);
    expect([response.statusCode, code(response)]).toEqual([422, 'validation-failed']);
    expect(response.json<{ errors: { pointer: string }[] }>().errors[0].pointer).toBe(pointer);
    expect((await service.store.jobs.get(id)).revision).toBe(revision);
  });
});

describe('what is kept about a job', () => {
  it('tells the waits, the attempt and its phases, which add up', async () => {
    const { id } = await submit();
    await service.runner.waitForEnd(id, 10_000);
    const timing = (await read(`${id}/timing`)).json<{
      total_s: number;
      waited_s: number;
      ran_s: number;
      attempts: { attempt: number; duration_s: number; phases: { phase: string; duration_s: number }[] }[];
      device: object | null;
    }>();
    expect(timing.waited_s + timing.ran_s).toBeCloseTo(timing.total_s, 9);
    expect(timing.attempts).toHaveLength(1);
    const [{ phases, duration_s }] = timing.attempts;
    expect(phases.map(({ phase }) => phase)).toContain('relaxing');
    expect(phases.reduce((sum, of) => sum + of.duration_s, 0)).toBeLessThanOrEqual(duration_s + 1e-9);
    expect(timing.device).toEqual({
      upload_s: expect.any(Number) as number,
      relax_s: expect.any(Number) as number,
      total_s: expect.any(Number) as number,
    });
  });

  it('tells the lines of the attempt in order, and of a job that waits that there is none', async () => {
    const { id } = await submit();
    await service.runner.waitForEnd(id, 10_000);
    const { attempts } = (await read(`${id}/log`)).json<{
      attempts: { attempt: number; lines: { at: string; message: string }[] }[];
    }>();
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1]);
    const messages = attempts[0].lines.map(({ message }) => message);
    expect([messages[0], messages.at(-1)]).toEqual(['taken from the queue', 'succeeded']);
    await occupy();
    const waiting = await submit();
    expect((await read(`${waiting.id}/log`)).json()).toEqual({ job: waiting.id, attempts: [] });
    expect((await read(`${waiting.id}/timing`)).json()).toMatchObject({
      attempts: [],
      ran_s: 0,
      device: null,
    });
  });
});
