// What the store promises of drift: series by device, quantity and time, events that a calibration ends, and addenda that are
// written once and go with their job.
import { describe, expect, it } from 'vitest';
import type { DriftEventRow, DriftPointRow } from '../index.ts';
import { addModel, newJob, type Fixture } from './fixture.ts';

const START_MS = Date.UTC(2026, 10, 24);

export function driftContract(at: () => Fixture): void {
  const point = (change: Partial<DriftPointRow> = {}): Omit<DriftPointRow, 'id'> => ({
    device: 'twin-0',
    deviceUid: 'ab',
    program: 'p1',
    quantity: 'coupling',
    from_ms: START_MS,
    to_ms: START_MS + 1000,
    isBaseline: false,
    value_ratio: 0.01,
    stderr_ratio: 0.002,
    largest_ratio: 0.05,
    resolution_ratio: 0.03,
    chart_ratio: 1.7,
    worst: [{ name: '3-7', value_ratio: 0.05, stderr_ratio: 0.006, z: 8.3 }],
    ...change,
  });
  const event = (change: Partial<DriftEventRow> = {}) => ({
    device: 'twin-0',
    deviceUid: 'ab',
    program: 'p1',
    quantity: 'coupling',
    element: '3-7',
    value_ratio: 0.05,
    stderr_ratio: 0.006,
    z: 8.3,
    lastGood_ms: START_MS,
    alarm_ms: START_MS + 5000,
    ...change,
  });

  describe('drift', () => {
    it('gives points back as they were, by device, quantity and time, the newest ones oldest first', async () => {
      const { drift } = at().store;
      const later = { from_ms: START_MS + 1000, to_ms: START_MS + 2000, isBaseline: true, worst: [] };
      const written = await drift.addPoints([point(), point(later), point({ quantity: 'gain' })]);
      await drift.addPoints([point({ device: 'twin-1' })]);
      expect(await drift.addPoints([])).toEqual([]);
      const of = (query: object) => drift.points({ device: 'twin-0', quantity: 'coupling', ...query });
      expect(await of({})).toEqual(written.slice(0, 2));
      expect(await of({ limit: 1 })).toEqual([written[1]]);
      expect(await of({ from_ms: START_MS + 1001 })).toEqual([written[1]]);
      expect(await of({ to_ms: START_MS + 1999 })).toEqual([written[0]]);
      const newest = await drift.latest('twin-0');
      expect(newest.map(({ id }) => id).sort()).toEqual([written[1].id, written[2].id].sort());
      expect(await drift.prune(START_MS + 2000, 100)).toBe(3);
      expect(await of({})).toEqual([written[1]]);
    });

    it('ends the events of a chip together, once', async () => {
      const { drift } = at().store;
      const first = await drift.addEvent(event());
      const common = await drift.addEvent(event({ quantity: 'gain', element: null }));
      const other = await drift.addEvent(event({ deviceUid: 'cd', device: 'twin-1' }));
      expect(first).toMatchObject({ ...event(), endedAt_ms: null, calibration: null });
      expect(await drift.events({ device: 'twin-0', open: true })).toEqual([common, first]);
      const end = { at_ms: START_MS + 9000, calibration: 'C1' };
      expect(await drift.endEvents('ab', { ...end, quantities: ['offset'] })).toEqual([]);
      const ended = [first, common].map((row) => ({ ...row, endedAt_ms: end.at_ms, calibration: 'C1' }));
      expect(await drift.endEvents('ab', end)).toEqual(ended);
      expect(await drift.endEvents('ab', end)).toEqual([]);
      expect(await drift.events({ open: true })).toEqual([other]);
      expect(await drift.events({ open: false, order: 'oldest-first' })).toEqual(ended);
      expect(await drift.findEvent(first.id)).toEqual(ended[0]);
      expect(await drift.findEvent('none')).toBeNull();
    });

    it('keeps the first addendum of a job and an event, and lets it go with the job', async () => {
      const { store } = at();
      await addModel(store);
      const { id } = await store.jobs.add(newJob());
      const row = { jobId: id, event: 'E1', signingKey: 'k', document: 'first' };
      const kept = await store.drift.addAddendum(row);
      expect(await store.drift.addAddendum({ ...row, document: 'second' })).toEqual(kept);
      await store.drift.addAddendum({ ...row, event: 'E2' });
      expect((await store.drift.addenda(id)).map((one) => one.event)).toEqual(['E1', 'E2']);
      await store.jobs.transition(id, 'queued', 'cancelled');
      await store.deletion.job(id);
      expect(await store.drift.addenda(id)).toEqual([]);
    });
  });
}
