// API keys: edits, use and revocation.
import { describe, expect, it } from 'vitest';
import { type Fixture } from './fixture.ts';

export function keyContract(at: () => Fixture): void {
  describe('keys', () => {
    it('keys are found, noted as used at most once a minute, and revoked once', async () => {
      const key = { id: 'k1', name: 'lab', role: 'operator', scopes: ['job:read'], secretSha256: 'ab' };
      const added = await at().store.keys.add({ ...key, expiresAt_ms: null });
      expect(added).toMatchObject({ lastUsedAt_ms: null, revokedAt_ms: null, scopes: ['job:read'] });
      expect(added).toMatchObject({
        revision: 0,
        limits: { devices: null, requestsPerMinute: null, cidr: [] },
      });
      const limits = { ...added.limits, devices: ['chip-0'], requestsPerMinute: 0 };
      const edited = await at().store.keys.edit('k1', 0, { limits });
      expect(edited).toEqual({ ...added, limits, revision: 1 });
      await expect(at().store.keys.edit('k1', 0, { name: 'x' })).rejects.toMatchObject({ code: 'conflict' });
      await expect(at().store.keys.edit('k2', 0, { name: 'x' })).rejects.toMatchObject({ code: 'not-found' });
      const first_ms = at().now_ms;
      await at().store.keys.touch('k1');
      at().now_ms += 30_000;
      await at().store.keys.touch('k1');
      expect((await at().store.keys.find('k1'))?.lastUsedAt_ms).toBe(first_ms);
      at().now_ms += 30_000;
      await at().store.keys.touch('k1');
      expect((await at().store.keys.find('k1'))?.lastUsedAt_ms).toBe(at().now_ms);
      const revoked = await at().store.keys.revoke('k1');
      at().now_ms += 1;
      expect(await at().store.keys.revoke('k1')).toEqual(revoked);
      await expect(at().store.keys.edit('k1', revoked.revision, { name: 'x' })).rejects.toMatchObject({
        code: 'conflict',
      });
      await expect(at().store.keys.revoke('k2')).rejects.toMatchObject({ code: 'not-found' });
      await expect(at().store.keys.add({ ...key, expiresAt_ms: null })).rejects.toMatchObject({
        code: 'conflict',
      });
      expect(await at().store.keys.count()).toBe(1);
    });
  });
}
