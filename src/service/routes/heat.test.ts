// The heat ledger over HTTP: what each key sees of it, sums per sample, pages, and what is refused.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';
import type { TelemetryReading } from '../../device/index.ts';

let service: TestService;
let model: string;
let own: Caller;
let other: Caller;
const jobs: string[] = [];
type Caller = Awaited<ReturnType<TestService['addKey']>>;
interface Ledger {
  items: { group: string; key: string | null; samples: number; [name: string]: unknown }[];
  nextCursor: string | null;
  code?: string;
}

const now_ms = Date.now();
/** Meters so many seconds ago, all at the same joules. */
function meters(ago_s: number, joules: number): TelemetryReading {
  const names = ['idleEnergy_J', 'programEnergy_J', 'relaxEnergy_J', 'readEnergy_J'] as const;
  const values = Object.fromEntries(names.map((name) => [name, joules]));
  return { at_ms: now_ms - ago_s * 1000, uptime_s: 1, values };
}

beforeAll(async () => {
  service = await startTestService();
  model = await service.uploadPair();
  own = await service.addKey('researcher');
  other = await service.addKey('researcher');
  const { device } = service;
  const readings = [meters(9000, 0), meters(8990, 1), meters(8980, 3), meters(8970, 4)];
  const readNow = async (): Promise<TelemetryReading | null> => readings.shift() ?? null;
  const { telemetry } = device;
  Object.defineProperty(device, 'telemetry', { value: { ...telemetry, readNow } });
  for (const caller of [own, other]) {
    const made = await service.call('POST', '/v1/jobs', { headers: caller.headers, body: jobBody(model) });
    const { id } = made.json<{ id: string }>();
    jobs.push(id);
    await service.runner.waitForEnd(id, 20_000);
  }
});
afterAll(() => service.close());

const get = async (caller: { headers: Record<string, string> }, query = '') => {
  const response = await service.call('GET', `/v1/devices/chip-0/heat${query}`, { headers: caller.headers });
  return { status: response.statusCode, headers: response.headers, body: response.json<Ledger>() };
};
const all = () => ({ headers: service.as.viewer });

describe('the heat ledger of a device', () => {
  it('shows a key its own jobs and the device itself, and all to job:read:all', async () => {
    const groups = async (caller: { headers: Record<string, string> }, by: string) =>
      (await get(caller, `?groupBy=${by}`)).body.items.map(({ group }) => group);
    expect(await groups(own, 'job')).toEqual([jobs[0]]);
    expect(await groups(all(), 'job')).toEqual([...jobs].reverse());
    expect((await groups(own, 'key')).sort()).toEqual([own.id, 'device'].sort());
    expect((await groups(all(), 'key')).sort()).toEqual([own.id, other.id, 'device'].sort());
  });

  it('has joules and kT side by side, per sample, with their sums', async () => {
    const [item] = (await get(own, '?groupBy=job')).body.items;
    expect(item).toMatchObject({
      group: jobs[0],
      key: own.id,
      attempts: 1,
      measured: 1,
      energy_J: { idle: 1, program: 1, relax: 1, read: 1, total: 4 },
      deviceEnergy_J: null,
      perSample_J: 4 / item.samples,
      effectiveSamples: null,
      perEffectiveSample_J: null,
      calibration: null,
    });
    const heat = item['heat'] as { released_kT: number; absorbed_kT: number; samples: number };
    expect(heat.samples).toBe(item.samples);
    const job = (await service.call('GET', `/v1/jobs/${jobs[0]}`, { headers: own.headers })).json<{
      result: { energy_J: object; energyReason: null; heat: { mean_kT: number } };
    }>();
    expect(job.result).toMatchObject({ energy_J: { total: 4 }, energyReason: null });
    expect((heat.released_kT - heat.absorbed_kT) / heat.samples).toBeCloseTo(job.result.heat.mean_kT, 9);
  });

  it('gives hours their beginning, and the device what lay between the jobs', async () => {
    const { items } = (await get(all())).body;
    const hour = new Date(Math.floor((now_ms - 8_970_000 - 1) / 3_600_000) * 3_600_000).toISOString();
    expect(items[0].group).toBe(hour);
    const total = items.reduce(
      (sum, item) => sum + ((item['deviceEnergy_J'] as { total: number } | null)?.total ?? 0),
      0,
    );
    expect(total).toBeCloseTo(8, 9);
  });

  it('comes in pages', async () => {
    const first = await get(all(), '?groupBy=job&limit=1');
    expect(first.body.items.map(({ group }) => group)).toEqual([jobs[1]]);
    expect(String(first.headers['link'])).toContain('rel="next"');
    const rest = await get(all(), `?groupBy=job&limit=1&cursor=${first.body.nextCursor}`);
    expect(rest.body.items.map(({ group }) => group)).toEqual([jobs[0]]);
  });

  it.each([
    ['?groupBy=week', 422],
    ['?from=yesterday', 422],
    ['?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 422],
    ['?limit=0', 422],
    ['?cursor=nonsense', 422],
    [`?cursor=${Buffer.from('01JD').toString('base64url')}`, 422],
    ['?other=1', 422],
  ])('refuses %s', async (query, status) => {
    const refused = await get(own, query);
    expect([refused.status, refused.body.code]).toEqual([status, 'validation-failed']);
  });

  it('is empty outside the times, and knows no other device', async () => {
    expect((await get(own, '?to=2020-01-01T00:00:00Z')).body.items).toEqual([]);
    const unknown = await service.call('GET', '/v1/devices/chip-9/heat', { headers: own.headers });
    expect(unknown.statusCode).toBe(404);
  });
});
