// The dry run: it says what a submission would say, and more, and leaves no trace.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';

interface Answer {
  ok: boolean;
  problems: { code: string; detail: string; errors?: { pointer?: string }[]; remedy: string }[];
  request: Record<string, unknown> | null;
  rounding: Record<string, { beyond: number; error: { worst: number[]; max_E0: number } | null }> | null;
  schedule: { total_s: number; perSample_s: number; reads: number; sampleBytes: number } | null;
  upload: { sends: string; bytes: number } | null;
  uploadReason: string | null;
  line: { rate_Bps: number | null; upload_s: number | null };
  queue: {
    jobsAhead: number;
    calibrationsAhead: number;
    running: boolean;
    startsIn_s: number | null;
    takes_s: number | null;
    reason: string | null;
  } | null;
  holds: { reason: string; until: string | null }[];
  energy: { run_J: number | null; power_W: number | null; reason: string | null };
}

let service: TestService;
let model: string;
beforeEach(async () => {
  service = await startTestService();
  model = await service.uploadPair();
});
afterEach(async () => {
  service.device.held = false;
  service.device.release();
  await service.close();
});

async function validate(body: object | string, options: object = { role: 'researcher' }): Promise<Answer> {
  const response = await service.call('POST', '/v1/jobs/validate', { body, ...options });
  expect(response.statusCode).toBe(200);
  return response.json();
}
const codes = ({ problems }: Answer): string[] => problems.map(({ code }) => code);
const pointers = ({ problems }: Answer): (string | undefined)[] =>
  problems.flatMap(({ errors = [{}] }) => errors.map(({ pointer }) => pointer));

describe('a job that would be taken', () => {
  it('is told with its rounding, its time and its bytes, and is not queued', async () => {
    const answer = await validate(jobBody(model, { samples: { count: 100 } }));
    expect(answer).toMatchObject({ ok: true, problems: [], holds: [] });
    expect(answer.request).toMatchObject({ noiseTemperature: 1, priority: 'normal', retry: 'auto' });
    expect(answer.rounding?.['coupling']).toMatchObject({ beyond: 0, error: { worst: [0, 1] } });
    // Prepared as long as it runs, and read at switch-on and at its end: two units are three bytes.
    expect(answer.schedule?.perSample_s).toBeCloseTo(5e-6, 15);
    expect(answer.schedule).toMatchObject({ samples: 100, reads: 2, sampleBytes: 100 * 6 });
    expect(answer.schedule?.total_s).toBeCloseTo(5e-4, 12);
    expect(answer.upload).toBeNull();
    expect(answer.uploadReason).toMatch(/does not tell/);
    expect(answer.line).toEqual({ rate_Bps: null, upload_s: null, samples_s: null });
    expect(await service.store.jobs.list()).toEqual([]);
  });

  it('is told what would be loaded, where the device says', async () => {
    service.device.forecastLoad = async ({ bytes }) => ({ sends: 'image', bytes: bytes.length });
    expect((await validate(jobBody(model))).upload).toEqual({ sends: 'image', bytes: 128 + 3 * 3 + 3 });
    service.device.forecastLoad = () => Promise.reject(new Error('the line is cut'));
    const cut = await validate(jobBody(model));
    expect([cut.ok, cut.upload, cut.uploadReason]).toEqual([true, null, expect.stringMatching(/is cut/)]);
  });

  it('is told what dithering and a faster clock come to', async () => {
    const images: string[] = [];
    service.device.forecastLoad = async ({ id, bytes }) => {
      images.push(id);
      return { sends: 'image', bytes: bytes.length };
    };
    const dithered = await validate(
      jobBody(model, { samples: { count: 20_000 }, mitigation: { dither: 4 } }),
    );
    expect(dithered).toMatchObject({ ok: true, upload: null, schedule: { samples: 20_000 } });
    expect(dithered.uploadReason).toMatch(/each of the 4 roundings .* 140 bytes/);
    const fast = await validate(jobBody(model, { clock: { scale: 2 } }));
    expect(fast.schedule?.perSample_s).toBeCloseTo(2.5e-6, 15);
    await validate(jobBody(model));
    expect(new Set(images).size).toBe(2);
  });

  it('is told its energy at the power that the sensors measure', async () => {
    expect((await validate(jobBody(model))).energy).toMatchObject({ run_J: null, reason: 'it has none' });
    service.device.reads({ coreVoltage_V: 1.2, coreCurrent_A: 0.5, ioVoltage_V: 3, ioCurrent_A: null });
    const { energy, schedule } = await validate(jobBody(model));
    expect(energy).toMatchObject({ power_W: 0.6, reason: null });
    expect(energy.run_J).toBeCloseTo(0.6 * (schedule?.total_s ?? NaN), 15);
    service.device.reads({ dieTemperature_C: 40 });
    expect((await validate(jobBody(model))).energy.reason).toMatch(/no sensors of voltage/);
  });
});

