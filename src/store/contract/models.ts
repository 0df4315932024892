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

    it('belong to every key that uploaded them', async () => {
      const { models } = at().store;
      const row = { ...MODEL_ROW, metadata: {} };
      for (const keyId of ['k1', 'k2', 'k1']) await models.add({ ...row, keyId });
      const owned = await Promise.all(['k1', 'k2', 'k3', ''].map((keyId) => models.isOwner(MODEL, keyId)));
      expect(owned).toEqual([true, true, false, false]);
      expect(await models.list({ keyId: 'k2' })).toHaveLength(1);
      expect(await models.list({ keyId: 'k3' })).toEqual([]);
      expect((await models.find(MODEL))?.keyId).toBeNull();
    });
  });
}
