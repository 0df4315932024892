import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobBody, startTestService, type TestService } from '../../test/support/test-service.ts';

let service: TestService;
let model: string;
beforeAll(async () => {
  service = await startTestService();
  model = await service.uploadPair();
});
afterAll(() => service.close());

type Caller = Awaited<ReturnType<TestService['addKey']>>;
const submit = async (caller: Caller, change: object = {}) => {
  const response = await service.call('POST', '/v1/jobs', {
    headers: caller.headers,
    body: jobBody(model, change),
  });
  return { response, body: response.json<Record<string, unknown>>() };
};

describe('queuedJobsMax of a key', () => {
  it('refuses one more than may wait, keeps nothing of it, and takes it when one has left', async () => {
    service.device.become('offline');
    const caller = await service.addKey('researcher', [], undefined, { queuedJobsMax: 2 });
    const other = await service.addKey('researcher');
    const waiting = { onUnmet: 'wait' };
    const first = await submit(caller, waiting);
    await submit(caller, waiting);
    const refused = await submit(caller, waiting);
    expect([refused.response.statusCode, refused.body.code, refused.body.retryable]).toEqual([
      429,
      'queue-full',
      true,
    ]);
    expect(Number(refused.response.headers['retry-after'])).toBeGreaterThan(0);
    expect(await service.store.jobs.countWaiting(caller.id)).toBe(2);
    expect((await submit(other, waiting)).response.statusCode).toBe(201);
    await service.call('POST', `/v1/jobs/${String(first.body.id)}/cancel`, { headers: caller.headers });
    expect((await submit(caller, waiting)).response.statusCode).toBe(201);
    service.device.become('ready');
  });
});
