// The typed client against the real service and twin: the whole loop as a program would write it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClientError, ThermoloopClient } from '../../src/client/index.ts';
import { startRealService, type RealService } from '../support/real-service.ts';

let service: RealService;
beforeAll(async () => {
  service = await startRealService();
});
afterAll(() => service.close());

const pair = { couplings: [[0, 0.1], [0.1, 0]], metadata: { name: 'pair' } }; // prettier-ignore

describe('the client and the service', () => {
  it('does the loop: model, job with progress, samples, certificate, lists', async () => {
    const { client } = service;
    const model = await client.uploadModel(pair);
    expect(await client.get('/v1/models/{digest}', { params: { path: { digest: model } } })).toMatchObject({
      name: 'pair',
      units: 2,
    });
    const states: string[] = [];
    const { id } = await client.submitJob({
      model,
      device: { id: 'chip-0', backend: 'twin' },
      relax: { duration_s: 2.5e-6 },
      samples: { count: 30 },
      record: { heat: true },
      seed: 7,
    });
    const job = await client.waitForJob(id, { onState: ({ state }) => states.push(state) });
    expect([job.state, states.at(-1)]).toEqual(['succeeded', 'succeeded']);
    const { shape, x } = await client.samples(id);
    expect([shape, x.length]).toEqual([[30, 2, 2], 120]);
    const set = await client.sampleSet(id);
    expect(set.x).toEqual(x);
    expect([set.time_s.length, set.heat_kT?.length]).toEqual([2, 30]);
    const certificate = await client.get('/v1/jobs/{id}/certificate', { params: { path: { id } } });
    expect(certificate.job.id).toBe(id);
    const listed: string[] = [];
    for await (const one of client.all('/v1/jobs', { limit: '1' })) listed.push(one.id);
    expect(listed).toContain(id);
  });

  it('tries a job out, and submits many at once', async () => {
    const { client } = service;
    const model = await client.uploadModel(pair);
    const job = { model, device: { id: 'chip-0' }, relax: { duration_s: 2.5e-6 }, samples: { count: 5 } };
    const dryRun = await client.validateJob(job);
    expect([dryRun.ok, dryRun.problems]).toEqual([true, []]);
    expect(dryRun.rounding?.coupling.error?.worst).toEqual([0, 1]);
    expect(dryRun.upload?.sends).toBe('nothing');
    expect(dryRun.energy.run_J).toBeCloseTo((dryRun.energy.power_W ?? NaN) * 5 * 5e-6, 12);
    const id = 'many';
    const { accepted, items } = await client.submitJobs([job, { ...job, seed: -1 }], { id });
    expect([accepted, items.map(({ job: made }) => made?.state ?? null)]).toEqual([1, ['queued', null]]);
    expect(items[1].problem?.errors).toMatchObject([{ pointer: '/seed' }]);
    const again = await client.submitJobs([job, { ...job, seed: -1 }], { id });
    expect(again.items[0].job?.id).toBe(items[0].job?.id);
  });

  it('hears of a job from its beginning to its end', async () => {
    const { client } = service;
    const model = await client.uploadModel(pair);
    const states: string[] = [];
    let id: string | null = null;
    for await (const message of client.events({ topics: ['job.*'] })) {
      if (message.type === 'snapshot' && id === null) {
        const job = { model, device: { id: 'chip-0' }, relax: { duration_s: 2.5e-6 }, samples: { count: 5 } };
        ({ id } = await client.submitJob(job));
      }
      if (message.type !== 'event' || message.topic !== 'job.state' || message.data.id !== id) continue;
      states.push(message.data.state);
      if (message.data.state === 'succeeded') break;
    }
    expect(states).toEqual(['queued', 'running', 'succeeded']);
  });

  it('measures the noise temperature', async () => {
    const { values } = await service.client.calibrate({
      device: 'chip-0',
      kind: 'noise-temperature',
      options: { holds: 20 },
    });
    expect(Number(values?.['noiseTemperature_ratio'])).toBeGreaterThan(0.5);
  });

  it('gives the same job for the same id, and refuses another one under it', async () => {
    const { client } = service;
    const model = await client.uploadModel(pair);
    const job = { model, device: { id: 'chip-0' }, relax: { duration_s: 2.5e-6 }, samples: { count: 1 } };
    const [one, two] = [
      await client.submitJob(job, { id: 'once' }),
      await client.submitJob(job, { id: 'once' }),
    ];
    expect(two.id).toBe(one.id);
    await expect(client.submitJob({ ...job, samples: { count: 2 } }, { id: 'once' })).rejects.toMatchObject({
      code: 'idempotency-mismatch',
    });
  });

  it('throws what the service refuses with its remedy, and knows when nobody is there', async () => {
    const error = await service.client.job('nothing').catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toMatchObject({ code: 'unknown-job', status: 404, retryable: false });
    expect((error as ClientError).remedy).not.toBe('');
    const stranger = new ThermoloopClient({ baseUrl: service.url, key: 'tlk_no_one' });
    await expect(stranger.get('/v1/devices')).rejects.toMatchObject({ code: 'unauthenticated' });
    const nobody = new ThermoloopClient({ baseUrl: 'http://127.0.0.1:1', retry: { attempts: 1 } });
    await expect(nobody.get('/v1/devices')).rejects.toMatchObject({ code: 'unreachable', status: null });
  });
});
