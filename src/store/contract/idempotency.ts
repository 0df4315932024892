// Answers that are kept for a day.
import { describe, expect, it } from 'vitest';
import { HOUR_MS, type Fixture } from './fixture.ts';

export function idempotencyContract(at: () => Fixture): void {
  describe('idempotency', () => {
    it('an idempotency row lives a day and then makes room', async () => {
      const row = {
        keyId: 'k1',
        route: 'POST /v1/jobs',
        idempotencyKey: 'i',
        bodySha256: 'aa',
        status: 201,
        headers: { location: '/v1/jobs/1' },
        body: { id: '1' },
      };
      const added = await at().store.idempotency.add(row);
      expect(await at().store.idempotency.find('k1', 'POST /v1/jobs', 'i')).toEqual(added);
      expect(await at().store.idempotency.find('k2', 'POST /v1/jobs', 'i')).toBeNull();
      await expect(at().store.idempotency.add(row)).rejects.toMatchObject({ code: 'conflict' });
      at().now_ms += 24 * HOUR_MS;
      expect(await at().store.idempotency.find('k1', 'POST /v1/jobs', 'i')).toBeNull();
      await at().store.idempotency.add(row);
      at().now_ms += 24 * HOUR_MS;
      expect(await at().store.idempotency.prune()).toBe(1);
    });
  });
}