describe('a job that would be refused', () => {
  it('is told every problem that a submission would give one after another, the first of them first', async () => {
    const wrong = jobBody(model, {
      samples: { count: 20_000 },
      step_s: 1,
      deadline: '2001-01-01T00:00:00Z',
      device: { id: 'chip-0', backend: 'chip' },
    });
    service.device.become('offline');
    const answer = await validate(wrong);
    const submitted = await service.call('POST', '/v1/jobs', { role: 'researcher', body: wrong });
    expect(submitted.json()).toMatchObject({
      code: answer.problems[0].code,
      detail: answer.problems[0].detail,
    });
    expect(answer.ok).toBe(false);
    expect(pointers(answer)).toEqual([
      '/deadline',
      '/device/backend',
      '/device/id',
      '/samples/count',
      '/step_s',
    ]);
    expect(answer.problems.every(({ remedy }) => remedy !== '')).toBe(true);
    expect(answer.schedule).toBeNull();
    expect(answer.holds).toMatchObject([{ reason: 'device-offline' }]);
  });

  it('with values beyond what the device offers says how many, and by how much', async () => {
    const strong = await service.uploadPair(5);
    const answer = await validate(jobBody(strong));
    expect(codes(answer)).toEqual(['coupling-out-of-range']);
    expect(answer.rounding?.['coupling']).toMatchObject({ beyond: 1, error: null });
    expect(answer.rounding?.['j2'].error).not.toBeNull();
  });

  it('for an unknown model or device is told that once', async () => {
    expect(codes(await validate(jobBody(`sha256:${'0'.repeat(64)}`)))).toEqual(['unknown-model']);
    const nowhere = await validate(jobBody(model, { device: { id: 'none' } }));
    expect(codes(nowhere)).toEqual(['unknown-device']);
    expect(nowhere.queue).toBeNull();
  });

  it.each<[string, object | string]>([
    ['no members', {}],
    ['a list', []],
    ['a text', '"job"'],
    ['null', 'null'],
    ['a wrong type', { model: 3, device: 'chip-0' }],
    ['an unknown name', { ...jobBody(`sha256:${'0'.repeat(64)}`), colour: 'red' }],
  ])('because it is no job (%s) is told so', async (_name, body) => {
    const answer = await validate(body, {
      headers: { ...service.as.researcher, 'content-type': 'application/json' },
    });
    expect(answer).toMatchObject({ ok: false, request: null, rounding: null, schedule: null, queue: null });
    expect(codes(answer)).toEqual(['validation-failed']);
  });

  it('because it is no JSON is a problem of the request', async () => {
    const headers = { ...service.as.researcher, 'content-type': 'application/json' };
    const response = await service.call('POST', '/v1/jobs/validate', { headers, body: '{"model":' });
    expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([400, 'malformed-json']);
  });

  it('by the limits of the key is told all of them', async () => {
    const { headers } = await service.addKey('researcher', [], undefined, {
      maxPriority: 'batch',
      devices: ['other'],
      storageBytesMax: 1,
      queuedJobsMax: 0,
      energyPerDay_J: 0,
    });
    const body = jobBody(model, { priority: 'normal', id: '0'.repeat(26) });
    const answer = await validate(body, { headers });
    expect(codes(answer)).toEqual([
      'forbidden',
      'forbidden',
      'validation-failed',
      'storage-quota',
      'queue-full',
      'energy-budget-spent',
    ]);
    expect(pointers(answer)).toEqual(['/device/id', '/priority', '/id', '/samples', '', '']);
  });

  it('that may wait for its budget would be held for it', async () => {
    const { headers } = await service.addKey('researcher', [], undefined, { energyPerDay_J: 0 });
    const answer = await validate(jobBody(model, { onUnmet: 'wait' }), { headers });
    expect([answer.ok, answer.holds.map(({ reason }) => reason)]).toEqual([true, ['budget']]);
  });

  it('because its id is taken is told so', async () => {
    const id = service.store.newId();
    await service.call('POST', '/v1/jobs', { role: 'researcher', body: jobBody(model, { id }) });
    const answer = await validate(jobBody(model, { id }));
    expect([codes(answer), pointers(answer)]).toEqual([['state-conflict'], ['/id']]);
  });
});

