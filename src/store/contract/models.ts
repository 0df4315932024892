// Models: named by their digest, and never changed.
import { beforeEach, describe, expect, it } from 'vitest';
import { addModel, MODEL, MODEL_ROW, type Fixture } from './fixture.ts';

export function modelContract(at: () => Fixture): void {
  describe('models', () => {
    beforeEach(async () => {
      await addModel(at().store);
    });

    it('are what they were at their first upload', async () => {
      const again = await at().store.models.add({ ...MODEL_ROW, name: 'other', metadata: {} });
      expect(again.created).toBe(false);
      expect(again.row).toMatchObject({
        name: 'm',
        metadata: { energyUnit: 'E0' },
        createdAt_ms: at().now_ms,
      });
      expect(await at().store.models.find(MODEL)).toEqual(again.row);
      expect(await at().store.models.find('sha256:00')).toBeNull();
      expect(await at().store.models.list()).toHaveLength(1);
    });
  });
}
