import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeviceError } from '../../device/index.ts';
import { readPublicKeys, verifyCertificate, verifySamples } from '../../certificate/index.ts';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';

let service: TestService;
let model: string;
beforeAll(async () => {
  service = await startTestService();
  model = await service.uploadPair();
});
afterAll(() => service.close());

async function submitted(change: object = {}): Promise<string> {
  const response = await service.call('POST', '/v1/jobs', {
    role: 'researcher',
    body: jobBody(model, change),
  });
  return response.json<{ id: string }>().id;
}
async function finished(change: object = {}): Promise<string> {
  const id = await submitted(change);
  await service.runner.waitForEnd(id, 10_000);
  return id;
}
const certificate = (id: string, headers: Record<string, string> = service.as.researcher) =>
  service.call('GET', `/v1/jobs/${id}/certificate`, { headers });
const code = (response: { json(): unknown }): unknown => (response.json() as { code?: string }).code;
const publishedKeys = async () => readPublicKeys((await service.call('GET', '/v1/certificate-keys')).body);

describe('GET /v1/jobs/{id}/certificate', () => {
  it('states what the job, its result and its samples say, signed by a published key', async () => {
    const id = await finished({ seed: 7, labels: { run: 'A17' } });
    const response = await certificate(id);
    expect(response.statusCode).toBe(200);
    const sha256 = createHash('sha256').update(response.rawPayload).digest('base64');
    expect(response.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'content-disposition': `attachment; filename="certificate-${id}.json"`,
      'repr-digest': `sha-256=:${sha256}:`,
      'thermoloop-backend': 'twin',
    });
    const verified = verifyCertificate(response.rawPayload, await publishedKeys());
    const row = await service.store.jobs.get(id);
    const set = await service.store.sampleSets.findByJob(id);
    expect(verified).toMatchObject({
      job: {
        id,
        submittedBy: row.keyId,
        request: { samples: { count: 3 }, labels: { run: 'A17' }, relax: { duration_s: 2.5e-6 } },
        attempts: [{ state: 'succeeded', cause: null }],
        finishedAt: new Date(row.finishedAt_ms ?? NaN).toISOString(),
      },
      device: { id: 'chip-0', backend: 'twin', faultsActive: false, uid: 'cafe' },
      program: { model, seed: '7' },
      samples: { shape: [3, 2, 2], digest: set?.blob },
      heat: { n: 3, digest: set?.heatBlob },
      calibration: null,
      issued: { serviceVersion: '0.0.0-test' },
    });
  });

  it('fits the samples in every format, and not those of another job', async () => {
    const [id, other] = [await finished(), await finished({ samples: { count: 4 } })];
    const keys = await publishedKeys();
    const verified = verifyCertificate((await certificate(id)).rawPayload, keys);
    for (const accept of ['application/json', 'application/x-npy', 'application/x-npz']) {
      const file = (of: string) =>
        service.call('GET', `/v1/jobs/${of}/samples`, { headers: { ...service.as.researcher, accept } });
      expect(verifySamples(verified, (await file(id)).rawPayload)).toContain('x');
      const foreign = (await file(other)).rawPayload;
      expect(() => verifySamples(verified, foreign)).toThrow(/not of this certificate/);
    }
  });

  it('names the calibration and its age at the start of the job', async () => {
    const made = await service.call('POST', '/v1/calibrations', {
      role: 'researcher',
      body: { kind: 'noise-temperature', device: 'chip-0' },
    });
    const { id: calibration } = made.json<{ id: string }>();
    await service.runner.waitForCalibration(calibration, 1, 10_000);
    await expect
      .poll(async () => (await service.store.calibrations.get(calibration)).state)
      .toBe('succeeded');
    const id = await finished();
    const verified = verifyCertificate((await certificate(id)).rawPayload, await publishedKeys());
    const job = await service.store.jobs.get(id);
    const { finishedAt_ms } = await service.store.calibrations.get(calibration);
    expect(verified.calibration).toMatchObject({
      id: calibration,
      forced: false,
      values: { noiseTemperature_ratio: 1.01 },
      age_s: ((job.startedAt_ms ?? NaN) - (finishedAt_ms ?? NaN)) / 1000,
    });
  });

  it('is the same bytes each time, also to many at once', async () => {
    const id = await finished();
    const answers = await Promise.all([1, 2, 3, 4].map(() => certificate(id)));
    await new Promise((resolve) => setTimeout(resolve, 5)); // another `issued.at`, were it made again
    const later = await certificate(id, service.as.viewer);
    expect(new Set([...answers, later].map((answer) => answer.body)).size).toBe(1);
  });

  it('says what to do for jobs that have none', async () => {
    service.device.held = true;
    const started = service.device.started();
    const running = await submitted();
    await started;
    const queued = await submitted();
    for (const id of [running, queued]) {
      const early = await certificate(id);
      expect([early.statusCode, code(early), early.headers['retry-after']]).toEqual([
        409,
        'job-not-finished',
        '1',
      ]);
    }
    await service.call('POST', `/v1/jobs/${queued}/cancel`, { role: 'researcher' });
    service.device.held = false;
    service.device.release();
    await service.runner.waitForEnd(running, 10_000);
    service.device.failWith = new DeviceError('link-lost', 'the twin was killed');
    for (const id of [queued, await finished({ retry: 'never' })]) {
      const none = await certificate(id);
      expect([none.statusCode, code(none)]).toEqual([409, 'no-certificate']);
      expect(none.json()).toMatchObject({
        retryable: false,
        remedy: expect.stringMatching(/failure/) as string,
      });
    }
    expect(code(await certificate('nothing'))).toBe('unknown-job');
  });

  it('is shown to those who may read the job', async () => {
    const id = await finished();
    const other = await service.addKey('researcher');
    expect(code(await certificate(id, other.headers))).toBe('unknown-job');
    expect((await certificate(id, service.as.viewer)).statusCode).toBe(200);
  });
});