describe('the queue before a job', () => {
  const submit = async (change: object = {}): Promise<void> => {
    const started = service.device.held ? null : service.device.started();
    const { statusCode } = await service.call('POST', '/v1/jobs', {
      role: 'researcher',
      body: jobBody(model, change),
    });
    expect(statusCode).toBe(201);
    await started;
  };
  const settled = async (): Promise<void> => {
    while ((await service.store.jobs.countByState()).succeeded === 0)
      await new Promise((resolve) => setTimeout(resolve, 2));
  };

  it('has no time while no job has ended on the device', async () => {
    expect((await validate(jobBody(model))).queue).toMatchObject({
      jobsAhead: 0,
      startsIn_s: 0,
      takes_s: null,
      reason: expect.stringMatching(/no job has ended/) as string,
    });
  });

  it('counts who is before it at its priority, and how long they take at the pace of late', async () => {
    await submit();
    await settled();
    service.device.held = true;
    const started = service.device.started();
    await submit();
    await started;
    for (const priority of ['interactive', 'normal', 'normal', 'batch']) await submit({ priority });
    const ahead = async (priority: string) => (await validate(jobBody(model, { priority }))).queue;
    expect(await ahead('interactive')).toMatchObject({ jobsAhead: 1, running: true, reason: null });
    expect(await ahead('normal')).toMatchObject({ jobsAhead: 3 });
    const last = await ahead('batch');
    expect(last).toMatchObject({ jobsAhead: 4, calibrationsAhead: 0 });
    // Equal jobs: each waits for those before it.
    expect(last?.startsIn_s).toBeGreaterThanOrEqual(4 * (last?.takes_s ?? NaN));
  });

  it('knows no time behind a hold without an end', async () => {
    await submit();
    await settled();
    await service.call('PUT', '/v1/devices/chip-0/state', {
      role: 'operator',
      body: { desired: 'maintenance' },
      headers: { 'if-match': '*' },
    });
    const { ok, holds, queue } = await validate(jobBody(model));
    expect([ok, holds.map(({ reason }) => reason)]).toEqual([true, ['maintenance']]);
    expect(queue).toMatchObject({ startsIn_s: null, reason: expect.stringMatching(/held/) as string });
  });

  it('begins when the lease of another key ends', async () => {
    await submit();
    await settled();
    const { headers } = await service.addKey('operator');
    const lease = await service.call('POST', '/v1/devices/chip-0/leases', { headers, body: { ttl_s: 300 } });
    expect(lease.statusCode).toBe(201);
    const { holds, queue } = await validate(jobBody(model));
    expect(holds).toMatchObject([{ reason: 'lease', until: expect.any(String) as string }]);
    expect(queue?.startsIn_s).toBeGreaterThan(200);
  });
});
