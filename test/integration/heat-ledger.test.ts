// The heat ledger end to end, in virtual time: what the meters of the twin's board say in all is what stands in the ledger.
import { describe, expect, it } from 'vitest';
import { emptyModel, encodeModelNpz } from '../../src/physics/index.ts';
import { startVirtualService } from '../support/virtual-service.ts';

const UNITS = 16;
const LIMIT = { timeout: 120_000 };
/** Idle power of the ideal chip: 0.4 W and 0.3 W. */
const IDLE_W = 0.7;

describe('the heat ledger of a twin', () => {
  it(
    'has every joule of the board since the first job, in hours, jobs and the device itself',
    LIMIT,
    async () => {
      const service = await startVirtualService({ units: UNITS, seed: 5n, profile: 'ideal', first_s: 60 });
      const { client, clock } = service;
      const run = async (samples: number): Promise<string> => {
        const { id } = await client.json('POST', '/v1/jobs', {
          model,
          device: { id: 'chip-0' },
          relax: { duration_s: 2.5e-6 },
          samples: { count: samples },
          seed: 7,
        });
        return String(id);
      };
      let go = await service.first;
      const model = await client.uploadModel(encodeModelNpz({ model: emptyModel(UNITS), metadata: {} }));
      const ids: string[] = [];
      for (const [samples, next_s] of [
        [40, 5 * 3600 + 60],
        [60, 5 * 3600 + 120],
      ]) {
        ids.push(await run(samples));
        const later = service.at(next_s);
        go();
        go = await later;
      }
      const results = await Promise.all(ids.map((id) => client.wait(`/v1/jobs/${id}`)));
      const span = `from=${new Date(clock.wall_ms() - 86_400_000).toISOString()}&to=${new Date(clock.wall_ms()).toISOString()}`;
      const ledger = async (by: string) =>
        (
          (await client.json('GET', `/v1/devices/chip-0/heat?groupBy=${by}&${span}`)) as unknown as {
            items: {
              group: string;
              samples: number;
              energy_J: Record<string, number> | null;
              deviceEnergy_J: Record<string, number> | null;
            }[];
          }
        ).items;
      const jobs = await ledger('job');
      const hours = await ledger('hour');
      go();
      await service.close();

      expect(jobs.map(({ group, samples }) => [group, samples])).toEqual([
        [ids[1], 60],
        [ids[0], 40],
      ]);
      for (const [k, result] of results.entries()) {
        const { energy_J } = result['result'] as { energy_J: Record<string, number> };
        expect(jobs[1 - k].energy_J).toEqual(energy_J);
        expect(energy_J['relax']).toBeGreaterThan(0);
        expect(energy_J['read']).toBeGreaterThan(0);
        const { idle, program, relax, read } = energy_J;
        expect(energy_J['total']).toBeCloseTo(idle + program + relax + read, 12);
      }
      // Between the jobs the device idles for five hours less what the first job took: 0.7 W, hour by hour; the board counts
      // as programming for 50 ms after the last byte of an image, which is 0.035 J more in all.
      const own = hours.map(({ deviceEnergy_J }) => deviceEnergy_J?.['total'] ?? 0);
      expect(own).toHaveLength(6);
      for (const full of own.slice(1, 5)) expect(full).toBeCloseTo(IDLE_W * 3600, 1);
      const all = own.reduce((sum, value) => sum + value, 0);
      expect(all).toBeLessThanOrEqual(IDLE_W * 5 * 3600 + 0.1);
      expect(all).toBeGreaterThan(IDLE_W * (5 * 3600 - 60));
    },
  );
});
