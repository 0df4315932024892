// Ids.
import { describe, expect, it } from 'vitest';
import { HOUR_MS, type Fixture } from './fixture.ts';

export function idContract(at: () => Fixture): void {
  describe('ids', () => {
    it('ids rise over a restart with the clock set back', async () => {
      const { id } = await at().store.audit.append({
        keyId: null,
        action: 'a',
        target: null,
        outcome: 'ok',
        correlationId: null,
        detail: {},
      });
      at().now_ms -= HOUR_MS;
      await at().reopen();
      expect(at().store.newId() > id).toBe(true);
    });
  });
}
