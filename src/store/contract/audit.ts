// The audit.
import { describe, expect, it } from 'vitest';
import { type Fixture } from './fixture.ts';

export function auditContract(at: () => Fixture): void {
  describe('audit', () => {
    it('the audit lists what was appended', async () => {
      const row = { keyId: 'k1', action: 'job.submit', target: 'j', outcome: 'ok', correlationId: null };
      const first = await at().store.audit.append({ ...row, detail: { count: 3 } });
      const second = await at().store.audit.append({ ...row, action: 'key.revoke', detail: {} });
      expect(await at().store.audit.list()).toEqual([second, first]);
      expect(await at().store.audit.list({ action: 'job.submit', keyId: 'k1' })).toEqual([first]);
      expect(await at().store.audit.list({ target: 'j', action: 'key.revoke' })).toEqual([second]);
      expect(await at().store.audit.list({ target: 'other' })).toEqual([]);
      expect(await at().store.audit.list({ since_ms: first.at_ms })).toEqual([second, first]);
      expect(await at().store.audit.list({ since_ms: second.at_ms + 1 })).toEqual([]);
    });
  });
}
