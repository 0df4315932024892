// What the store promises of the heat ledger: one entry for each attempt, sums that keep jobs and device, joules and kT apart,
// and an account that outlives the job.
import { describe, expect, it } from 'vitest';
import type { HeatQuery, NewHeatEntry } from '../index.ts';
import { HOUR_MS, addModel, newJob, type Fixture } from './fixture.ts';

const START_MS = Date.UTC(2026, 10, 24);

export function heatContract(at: () => Fixture): void {
  const entry = (change: Partial<NewHeatEntry> = {}): NewHeatEntry => ({
    device: 'twin-0',
    backend: 'twin',
    jobId: 'J1',
    attempt: 1,
    keyId: 'a',
    ended: 'succeeded',
    from_ms: START_MS,
    to_ms: START_MS + 1000,
    samples: 10,
    effectiveSamples: null,
    energy_J: { idle: 0.5, program: 1, relax: 2, read: 4 },
    energyReason: null,
    released_kT: 30,
    absorbed_kT: 2,
    heatReason: null,
    calibration: 'C1',
    ...change,
  });
  const own = { jobId: null, attempt: null, keyId: null, ended: null, samples: 0, calibration: null };
  const device = (change: Partial<NewHeatEntry> = {}): NewHeatEntry =>
    entry({ ...own, released_kT: null, absorbed_kT: null, ...change });
  const groups = (change: Partial<HeatQuery>) =>
    at().store.heat.groups({
      device: 'twin-0',
      by: 'job',
      from_ms: START_MS,
      to_ms: START_MS + 24 * HOUR_MS,
      limit: 50,
      ...change,
    });

  describe('heat ledger', () => {
    it('takes one entry for each attempt, and gives it back as it was', async () => {
      const { heat } = at().store;
      const written = await heat.add(entry({ effectiveSamples: 7.5 }));
      expect(written).toMatchObject({ ...entry({ effectiveSamples: 7.5 }), at_ms: at().now_ms });
      await expect(heat.add(entry())).rejects.toMatchObject({ code: 'conflict' });
      const second = await heat.add(entry({ attempt: 2, energy_J: null, energyReason: 'no sensors' }));
      expect(await heat.ofJob('J1')).toEqual([written, second]);
      await heat.add(device());
      await heat.add(device());
    });

    it('sums by job, key and hour, and never mixes jobs with the device itself', async () => {
      const { heat } = at().store;
      await heat.add(entry());
      await heat.add(entry({ attempt: 2, energy_J: null, released_kT: null, absorbed_kT: null, samples: 0 }));
      await heat.add(entry({ jobId: 'J2', keyId: 'b', calibration: 'C2', to_ms: START_MS + HOUR_MS + 1 }));
      await heat.add(device({ energy_J: { idle: 9, program: 0, relax: 0, read: 0 } }));
      await heat.add(entry({ jobId: 'J3', device: 'other' }));
      const [J2, J1] = await groups({});
      expect(J1).toEqual({
        group: 'J1',
        keyId: 'a',
        attempts: 2,
        measured: 1,
        samples: 10,
        effectiveSamples: null,
        energy_J: { idle: 0.5, program: 1, relax: 2, read: 4 },
        deviceEnergy_J: null,
        released_kT: 30,
        absorbed_kT: 2,
        heatSamples: 10,
        calibration: 'C1',
      });
      expect(J2).toMatchObject({ group: 'J2', keyId: 'b', attempts: 1 });
      const keys = await groups({ by: 'key' });
      expect(
        keys.map((g) => [g.group, g.attempts, g.energy_J?.read ?? null, g.deviceEnergy_J?.idle ?? null]),
      ).toEqual([
        ['device', 0, null, 9],
        ['b', 1, 4, null],
        ['a', 2, 4, null],
      ]);
      const hours = await groups({ by: 'hour' });
      expect(
        hours.map((g) => [Number(g.group) - START_MS, g.samples, g.keyId, g.deviceEnergy_J?.idle ?? null]),
      ).toEqual([
        [HOUR_MS, 10, 'b', null],
        [0, 10, 'a', 9],
      ]);
      expect(
        (await groups({ by: 'hour', keyId: 'b' })).map((g) => [g.samples, g.deviceEnergy_J?.idle ?? null]),
      ).toEqual([
        [10, null],
        [0, 9],
      ]);
      expect(await groups({ keyId: 'c' })).toEqual([]);
    });

    it('pages, and keeps to the times that were asked for', async () => {
      const { heat } = at().store;
      for (const [jobId, hour] of [
        ['J1', 0],
        ['J2', 1],
        ['J3', 2],
      ] as const)
        await heat.add(entry({ jobId, to_ms: START_MS + (hour + 1) * HOUR_MS }));
      const names = async (change: Partial<HeatQuery>) => (await groups(change)).map(({ group }) => group);
      expect(await names({ limit: 2 })).toEqual(['J3', 'J2']);
      expect(await names({ limit: 2, after: 'J2' })).toEqual(['J1']);
      expect(await names({ from_ms: START_MS + HOUR_MS, to_ms: START_MS + 2 * HOUR_MS })).toEqual(['J2']);
      const [last] = await names({ by: 'hour', limit: 1 });
      expect(await names({ by: 'hour', after: last })).toEqual([
        String(START_MS + HOUR_MS),
        String(START_MS),
      ]);
    });

    it('knows effective samples only where they are known of all', async () => {
      const { heat } = at().store;
      await heat.add(entry({ effectiveSamples: 4 }));
      expect((await groups({ by: 'key' }))[0].effectiveSamples).toBe(4);
      await heat.add(entry({ jobId: 'J2', ended: 'failed', samples: 0 }));
      expect((await groups({ by: 'key' }))[0].effectiveSamples).toBe(4);
      await heat.add(entry({ jobId: 'J3' }));
      expect((await groups({ by: 'key' }))[0].effectiveSamples).toBeNull();
    });

    it('says what a key has spent since a time, on every device', async () => {
      const { store } = at();
      await store.heat.add(entry());
      at().now_ms += HOUR_MS;
      const since_ms = at().now_ms;
      await store.heat.add(entry({ jobId: 'J2', device: 'other' }));
      await store.heat.add(entry({ jobId: 'J3', keyId: 'b' }));
      await store.heat.add(device());
      expect(await store.heat.spent_J('a', 0)).toBe(15);
      expect(await store.heat.spent_J('a', since_ms)).toBe(7.5);
      expect(await store.heat.spent_J('nobody', 0)).toBe(0);
    });

    it('outlives its job, and is pruned by age', async () => {
      const { store } = at();
      await addModel(store);
      const { id } = await store.jobs.add(newJob({ keyId: 'a' }));
      await store.jobs.transition(id, 'queued', 'cancelled');
      await store.heat.add(entry({ jobId: id }));
      await store.deletion.job(id);
      expect(await store.heat.spent_J('a', 0)).toBe(7.5);
      at().now_ms += HOUR_MS;
      await store.heat.add(entry({ jobId: 'J9' }));
      expect(await store.heat.prune(at().now_ms, 9)).toBe(1);
      expect(await store.heat.ofJob(id)).toEqual([]);
      expect(await store.heat.ofJob('J9')).toHaveLength(1);
    });

    it('is undone with the commit that it belongs to', async () => {
      const { store } = at();
      const failed = store.transaction(async (tx) => {
        await tx.heat.add(entry());
        throw new Error('undone');
      });
      await expect(failed).rejects.toThrow('undone');
      expect(await store.heat.ofJob('J1')).toEqual([]);
    });
  });
}
