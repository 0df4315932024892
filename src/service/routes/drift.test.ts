// GET /v1/devices/{id}/drift: series, events and what is known now, and the queries that it refuses.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestService, type TestService } from '../../../test/support/test-service.ts';
import type { DriftPointRow, Json } from '../../store/index.ts';

let service: TestService;
beforeEach(async () => {
  service = await startTestService();
});
afterEach(() => service.close());

const MINUTE_MS = 60_000;

async function ask(query: string): Promise<{ status: number; body: Record<string, Json> }> {
  const answer = await service.call('GET', `/v1/devices/chip-0/drift${query}`, { role: 'viewer' });
  return { status: answer.statusCode, body: answer.json() };
}

async function addPoints(now_ms: number): Promise<void> {
  const point = (minutesAgo: number, change: Partial<DriftPointRow>): Omit<DriftPointRow, 'id'> => ({
    device: 'chip-0',
    deviceUid: 'ab',
    program: 'p1',
    quantity: 'coupling',
    from_ms: now_ms - (minutesAgo + 1) * MINUTE_MS,
    to_ms: now_ms - minutesAgo * MINUTE_MS,
    isBaseline: false,
    value_ratio: 0.01,
    stderr_ratio: 0.002,
    largest_ratio: 0.05,
    resolution_ratio: 0.03,
    chart_ratio: 1.7,
    worst: ['3-7', '1-2', '4-5'].map((name, k) => ({
      name,
      value_ratio: 0.05 / (k + 1),
      stderr_ratio: 0.006,
      z: 8.3 / (k + 1),
    })),
    ...change,
  });
  await service.store.drift.addPoints([
    point(90, { isBaseline: true }),
    point(5, {}),
    point(4, { quantity: 'gain', worst: [] }),
  ]);
}

describe('drift of a device', () => {
  it('is told with names, events and series', async () => {
    const now_ms = Date.now();
    await addPoints(now_ms);
    const event = await service.store.drift.addEvent({
      device: 'chip-0',
      deviceUid: 'ab',
      program: 'p1',
      quantity: 'coupling',
      element: '3-7',
      value_ratio: 0.05,
      stderr_ratio: 0.006,
      z: 8.3,
      lastGood_ms: now_ms - 7 * MINUTE_MS,
      alarm_ms: now_ms - 5 * MINUTE_MS,
    });
    const all = await ask('');
    expect(all).toMatchObject({ status: 200, body: { device: 'chip-0', now: null } });
    expect(all.body['points']).toMatchObject([
      { quantity: 'coupling', isBaseline: false, worst: [{ name: '3-7' }, { name: '1-2' }, { name: '4-5' }] },
      { quantity: 'gain', worst: [] },
    ]);
    expect(all.body['events']).toMatchObject([
      { id: event.id, element: '3-7', ended: null, calibration: null },
    ]);
    const from = new Date(now_ms - 120 * MINUTE_MS).toISOString();
    const couplings = await ask(`?quantity=coupling&top=1&from=${from}`);
    expect(couplings.body['points']).toMatchObject([
      { isBaseline: true },
      { worst: [{ name: '3-7', value_ratio: 0.05, z: 8.3 }] },
    ]);
    expect((await ask('?quantity=gain')).body['events']).toEqual([]);
    expect((await ask(`?limit=1&from=${from}`)).body['points']).toMatchObject([{ quantity: 'gain' }]);
  });

  it('refuses what is no query', async () => {
    for (const query of [
      '?quantity=heat',
      '?top=21',
      '?top=x',
      '?limit=0',
      '?from=yesterday',
      '?from=2026-11-25T02:00:00Z&to=2026-11-25T01:00:00Z',
      '?since=1',
    ])
      expect([query, (await ask(query)).status]).toEqual([query, 422]);
    const unknown = await service.call('GET', '/v1/devices/nobody/drift', { role: 'viewer' });
    expect([unknown.statusCode, unknown.json<{ code: string }>().code]).toEqual([404, 'unknown-device']);
  });
});
