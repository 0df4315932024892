// Addenda of jobs that the store has: before, around and after a change of their chip, and the jobs of other chips left alone.
import { generateKeyPairSync, sign } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';
import { verifyAddendum } from '../../certificate/index.ts';
import type { JobEvent, JobResult, JobRunner, JobView } from '../../jobs/index.ts';
import { systemClock } from '../../clock/clock.ts';
import { Addenda, type Addendum } from './addenda.ts';

let service: TestService;
beforeEach(async () => {
  service = await startTestService();
});
afterEach(() => service.close());

async function endedJob(): Promise<JobView> {
  const model = await service.uploadPair();
  const made = await service.call('POST', '/v1/jobs', { role: 'operator', body: jobBody(model) });
  return service.runner.waitForEnd(made.json<{ id: string }>().id, 20_000);
}

async function addendaOf(job: string): Promise<{ ranges: unknown }[]> {
  const answer = await service.call('GET', `/v1/jobs/${job}/certificate/addenda`, { role: 'operator' });
  expect(answer.statusCode).toBe(200);
  return answer.json<{ items: { ranges: unknown }[] }>().items;
}

describe('addenda', () => {
  it('tell ended jobs of a change of their chip, and jobs that end while it stands', async () => {
    const { store } = service;
    const pair = generateKeyPairSync('ed25519');
    const certificateKeys = {
      current: 'k1',
      published: [],
      sign: (bytes: Uint8Array) => sign(null, bytes, pair.privateKey),
    };
    const [first, second] = [await endedJob(), await endedJob()];
    const { deviceUid } = (first.result as unknown as JobResult).provenance;
    let emit: (event: JobEvent) => void = () => undefined;
    const runner = {
      onEvent: (on: typeof emit) => {
        emit = on;
        return () => undefined;
      },
    } as JobRunner;
    const addenda = new Addenda({
      store,
      clock: systemClock,
      certificateKeys,
      version: '1',
      runner,
    });
    const told: Addendum[] = [];
    addenda.onAdded((addendum) => told.push(addendum));
    const end_ms = (job: JobView): number => job.finishedAt_ms ?? NaN;
    const change = {
      device: 'chip-0',
      deviceUid,
      program: 'p',
      quantity: 'coupling',
      element: '3-7',
      value_ratio: 0.05,
      stderr_ratio: 0.006,
      z: 8.3,
      lastGood_ms: end_ms(first),
      alarm_ms: end_ms(second) + 1000,
    };
    const event = await store.drift.addEvent(change);
    const other = await store.drift.addEvent({ ...change, deviceUid: 'another' });
    for (const one of [event, other]) emit({ type: 'drift.event', device: 'chip-0', event: one });
    const third = await endedJob();
    emit({ type: 'job.state', job: third, elsewhere: false });
    await addenda.close();
    expect(told.map(({ job, side }) => [job.id, side]).sort()).toEqual(
      [
        [first.id, 'before'],
        [second.id, 'uncertain'],
        [third.id, 'uncertain'],
      ].sort(),
    );
    const [answer, ...more] = await addendaOf(first.id);
    expect(more).toEqual([]);
    expect(answer.ranges).toEqual([{ from: 0, to: expect.any(Number) as number, side: 'before' }]);
    const [row] = await store.drift.addenda(first.id);
    expect(verifyAddendum(row.document, new Map([['k1', pair.publicKey]])).drift).toMatchObject({
      event: event.id,
      element: '3-7',
    });
  });
});
